// SPDX-License-Identifier: Apache-2.0

// Package function expands AWS::Serverless::Function: the function with its
// role, version and alias, URL, permissions, asynchronous destinations,
// CodeDeploy deployment group, and the resources of its events.
//
// The flow of Expand:
//
//  1. The properties are checked against the closed list of what a function
//     takes, and against each other.
//  2. The AWS::Lambda::Function is written.
//  3. A version (its id carries a hash of code and configuration) and an alias
//     follow where AutoPublishAlias asks for them; then URL, deployment
//     preference, event invoke configuration and role.
//  4. Each event is handed to package event, in SAM's order.
//
// After all functions Finish makes the CodeDeploy resources they share.
//
// A CodeUri that is a local path is kept as the function's Code, as in a
// template that was not packaged yet.
//
// What it does not do: it reads no code. A Context belongs to one goroutine.
package function

import (
	"sort"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/event"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// unit is one function on its way.
type unit struct {
	c     *base.Context
	id    string
	res   *tree.Node
	props *tree.Node // never nil

	fn    base.Resource
	alias *base.Resource
	out   []base.Resource
	sends []*tree.Node // policies for asynchronous destinations
}

func (u *unit) errorf(at *tree.Node, format string, args ...any) error {
	if at == nil {
		at = u.res
	}
	return base.Errorf(u.id, at, format, args...)
}

func (u *unit) get(name string) *tree.Node { return base.Opt(u.props, name) }
func (u *unit) has(name string) bool       { return base.Truthy(u.props.Get(name)) }

func (u *unit) new(id, typ string) base.Resource { return base.NewResource(id, typ).PassThrough(u.res) }

// Expand makes the resources of the function id.
func Expand(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, properties()); err != nil {
		return nil, err
	}
	u := &unit{c: c, id: id, res: res, props: res.Get("Properties")}
	if u.props == nil {
		u.props = tree.NewMap()
	}
	for _, step := range []func() error{
		u.checkEvents, u.checkRules, u.function, u.publish, u.url, u.deployment, u.invokeConfig, u.roleAndEvents,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	base.PropagateTags(u.out, u.get("Tags"), u.get("PropagateTags"))
	return u.out, nil
}

func properties() []base.Prop {
	var props []base.Prop
	add := func(check base.Check, plain bool, names ...string) {
		for _, n := range names {
			props = append(props, base.Prop{Name: n, Check: check, Plain: plain})
		}
	}
	stringOrMap := base.OneOf(base.IsString, base.IsMap)
	add(stringOrMap, false, "FunctionName", "Tracing")
	add(nil, true, "Handler", "Runtime", "CodeUri", "ImageUri", "PackageType", "InlineCode", "Description", "MemorySize",
		"Timeout", "VpcConfig", "RolePath", "KmsKeyArn", "ReservedConcurrentExecutions", "EphemeralStorage",
		"VersionDescription", "ProvisionedConcurrencyConfig", "FileSystemConfigs", "ImageConfig", "CodeSigningConfigArn",
		"Architectures", "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "SourceKMSKeyArn",
		"PublishToLatestPublished", "TenancyConfig")
	add(base.IsMap, false, "DeadLetterQueue", "AssumeRolePolicyDocument", "Tags", "DeploymentPreference", "EventInvokeConfig",
		"SnapStart", "FunctionUrlConfig", "CapacityProviderConfig", "FunctionScalingConfig", "DurableConfig")
	add(base.IsString, false, "Role", "PermissionsBoundary", "AutoPublishAlias", "AutoPublishCodeSha256")
	add(base.OneOf(base.IsString, base.IsMap, base.ListOf(stringOrMap)), false, "Policies")
	add(base.MapOf(base.IsMap), false, "Environment", "Events")
	add(base.IsBool, false, "PropagateTags")
	add(base.IsBool, true, "AutoPublishAliasAllProperties")
	add(base.ListOf(stringOrMap), false, "Layers")
	add(base.Enum("Delete", "Retain"), false, "VersionDeletionPolicy")
	return props
}

// passed are the properties that go to the function as they are.
var passed = [...]string{
	"Handler", "Runtime", "Description", "MemorySize", "Timeout", "VpcConfig", "Role", "Environment", "KmsKeyArn",
	"ReservedConcurrentExecutions", "Layers", "FileSystemConfigs", "ImageConfig", "PackageType", "Architectures", "SnapStart",
	"EphemeralStorage", "CodeSigningConfigArn", "RuntimeManagementConfig", "LoggingConfig", "TenancyConfig", "RecursiveLoop",
	"DurableConfig", "PublishToLatestPublished",
}

// checkRules checks properties against each other.
func (u *unit) checkRules() error {
	for _, p := range []string{"ProvisionedConcurrencyConfig", "VpcConfig"} {
		if u.get("CapacityProviderConfig") != nil && u.get(p) != nil {
			return u.errorf(u.get(p), "CapacityProviderConfig and %s exclude each other", p)
		}
	}
	for _, p := range []struct{ name, needs string }{
		{"FunctionScalingConfig", "CapacityProviderConfig"},
		{"VersionDeletionPolicy", "AutoPublishAlias"},
	} {
		if u.get(p.name) != nil && u.get(p.needs) == nil {
			return u.errorf(u.get(p.name), "%s needs %s", p.name, p.needs)
		}
	}
	if q := u.get("DeadLetterQueue"); base.Truthy(q) {
		typ := q.Get("Type")
		if !base.Truthy(typ) || !base.Truthy(q.Get("TargetArn")) {
			return u.errorf(q, "DeadLetterQueue needs Type and TargetArn")
		}
		if !typ.IsString() || typ.Text != "SQS" && typ.Text != "SNS" {
			return u.errorf(typ, "DeadLetterQueue.Type must be SQS or SNS")
		}
	}
	if u.has("ProvisionedConcurrencyConfig") && !u.has("AutoPublishAlias") {
		return u.errorf(u.get("ProvisionedConcurrencyConfig"), "ProvisionedConcurrencyConfig needs AutoPublishAlias")
	}
	return u.checkTenancy()
}

func (u *unit) checkTenancy() error {
	if !u.has("TenancyConfig") {
		return nil
	}
	for _, p := range []string{"ProvisionedConcurrencyConfig", "FunctionUrlConfig", "SnapStart"} {
		if u.has(p) {
			return u.errorf(u.get(p), "TenancyConfig and %s exclude each other", p)
		}
	}
	for _, e := range u.events() {
		if t := base.TypeOf(e.Value); t != "Api" && t != "HttpApi" {
			return u.errorf(e.Value, "event %s: a function with TenancyConfig takes events of type Api and HttpApi only", e.Key)
		}
	}
	return nil
}

// function writes the AWS::Lambda::Function.
func (u *unit) function() error {
	u.fn = base.NewResource(u.id, "AWS::Lambda::Function").Inherit(u.res)
	if u.has("FunctionName") {
		u.fn.Set("FunctionName", u.get("FunctionName").Clone())
	}
	traced, err := u.traced()
	if err != nil {
		return err
	}
	for _, p := range passed {
		u.fn.Set(p, u.get(p).Clone())
	}
	code, err := u.code()
	if err != nil {
		return err
	}
	u.fn.Set("Code", code)
	tags, err := base.SAMTags(u.id, u.get("Tags"), nil)
	if err != nil {
		return err
	}
	u.fn.Set("Tags", tags)
	if traced {
		u.fn.Set("TracingConfig", base.Map("Mode", u.get("Tracing").Clone()))
	}
	if q := u.get("DeadLetterQueue"); base.Truthy(q) {
		u.fn.Set("DeadLetterConfig", base.Map("TargetArn", q.Get("TargetArn").Clone()))
	}
	if err := u.capacity(); err != nil {
		return err
	}
	if u.has("FunctionScalingConfig") {
		u.fn.Set("FunctionScalingConfig", u.get("FunctionScalingConfig").Clone())
	}
	u.out = append(u.out, u.fn)
	return u.checkPackage(code)
}

// traced tells whether Tracing is given and not Disabled.
func (u *unit) traced() (bool, error) {
	t := u.get("Tracing")
	if !base.Truthy(t) {
		return false, nil
	}
	r, err := u.c.ResolveIn(t)
	if err != nil {
		return false, err
	}
	return !(r.IsString() && r.Text == "Disabled"), nil
}

// code is the Code of the function.
func (u *unit) code() (*tree.Node, error) {
	image := false
	if p := u.get("PackageType"); base.Truthy(p) {
		switch s, _ := p.Str(); s {
		case "Image":
			image = true
		case "Zip":
		default:
			return nil, u.errorf(p, "PackageType must be Zip or Image")
		}
	}
	if image {
		uri := u.get("ImageUri")
		if !base.Truthy(uri) {
			return nil, u.errorf(nil, "ImageUri is required for the PackageType Image")
		}
		return base.Map("ImageUri", uri.Clone()), nil
	}
	if in := u.get("InlineCode"); in != nil {
		return u.withKey(base.Map("ZipFile", in.Clone())), nil
	}
	uri := u.get("CodeUri")
	if uri == nil {
		return nil, u.errorf(nil, "CodeUri or InlineCode is required")
	}
	l, err := u.c.Location(u.id, uri, "CodeUri")
	if err != nil {
		return nil, err
	}
	return u.withKey(l.Code()), nil
}

func (u *unit) withKey(code *tree.Node) *tree.Node {
	if u.has("SourceKMSKeyArn") && code.IsMap() {
		code.Set("SourceKMSKeyArn", u.get("SourceKMSKeyArn").Clone())
	}
	return code
}

// checkPackage checks what goes with images and what with archives.
func (u *unit) checkPackage(code *tree.Node) error {
	if code.Has("ImageUri") {
		for _, p := range []string{"Handler", "Runtime", "Layers"} {
			if u.has(p) {
				return u.errorf(u.get(p), "%s has no meaning for the PackageType Image", p)
			}
		}
		return nil
	}
	for _, p := range []string{"Runtime", "Handler"} {
		if !u.has(p) {
			return u.errorf(nil, "%s is required for the PackageType Zip", p)
		}
	}
	if u.has("ImageConfig") {
		return u.errorf(u.get("ImageConfig"), "ImageConfig has no meaning for the PackageType Zip")
	}
	return nil
}

// capacity writes CapacityProviderConfig in Lambda's form.
func (u *unit) capacity() error {
	cfg := u.get("CapacityProviderConfig")
	if !base.Truthy(cfg) {
		return nil
	}
	value := base.OneOf(base.IsNumber, base.IsString, base.IsMap)
	specs := []base.Prop{
		{Name: "Arn", Check: base.OneOf(base.IsString, base.IsMap), Required: true, Plain: true},
		{Name: "PerExecutionEnvironmentMaxConcurrency", Check: value, Plain: true},
		{Name: "ExecutionEnvironmentMemoryGiBPerVCpu", Check: value, Plain: true},
	}
	err := base.CheckProps(cfg, specs, func(at *tree.Node, format string, args ...any) *tree.Error {
		return base.Errorf(u.id, at, "CapacityProviderConfig: "+format, args...)
	})
	if err != nil {
		return err
	}
	out := base.Map("CapacityProviderArn", cfg.Get("Arn").Clone())
	for _, s := range specs[1:] {
		out.With(s.Name, base.Opt(cfg, s.Name).Clone())
	}
	u.fn.Set("CapacityProviderConfig", base.Map("LambdaManagedInstancesCapacityProviderConfig", out))
	return nil
}

// events lists the events in the order in which the original walked them.
func (u *unit) events() []tree.Entry {
	all := u.props.Get("Events")
	if !all.IsMap() {
		return nil
	}
	if order := u.c.EventOrder[u.id]; len(order) == len(all.Entries) {
		var out []tree.Entry
		for _, k := range order {
			out = append(out, tree.Entry{Key: k, Value: all.Get(k)})
		}
		return out
	}
	if u.c.HashOrder {
		return pydict.Order(all)
	}
	return all.Entries
}

func (u *unit) call(e tree.Entry, role *base.Resource) *event.Call {
	t := event.Target{ID: u.id, Res: u.res}
	if u.alias != nil {
		t.ID, t.Alias = u.alias.ID, true
	}
	return &event.Call{C: u.c, Function: u.id, Event: e.Key, Node: e.Value, Target: t, Role: role}
}

func (u *unit) checkEvents() error {
	for _, e := range u.events() {
		if err := u.call(e, nil).Check(); err != nil {
			return err
		}
	}
	return nil
}

// expandEvents expands the events sorted by path, or by id where they have
// none.
func (u *unit) expandEvents(role *base.Resource) error {
	es := append([]tree.Entry(nil), u.events()...)
	key := func(e tree.Entry) string {
		if p, ok := e.Value.At("Properties", "Path").Str(); ok {
			return p
		}
		return e.Key
	}
	sort.SliceStable(es, func(i, j int) bool { return key(es[i]) < key(es[j]) })
	for _, e := range es {
		rs, err := u.call(e, role).Expand()
		if err != nil {
			return err
		}
		u.out = append(u.out, rs...)
	}
	return nil
}
