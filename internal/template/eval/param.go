// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Parameter is one member of the Parameters section with its value.
type Parameter struct {
	Name        string
	Type        string
	Description string
	NoEcho      bool // never print Value
	Given       bool // the value came from Options, not from Default
	Pos         tree.Pos
	// Value is a String, or a List of Strings for the list types. It is nil
	// for a parameter without a usable value, which is an error of New.
	Value *tree.Node

	decl *tree.Node
}

// String prints Name=value, with **** for a NoEcho parameter.
func (p Parameter) String() string { return p.Name + "=" + p.Print() }

// Print returns the value as a text that may be shown to anybody.
func (p Parameter) Print() string {
	if p.NoEcho {
		return "****"
	}
	if p.Value.IsList() {
		parts := make([]string, len(p.Value.Items))
		for i, it := range p.Value.Items {
			parts[i] = it.Text
		}
		return strings.Join(parts, ",")
	}
	s, _ := p.Value.Scalar()
	return s
}

func parameterKeys() []string {
	return []string{
		"AllowedPattern", "AllowedValues", "ConstraintDescription", "Default", "Description",
		"MaxLength", "MaxValue", "MinLength", "MinValue", "NoEcho", "Type",
	}
}

// readParameters gives every parameter its value. The errors are those of
// declarations and of values; all parameters that have none are one error.
func (sc *scope) readParameters() []error {
	var errs []error
	var missing []*Parameter
	for _, en := range section(sc.root, "Parameters") {
		p := &Parameter{Name: en.Key, Pos: en.KeyPos, decl: en.Value}
		sc.params[p.Name] = p
		sc.paramOrder = append(sc.paramOrder, p)
		if bad := sc.declare(p); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		text, ok, err := sc.given(p)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !ok:
			missing = append(missing, p)
		default:
			errs = append(errs, sc.setParameter(p, text)...)
		}
	}
	if len(missing) > 0 {
		errs = append(errs, missingError(missing))
	}
	return errs
}

// declare reads the declaration of p.
func (sc *scope) declare(p *Parameter) (errs []error) {
	path := "Parameters." + p.Name
	if !p.decl.IsMap() {
		return []error{at(p.Pos, path, "give at least Type: String", "a parameter must be a map, not %s", kindOf(p.decl))}
	}
	if !alnum(p.Name) {
		errs = append(errs, at(p.Pos, path, "use letters and digits only", "%q is no name of a parameter", p.Name))
	}
	for _, en := range p.decl.Entries {
		if !known(en.Key, parameterKeys()) {
			errs = append(errs, at(en.KeyPos, path, sc.didYouMean(en.Key, parameterKeys(), "remove it"), "a parameter has no attribute %q", en.Key))
		} else if en.Value.IsMap() || en.Value.IsList() && en.Key != "AllowedValues" {
			errs = append(errs, at(en.KeyPos, path+"."+en.Key, "parameters are written out: intrinsic functions do not work here", "%s must be a text, not %s", en.Key, kindOf(en.Value)))
		}
	}
	p.Type, _ = p.decl.Get("Type").Scalar()
	p.Description, _ = p.decl.Get("Description").Scalar()
	noEcho, _ := p.decl.Get("NoEcho").Scalar()
	p.NoEcho = strings.EqualFold(noEcho, "true")
	if p.Type == "" {
		return append(errs, at(p.Pos, path, "add Type: String", "the parameter has no Type"))
	}
	if !parameterType(p.Type) {
		errs = append(errs, at(p.decl.Get("Type").Pos, path+".Type",
			sc.didYouMean(p.Type, []string{"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"}, "the usual types are String, Number, List<Number> and CommaDelimitedList"),
			"no parameter type is named %q", p.Type))
	}
	return errs
}

// given finds the text that p is set to: what the user gives, else the
// default, for an SSM type looked up by name.
func (sc *scope) given(p *Parameter) (text string, ok bool, err error) {
	def, hasDefault := p.decl.Get("Default").Scalar()
	if d := p.decl.Get("Default"); d != nil && !hasDefault && d.Kind == tree.Null {
		hasDefault = true // an empty Default: is the empty text
	}
	text, p.Given = sc.o.Parameters[p.Name]
	if _, ssm := ssmType(p.Type); !ssm {
		if !p.Given && !hasDefault {
			def, hasDefault = cdkAsset(p.Name)
		}
		if !p.Given {
			text = def
		}
		return text, p.Given || hasDefault, nil
	}
	if p.Given {
		if v, ok := sc.lookup(serviceSSM, text); ok {
			return v, true, nil
		}
		return text, true, nil
	}
	if !hasDefault {
		return "", false, nil
	}
	if v, ok := sc.lookup(serviceSSM, def); ok {
		return v, true, nil
	}
	if v, ok := sc.publicParameter(p, def); ok {
		return v, true, nil
	}
	return "", false, at(p.Pos, "Parameters."+p.Name,
		"give --param "+p.Name+"=VALUE, or set "+settingName(def)+" in --env-file",
		"the value of SSM parameter %q is not known here", def)
}

