// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Inventor answers Ref and Fn::GetAtt with identifiers, ARNs and host names in
// AWS's shape. They depend on the stack's name and the logical id alone, so
// they stay the same from run to run. A name that the template gives
// (FunctionName, BucketName …) is used. An attribute of a known type that is
// written in the wrong case is an error; any other unknown attribute is
// invented too, since AWS adds attributes.
type Inventor struct {
	s     *Stack
	open  map[string]bool   // names being evaluated, so that no cycle is entered
	names map[string]string // evaluated
}

// NewInventor makes the Inventor of a stack. New sets one.
func NewInventor(s *Stack) *Inventor {
	return &Inventor{s: s, open: map[string]bool{}, names: map[string]string{}}
}

// Ref returns what Ref of a resource is.
func (v *Inventor) Ref(id string) (*tree.Node, error) {
	r := v.s.sc.resources[id]
	if r == nil {
		return nil, fmt.Errorf("no resource is named %q", id)
	}
	return tree.NewString(v.ref(r)), nil
}

// GetAtt returns an attribute of a resource.
func (v *Inventor) GetAtt(id, attr string) (*tree.Node, error) {
	r := v.s.sc.resources[id]
	if r == nil {
		return nil, fmt.Errorf("no resource is named %q", id)
	}
	sh, ok := shapes()[r.Type]
	if !ok {
		return v.guess(r, attr), nil
	}
	if pattern, ok := sh.attrs[attr]; ok {
		if p, isList := strings.CutPrefix(pattern, "[]"); isList {
			return tree.NewStrings(v.fill(r, p)), nil
		}
		return tree.NewString(v.fill(r, pattern)), nil
	}
	for a := range sh.attrs {
		if strings.EqualFold(a, attr) {
			return nil, fmt.Errorf("%s has no attribute %q: write %s", r.Type, attr, a)
		}
	}
	return v.guess(r, attr), nil
}

func (v *Inventor) ref(r *Resource) string {
	if sh, ok := shapes()[r.Type]; ok {
		return v.fill(r, sh.ref)
	}
	return v.name(r)
}

// fill replaces the placeholders of a pattern.
func (v *Inventor) fill(r *Resource, pattern string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(pattern, '{')
		if i < 0 {
			break
		}
		j := i + strings.IndexByte(pattern[i:], '}')
		b.WriteString(pattern[:i])
		b.WriteString(v.placeholder(r, pattern[i+1:j]))
		pattern = pattern[j+1:]
	}
	return b.String() + pattern
}

func (v *Inventor) placeholder(r *Resource, p string) string {
	o := v.s.sc.o
	kind, arg, _ := strings.Cut(p, ":")
	n, _ := strconv.Atoi(arg)
	s := seed(o.StackName, r.LogicalID, p)
	switch kind {
	case "P":
		return o.Partition
	case "R":
		return o.Region
	case "A":
		return o.AccountID
	case "S":
		return o.URLSuffix
	case "name":
		return v.name(r)
	case "lname":
		return strings.ToLower(v.name(r))
	case "ref":
		return v.ref(r)
	case "fn":
		return v.function(r)
	case "n":
		return strconv.Itoa(v.version(r))
	case "waf":
		if scope, _ := v.property(r, "Scope"); scope == "CLOUDFRONT" {
			return "global"
		}
		return "regional"
	case "prop":
		return v.propertyOr(r, arg)
	case "an":
		return s.token(lowerAlnum, n)
	case "AN":
		return s.token(upperAlnum, n)
	case "hex":
		return s.token(hexDigits, n)
	case "num":
		return s.token(digits, n)
	case "uuid":
		return s.uuid()
	}
	return p
}

// property evaluates one property as text. ok is false if it is absent, no
// text, wrong, or already being evaluated further up.
func (v *Inventor) property(r *Resource, key string) (string, bool) {
	n := r.Properties.Get(key)
	if n == nil {
		return "", false
	}
	at := r.LogicalID + "." + key
	if s, ok := v.names[at]; ok {
		return s, true
	}
	if v.open[at] {
		return "", false
	}
	v.open[at] = true
	defer delete(v.open, at)
	e := v.s.sc.evaluator(inValue)
	val, ok := e.eval(n)
	if ok {
		val, ok = e.resolve(val)
	}
	s, isText := val.Scalar()
	if !ok || !isText {
		return "", false
	}
	v.names[at] = s
	return s, true
}

// propertyOr is {prop:Key} or {prop:Key|fallback}.
func (v *Inventor) propertyOr(r *Resource, arg string) string {
	key, fallback, given := strings.Cut(arg, "|")
	if s, ok := v.property(r, key); ok {
		return s
	}
	if given {
		return fallback
	}
	return v.generated(r, 64)
}

// name is the name that the template gives, else a generated one.
func (v *Inventor) name(r *Resource) string {
	sh, ok := shapes()[r.Type]
	if ok && sh.nameProperty != "" {
		if s, ok := v.property(r, sh.nameProperty); ok && s != "" {
			return s
		}
	}
	limit := sh.limit
	if !ok {
		limit = 64
	}
	return v.generated(r, limit)
}

