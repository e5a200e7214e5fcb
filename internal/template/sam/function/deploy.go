// SPDX-License-Identifier: Apache-2.0

package function

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Gradual deployment: a DeploymentPreference gives the alias an update policy
// and the function a CodeDeploy deployment group; application and service role
// are shared by all functions of the template.

const (
	application = "ServerlessDeploymentApplication"
	serviceRole = "CodeDeployServiceRole"
	sharedCond  = "ServerlessCodeDeployCondition"
)

// preference is the DeploymentPreference of one function.
type preference struct {
	function  string
	config    *tree.Node
	condition string     // "" if it is not passed through
	tags      *tree.Node // nil if they are not propagated
}

// deployKey is the key of the preferences in Context.Bag.
type deployKey struct{}

func preferences(c *base.Context) []preference {
	ps, _ := c.Bag[deployKey{}].([]preference)
	return ps
}

// deployment reads the DeploymentPreference.
func (u *unit) deployment() error {
	cfg := u.get("DeploymentPreference")
	if !base.Truthy(cfg) {
		return nil
	}
	cfg = cfg.Clone()
	for _, k := range []string{"Enabled", "Type"} {
		v := cfg.Get(k)
		if v == nil {
			continue
		}
		v, err := u.resolveAll(v)
		if err != nil {
			return err
		}
		cfg.Set(k, v)
	}
	pass := false
	if v := cfg.Get("PassthroughCondition"); v != nil {
		var err error
		if pass, err = u.flag(v, "DeploymentPreference.PassthroughCondition"); err != nil {
			return err
		}
	}
	if e := cfg.Get("Enabled"); e != nil {
		if s, _ := e.Str(); !base.Truthy(e) || s == "false" || s == "False" {
			return nil
		}
	}
	if !cfg.Has("Type") {
		return u.errorf(cfg, "DeploymentPreference needs Type")
	}
	if h := cfg.Get("Hooks"); h != nil && !h.IsMap() {
		return u.errorf(h, "DeploymentPreference.Hooks must be a map")
	}
	p := preference{function: u.id, config: cfg}
	if name, ok := u.res.Get(base.Condition).Str(); ok && pass {
		p.condition = name
	}
	if u.has("PropagateTags") && u.has("Tags") {
		p.tags = u.get("Tags")
	}
	u.c.Bag[deployKey{}] = append(preferences(u.c), p)
	if u.alias == nil {
		return u.errorf(cfg, "DeploymentPreference needs AutoPublishAlias")
	}
	if _, err := p.group(); err != nil {
		return err
	}
	update := base.Map("ApplicationName", base.Ref(application), "DeploymentGroupName", base.Ref(p.groupID()))
	for _, h := range []struct{ from, to string }{{"PreTraffic", "BeforeAllowTrafficHook"}, {"PostTraffic", "AfterAllowTrafficHook"}} {
		v := base.Opt(cfg.Get("Hooks"), h.from)
		if r := v.Get("Ref"); r != nil && r.IsNull() {
			v = nil
		}
		update.With(h.to, v.Clone())
	}
	u.alias.Attr(base.UpdatePolicy, base.Map("CodeDeployLambdaAliasUpdate", update))
	return nil
}

func (u *unit) resolveAll(v *tree.Node) (*tree.Node, error) {
	v, err := u.c.Resolve(v)
	if err != nil {
		return nil, err
	}
	v, err = u.c.FindInMap(v)
	return v, u.locate(err)
}

// locate names the function in an error of a value.
func (u *unit) locate(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*tree.Error); ok && e.Path == "" { //nolint:errorlint // only our own, unwrapped
		e.Path = "Resources." + u.id
	}
	return err
}

// flag resolves a value to true or false.
func (u *unit) flag(v *tree.Node, path string) (bool, error) {
	r, err := u.resolveAll(v)
	if err != nil {
		return false, err
	}
	switch s, _ := r.Scalar(); s {
	case "true", "True", "1":
		return true, nil
	case "false", "False", "0":
		return false, nil
	}
	return false, u.errorf(v, "%s must be true or false, a Ref to a parameter or an Fn::FindInMap", path)
}

func (p preference) groupID() string { return p.function + "DeploymentGroup" }