// cdkAssetName matches the parameters of a version 1 CDK asset: three for each
// asset, named by its hash and a suffix.
var cdkAssetName = regexp.MustCompile(`^AssetParameters([0-9a-f]{64})(S3Bucket|S3VersionKey|ArtifactHash)[0-9A-F]{8}$`)

// cdkAsset gives the parameters that the CDK's own deployment fills in: the
// bucket cdk-assets, the key prefix||name, of which the template makes
// assets/HASH.zip, and the hash.
func cdkAsset(name string) (string, bool) {
	m := cdkAssetName.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	switch m[2] {
	case "S3Bucket":
		return "cdk-assets", true
	case "S3VersionKey":
		return "assets/||" + m[1] + ".zip", true
	}
	return m[1], true
}

// publicParameter invents the value of an SSM parameter that AWS publishes,
// or that `cdk bootstrap` writes.
func (sc *scope) publicParameter(p *Parameter, name string) (string, bool) {
	if strings.HasPrefix(name, "/cdk-bootstrap/") && strings.HasSuffix(name, "/version") {
		return "1000", true // newer than any version that a template asks for
	}
	if !strings.HasPrefix(name, "/aws/service/") {
		return "", false
	}
	s := seed(sc.o.Region, name, "public")
	if strings.Contains(p.Type, "AWS::EC2::Image::Id") || strings.Contains(name, "ami") {
		return "ami-" + s.token(hexDigits, 17), true
	}
	return s.token(lowerAlnum, 12), true
}

// missingError names every parameter without a value at once.
func missingError(missing []*Parameter) error {
	var names, mends []string
	for _, p := range missing {
		names = append(names, p.Name)
		mends = append(mends, "--param "+p.Name+"=…")
	}
	what := "parameter %s has no value and no Default"
	if len(names) > 1 {
		what = "parameters %s have no value and no Default"
	}
	return at(missing[0].Pos, "Parameters", "give "+strings.Join(mends, " "), what, strings.Join(names, ", "))
}

// setParameter checks text against the constraints of p and makes its value.
func (sc *scope) setParameter(p *Parameter, text string) []error {
	if p.NoEcho {
		sc.secret(text)
	}
	if len(text) > maxParamBytes {
		return []error{at(p.Pos, "Parameters."+p.Name, "shorten it", "the value of parameter %s is longer than %d bytes", p.Name, maxParamBytes)}
	}
	inner, ssm := ssmType(p.Type)
	if !ssm {
		inner = p.Type
	}
	items := []string{text}
	isList := inner == "CommaDelimitedList" || strings.HasPrefix(inner, "List<")
	if isList {
		items = nil
		for _, it := range strings.Split(text, ",") {
			items = append(items, strings.TrimSpace(it))
		}
	}
	if !ssm { // the constraints of an SSM type are about the name, which is AWS's to check
		if errs := sc.constrain(p, inner, items); len(errs) > 0 {
			return errs
		}
	}
	if !isList {
		p.Value = &tree.Node{Kind: tree.String, Text: text, Pos: p.Pos}
		return nil
	}
	p.Value = tree.NewStrings(items...)
	p.Value.Pos = p.Pos
	return nil
}

// ssmType returns X of AWS::SSM::Parameter::Value<X>.
func ssmType(t string) (inner string, ok bool) {
	inner, ok = strings.CutPrefix(t, "AWS::SSM::Parameter::Value<")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, ">")
}

// parameterType tells whether CloudFormation knows the type. Of the types of
// AWS resources only the shape is checked: AWS adds to the list.
func parameterType(t string) bool {
	if inner, ok := ssmType(t); ok {
		t = inner
	}
	switch t {
	case "String", "Number", "CommaDelimitedList", "AWS::SSM::Parameter::Name":
		return true
	}
	if inner, ok := strings.CutPrefix(t, "List<"); ok {
		inner, ok = strings.CutSuffix(inner, ">")
		return ok && (inner == "String" || inner == "Number" || strings.HasPrefix(inner, "AWS::"))
	}
	return strings.HasPrefix(t, "AWS::") && !strings.Contains(t, "<")
}