// generated makes STACK-LOGICALID-XXXXXXXXXXXX, shortened to limit.
func (v *Inventor) generated(r *Resource, limit int) string {
	stack, id := v.s.sc.o.StackName, r.LogicalID
	room := max(limit-14, 8) // two hyphens and twelve characters
	if len(stack)+len(id) > room {
		keep := max(room/2, room-len(id))
		stack = stack[:min(len(stack), keep)]
		id = id[:min(len(id), room-len(stack))]
	}
	return stack + "-" + id + "-" + seed(v.s.sc.o.StackName, r.LogicalID, "name").token(upperAlnum, 12)
}

// function is the name of the function that a version, alias or URL is of.
func (v *Inventor) function(r *Resource) string {
	s, ok := v.property(r, "FunctionName")
	if !ok {
		s, ok = v.property(r, "TargetFunctionArn")
	}
	if !ok {
		return v.generated(r, 64)
	}
	if strings.HasPrefix(s, "arn:") {
		if parts := strings.Split(s, ":"); len(parts) > 6 {
			return parts[6]
		}
	}
	name, _, _ := strings.Cut(s, ":")
	return name
}

// version counts the versions of the same function up to r.
func (v *Inventor) version(r *Resource) int {
	n, fn := 1, v.function(r)
	for _, en := range section(v.s.sc.root, "Resources") {
		o := v.s.sc.resources[en.Key]
		if o == r {
			break
		}
		if o.live && o.Type == r.Type && v.function(o) == fn {
			n++
		}
	}
	return n
}

// guess invents an attribute that no table knows, by its name.
func (v *Inventor) guess(r *Resource, attr string) *tree.Node {
	o := v.s.sc.o
	service := "service"
	if parts := strings.Split(r.Type, "::"); len(parts) > 1 && parts[0] == "AWS" {
		service = strings.ToLower(parts[1])
	}
	last := attr[strings.LastIndexByte(attr, '.')+1:]
	token := seed(o.StackName, r.LogicalID, attr).token(lowerAlnum, 12)
	ends := func(suffixes ...string) bool {
		return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(strings.ToLower(last), s) })
	}
	host := token + "." + service + "." + o.Region + "." + o.URLSuffix
	switch {
	case ends("arn"):
		return tree.NewString(fmt.Sprintf("arn:%s:%s:%s:%s:%s", o.Partition, service, o.Region, o.AccountID, v.generated(r, 64)))
	case ends("arns"):
		return tree.NewStrings(fmt.Sprintf("arn:%s:%s:%s:%s:%s", o.Partition, service, o.Region, o.AccountID, v.generated(r, 64)))
	case ends("ids", "entries", "addresses", "blocks", "groups", "servers"):
		return tree.NewStrings(token)
	case ends("url", "uri"):
		return tree.NewString("https://" + host)
	case ends("domainname", "dnsname", "endpoint", "address", "domain", "host"):
		return tree.NewString(host)
	case ends("port"):
		return tree.NewString("443")
	case last == "Name":
		return tree.NewString(v.name(r))
	case last == "Id":
		return tree.NewString(v.ref(r))
	}
	return tree.NewString(token)
}

// Secret finds the text of a secret that the template declares, by ARN or
// name: its SecretString, or a password as GenerateSecretString asks for.
func (v *Inventor) Secret(ref string) (id, text string, ok bool) {
	for _, r := range v.s.order {
		if r.Type != "AWS::SecretsManager::Secret" || ref != v.ref(r) && ref != v.name(r) {
			continue
		}
		if s, ok := v.property(r, "SecretString"); ok {
			return r.LogicalID, s, true
		}
		gen := r.Properties.Get("GenerateSecretString")
		if gen == nil {
			return r.LogicalID, "", true
		}
		return r.LogicalID, v.password(r, gen), true
	}
	return "", "", false
}

// password makes what GenerateSecretString describes: 32 characters, or an
// object with the template's members and the password under its key.
func (v *Inventor) password(r *Resource, gen *tree.Node) string {
	e := v.s.sc.evaluator(inValue)
	gen, ok := e.eval(gen)
	if !ok {
		return ""
	}
	n := 32
	if s, ok := gen.Get("PasswordLength").Scalar(); ok {
		if i, ok := wholeNumber(s); ok && i > 0 && i <= 4096 {
			n = i
		}
	}
	pass := seed(v.s.sc.o.StackName, r.LogicalID, "password").token(lowerAlnum, n)
	key, _ := gen.Get("GenerateStringKey").Str()
	body, _ := gen.Get("SecretStringTemplate").Str()
	if key == "" {
		return pass
	}
	object, err := tree.Parse("SecretStringTemplate", []byte(body))
	if err != nil || !object.IsMap() {
		object = tree.NewMap()
	}
	object.Set(key, tree.NewString(pass))
	return string(tree.JSON(object))
}
