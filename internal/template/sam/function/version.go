// SPDX-License-Identifier: Apache-2.0

package function

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// A version is published when its logical id is new, so the id carries a hash:
// of the code, environment, memory and SnapStart; or, with
// AutoPublishAliasAllProperties, of every property of the function and of
// those layers that say PublishLambdaVersion; or it is the beginning of
// AutoPublishCodeSha256 where that is given.

var (
	aliasName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	digits    = regexp.MustCompile(`^[0-9]+$`)
)

// publish makes version and alias.
func (u *unit) publish() error {
	a := u.get("AutoPublishAlias")
	if !base.Truthy(a) {
		return nil
	}
	r, err := u.c.ResolveIn(a)
	if err != nil {
		return err
	}
	name, ok := r.Str()
	if !ok {
		return u.errorf(a, "AutoPublishAlias must be a string or a Ref to a parameter with a value")
	}
	if !aliasName.MatchString(name) || digits.MatchString(name) {
		return u.errorf(a, "AutoPublishAlias: an alias is named by letters, digits, - and _, and not by digits alone; not %q", name)
	}
	sha, err := u.codeHash()
	if err != nil {
		return err
	}
	version, err := u.version(sha)
	if err != nil {
		return err
	}
	id := u.id + "Alias" + strings.NewReplacer("-", "D", "_", "U").Replace(name)
	alias := u.new(id, "AWS::Lambda::Alias").
		Set("Name", r.Clone()).
		Set("FunctionName", base.Ref(u.id)).
		Set("FunctionVersion", base.GetAtt(version.ID, "Version"))
	if u.has("ProvisionedConcurrencyConfig") {
		alias.Set("ProvisionedConcurrencyConfig", u.get("ProvisionedConcurrencyConfig").Clone())
	}
	u.alias = &alias
	u.out = append(u.out, version, alias)
	return nil
}

// codeHash reads AutoPublishCodeSha256 and adds it to the description, so that
// a change of it changes the function.
func (u *unit) codeHash() (string, error) {
	v := u.get("AutoPublishCodeSha256")
	if !base.Truthy(v) {
		return "", nil
	}
	r, err := u.c.ResolveIn(v)
	if err != nil {
		return "", err
	}
	sha, ok := r.Str()
	if !ok {
		return "", u.errorf(v, "AutoPublishCodeSha256 must be a string or a Ref to a parameter with a value")
	}
	d, err := u.c.Resolve(u.get("Description"))
	if err != nil {
		return "", err
	}
	switch {
	case !base.Truthy(d):
		u.fn.Set("Description", base.Str(sha))
	case d.IsString():
		u.fn.Set("Description", base.Str(d.Text+" "+sha))
	default:
		u.fn.Set("Description", base.Join(" ", d, base.Str(sha)))
	}
	return sha, nil
}

func (u *unit) version(sha string) (base.Resource, error) {
	code, err := u.c.ResolveIn(u.fn.Props().Get("Code"))
	if err != nil {
		return base.Resource{}, err
	}
	prefix := u.id + "Version"
	var id string
	switch {
	case sha != "":
		id = prefix + sha[:min(len(sha), base.HashLen)]
	case u.has("AutoPublishAliasAllProperties"):
		id = base.LogicalID(prefix, u.allProperties())
	default:
		id = base.LogicalID(prefix, u.codeProperties(code))
	}
	v := u.new(id, "AWS::Lambda::Version").
		Set("FunctionName", base.Ref(u.id)).
		Set("Description", u.get("VersionDescription").Clone())
	if !v.Node.Has(base.DeletionPolicy) {
		policy := base.Str("Retain")
		if u.get("CapacityProviderConfig") != nil {
			policy = base.Str("Delete")
		}
		if p := u.get("VersionDeletionPolicy"); p != nil {
			policy = p.Clone()
		}
		v.Attr(base.DeletionPolicy, policy)
	}
	if u.get("CapacityProviderConfig") != nil && u.get("FunctionScalingConfig") != nil {
		v.Set("FunctionScalingConfig", u.get("FunctionScalingConfig").Clone())
	}
	return v, nil
}