// group makes the deployment group.
func (p preference) group() (base.Resource, error) {
	r := base.NewResource(p.groupID(), "AWS::CodeDeploy::DeploymentGroup")
	alarms, err := p.alarms()
	if err != nil {
		return r, err
	}
	r.Set("AlarmConfiguration", alarms).
		Set("ApplicationName", base.Ref(application)).
		Set("AutoRollbackConfiguration", base.Map("Enabled", true, "Events",
			tree.NewStrings("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"))).
		Set("DeploymentConfigName", configName(p.config.Get("Type").Clone(), "")).
		Set("DeploymentStyle", base.Map("DeploymentType", "BLUE_GREEN", "DeploymentOption", "WITH_TRAFFIC_CONTROL")).
		Set("ServiceRoleArn", base.GetAtt(serviceRole, "Arn"))
	if role := p.config.Get("Role"); base.Truthy(role) {
		r.Set("ServiceRoleArn", role.Clone())
	}
	if t := p.config.Get("TriggerConfigurations"); base.Truthy(t) {
		r.Set("TriggerConfigurations", t.Clone())
	}
	if p.tags != nil {
		r.Set("Tags", base.TagList(p.tags))
	}
	if p.condition != "" {
		r.Attr(base.Condition, base.Str(p.condition))
	}
	return r, nil
}

// alarms writes the alarms in CodeDeploy's form, also inside an Fn::If.
func (p preference) alarms() (*tree.Node, error) {
	a := p.config.Get("Alarms").Clone()
	if !base.Truthy(a) || base.IsNoValue(a) {
		return nil, nil
	}
	if !base.IsIf(a) {
		return p.alarmList(a)
	}
	arg := a.Get("Fn::If")
	if !arg.IsList() || len(arg.Items) != 3 {
		return nil, base.Errorf(p.function, a, "Alarms: Fn::If takes a list of three: condition, value if true, value if false")
	}
	for i := 1; i < 3; i++ {
		v, err := p.alarmList(arg.Items[i])
		if err != nil {
			return nil, err
		}
		arg.Items[i] = v
	}
	return a, nil
}

func (p preference) alarmList(a *tree.Node) (*tree.Node, error) {
	if !a.IsList() {
		return nil, base.Errorf(p.function, a, "DeploymentPreference.Alarms must be a list")
	}
	if len(a.Items) == 0 || base.IsNoValue(a.Items[0]) {
		return tree.NewMap(), nil
	}
	l := tree.NewList()
	for _, it := range a.Items {
		l.Add(base.Map("Name", it))
	}
	return base.Map("Enabled", true, "Alarms", l), nil
}

// configName writes the name of one of CodeDeploy's own configurations in
// full, wherever it stands inside intrinsics. in is the function it stands in.
func configName(n *tree.Node, in string) *tree.Node {
	switch {
	case n.IsList():
		for i := range n.Items {
			n.Items[i] = configName(n.Items[i], "")
		}
	case n.IsIntrinsic():
		n.Entries[0].Value = configName(n.Entries[0].Value, n.Entries[0].Key)
	case n.IsString():
		switch n.Text {
		case "Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes", "Canary10Percent30Minutes",
			"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes",
			"Linear10PercentEvery10Minutes", "AllAtOnce":
			full := base.Sub("CodeDeployDefault.Lambda${ConfigName}", base.Map("ConfigName", n.Text))
			if in == "Fn::Sub" {
				return full.Get("Fn::Sub")
			}
			return full
		}
	}
	return n
}

// Finish makes the CodeDeploy resources of all functions.
func Finish(c *base.Context) ([]base.Resource, error) {
	ps := preferences(c)
	if len(ps) == 0 {
		return nil, nil
	}
	app := base.NewResource(application, "AWS::CodeDeploy::Application").Set("ComputePlatform", base.Str("Lambda"))
	role := base.NewResource(serviceRole, "AWS::IAM::Role").Set("AssumeRolePolicyDocument", base.AssumeRole("codedeploy.amazonaws.com"))
	policy := "service-role/AWSCodeDeployRoleForLambda"
	if c.Partition == "aws-iso" || c.Partition == "aws-iso-b" {
		policy += "Limited"
	}
	role.Set("ManagedPolicyArns", tree.NewList(c.AWSPolicy(policy)))
	tags := tree.NewMap()
	needRole, always := false, false
	var conds []string
	seen := map[string]bool{}
	for _, p := range ps {
		if p.tags != nil {
			for _, e := range p.tags.Entries {
				tags.Set(e.Key, e.Value)
			}
		}
		needRole = needRole || !base.Truthy(p.config.Get("Role"))
		always = always || p.condition == ""
		if p.condition != "" && !seen[p.condition] {
			seen[p.condition] = true
			conds = append(conds, p.condition)
		}
	}
	for _, r := range []base.Resource{app, role} {
		if tags.Len() > 0 {
			r.Set("Tags", base.TagList(tags))
		}
		if !always {
			name := sharedCond
			if len(conds) == 1 {
				name = conds[0]
			}
			r.Attr(base.Condition, base.Str(name))
		}
	}
	if !always {
		for _, e := range base.AnyOf(sharedCond, conds) {
			c.AddCondition(e.Key, e.Value)
		}
	}
	out := []base.Resource{app}
	if needRole {
		out = append(out, role)
	}
	for _, p := range ps {
		g, err := p.group()
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}