func (u *unit) codeProperties(code *tree.Node) *tree.Node {
	d := tree.NewMap()
	if code.IsMap() {
		d = code.Clone()
	} else {
		d.Set("Path", code)
	}
	if env := u.get("Environment"); env.IsMap() {
		for _, e := range env.Entries {
			d.Set(e.Key, e.Value)
		}
	}
	if u.has("MemorySize") {
		d.Set("MemorySize", u.get("MemorySize"))
	}
	if s := u.get("SnapStart"); base.Truthy(s) {
		if on := s.Get("ApplyOn"); on != nil && !(on.IsString() && on.Text == "None") {
			d.Set("SnapStart", s)
		}
	}
	return d
}

func (u *unit) allProperties() *tree.Node {
	d := u.fn.Props().Clone()
	layers := u.get("Layers")
	if !layers.IsList() {
		return d
	}
	for _, l := range layers.Items {
		id, ok := base.RefTarget(l)
		if !ok {
			continue
		}
		props := u.c.LookupOut(id).Get("Properties")
		if base.Truthy(props.Get("PublishLambdaVersion")) {
			d.Set(id, props)
		}
	}
	return d
}

// target is what a URL or its permission refers to: the alias or the function.
func (u *unit) target() *tree.Node {
	if u.alias != nil {
		return base.Ref(u.alias.ID)
	}
	return base.Ref(u.id)
}

// url makes the function URL and, if it is public, its permissions.
func (u *unit) url() error {
	cfg := u.get("FunctionUrlConfig")
	if !base.Truthy(cfg) {
		return nil
	}
	auth := cfg.Get("AuthType")
	if !cfg.IsIntrinsic() {
		s, _ := auth.Str()
		if !auth.IsIntrinsic() && s != "AWS_IAM" && s != "NONE" {
			return u.errorf(cfg, "FunctionUrlConfig.AuthType must be AWS_IAM or NONE")
		}
		if err := u.checkCORS(cfg.Get("Cors")); err != nil {
			return err
		}
	}
	r := u.new(u.id+"Url", "AWS::Lambda::Url")
	if base.Truthy(cfg.Get("Cors")) {
		r.Set("Cors", cfg.Get("Cors").Clone())
	}
	r.Set("AuthType", auth.Clone()).Set("TargetFunctionArn", u.target()).Set("InvokeMode", cfg.Get("InvokeMode").Clone())
	u.out = append(u.out, r)
	if s, _ := auth.Str(); s != "NONE" {
		return nil
	}
	u.out = append(u.out,
		u.new(u.id+"UrlPublicPermissions", "AWS::Lambda::Permission").
			Set("Action", base.Str("lambda:InvokeFunctionUrl")).
			Set("FunctionName", u.target()).
			Set("Principal", base.Str("*")).
			Set("FunctionUrlAuthType", base.Str("NONE")),
		u.new(u.id+"URLInvokeAllowPublicAccess", "AWS::Lambda::Permission").
			Set("Action", base.Str("lambda:InvokeFunction")).
			Set("FunctionName", u.target()).
			Set("Principal", base.Str("*")).
			Set("InvokedViaFunctionUrl", tree.NewBool(true)))
	return nil
}

func (u *unit) checkCORS(cors *tree.Node) error {
	if !base.Truthy(cors) || cors.IsIntrinsic() {
		return nil
	}
	specs := []base.Prop{
		{Name: "AllowOrigins", Check: base.IsList},
		{Name: "AllowMethods", Check: base.IsList},
		{Name: "AllowHeaders", Check: base.IsList},
		{Name: "ExposeHeaders", Check: base.IsList},
		{Name: "AllowCredentials", Check: base.IsBool},
		{Name: "MaxAge", Check: base.IsInt},
	}
	return base.CheckProps(cors, specs, func(at *tree.Node, format string, args ...any) *tree.Error {
		return base.Errorf(u.id, at, "FunctionUrlConfig.Cors: "+format, args...)
	})
}
