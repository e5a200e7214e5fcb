// SPDX-License-Identifier: Apache-2.0

package function

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/event"
	"github.com/forelane/forelane/internal/template/tree"
)

// role makes the execution role. It is made even where the function brings its
// own, because events add to it; it is emitted only if it is used.
func (u *unit) role() (base.Resource, error) {
	trust := base.AssumeRole("lambda.amazonaws.com")
	if d := u.get("AssumeRolePolicyDocument"); d != nil {
		trust = d.Clone()
	}
	basic := "service-role/AWSLambdaBasicExecutionRole"
	if u.has("DurableConfig") {
		basic = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
	}
	managed := []*tree.Node{u.c.AWSPolicy(basic)}
	traced, err := u.traced()
	if err != nil {
		return base.Resource{}, err
	}
	if traced {
		name := "AWSXRayDaemonWriteAccess"
		if u.c.Partition == "aws" {
			name = "AWSXrayWriteOnlyAccess"
		}
		managed = append(managed, u.c.AWSPolicy(name))
	}
	if u.has("VpcConfig") {
		managed = append(managed, u.c.AWSPolicy("service-role/AWSLambdaVPCAccessExecutionRole"))
	}
	var inline []*tree.Node
	if q := u.get("DeadLetterQueue"); base.Truthy(q) {
		action := "sqs:SendMessage"
		if base.Text(q, "Type") == "SNS" {
			action = "sns:Publish"
		}
		st := base.Map("Action", action, "Resource", q.Get("TargetArn").Clone(), "Effect", "Allow")
		inline = append(inline, base.Map("PolicyName", "DeadLetterQueuePolicy",
			"PolicyDocument", base.Map("Version", "2012-10-17", "Statement", tree.NewList(st))))
	}
	tags, err := base.SAMTags(u.id, u.get("Tags"), nil)
	if err != nil {
		return base.Resource{}, err
	}
	return base.Role{
		Owner: u.id, Source: u.res, Trust: trust, Managed: managed, Inline: append(inline, u.sends...),
		Policies: u.get("Policies"), Path: u.get("RolePath"), Boundary: u.get("PermissionsBoundary"), Tags: tags,
	}.Build(u.c)
}

// roleAndEvents makes the role and the events, which may add to it.
func (u *unit) roleAndEvents() error {
	role, err := u.role()
	if err != nil {
		return err
	}
	switch own := u.get("Role"); {
	case own == nil:
		u.fn.Set("Role", base.GetAtt(role.ID, "Arn"))
		u.out = append(u.out, role)
	case base.IsIf(own):
		if err := u.conditionalRole(role); err != nil {
			return err
		}
	}
	return u.expandEvents(&role)
}

// conditionalRole handles a Role that is an Fn::If with AWS::NoValue in a
// branch: the role that is made takes its place, under that condition.
func (u *unit) conditionalRole(role base.Resource) error {
	own := u.fn.Props().Get("Role")
	r, err := u.c.ResolveIn(own)
	if err != nil {
		return err
	}
	arg := r.Get("Fn::If")
	if !arg.IsList() || len(arg.Items) != 3 {
		return u.errorf(u.get("Role"), "Role: Fn::If takes a list of three: condition, value if true, value if false")
	}
	cond, yes, no := arg.Items[0], arg.Items[1], arg.Items[2]
	arn := base.GetAtt(role.ID, "Arn")
	name, ok := cond.Str()
	if !ok {
		return u.errorf(cond, "Role: the condition of Fn::If must be a name")
	}
	switch {
	case base.IsNoValue(yes) && base.IsNoValue(no):
		u.fn.Set("Role", arn)
	case base.IsNoValue(yes):
		u.fn.Set("Role", base.If(name, arn, no))
		role.Attr(base.Condition, base.Str(name))
	case base.IsNoValue(no):
		u.fn.Set("Role", base.If(name, yes, arn))
		role.Attr(base.Condition, base.Str("NOT"+name))
		u.c.AddCondition("NOT"+name, base.Not(name))
	default:
		return nil
	}
	u.out = append(u.out, role)
	return nil
}

// invokeConfig makes the configuration of asynchronous invocation.
func (u *unit) invokeConfig() error {
	raw := u.get("EventInvokeConfig")
	if !base.Truthy(raw) {
		return nil
	}
	cfg, err := u.c.ResolveIn(raw)
	if err != nil {
		return err
	}
	id := u.id + "EventInvokeConfig"
	r := base.NewResource(id, "AWS::Lambda::EventInvokeConfig").Inherit(u.res)
	r.Node.Delete(base.DependsOn)
	qualifier := base.Str("$LATEST")
	if u.alias != nil {
		r.Attr(base.DependsOn, tree.NewStrings(u.alias.ID))
		qualifier = u.alias.Props().Get("Name").Clone()
	}
	dest := tree.NewMap()
	if in := cfg.Get("DestinationConfig"); base.Truthy(in) {
		if err := base.Expect(u.id, in, "EventInvokeConfig.DestinationConfig", base.IsMap); err != nil {
			return err
		}
		for _, on := range []string{"OnSuccess", "OnFailure"} {
			d := base.Opt(in, on)
			if d == nil {
				continue
			}
			if err := base.Expect(u.id, d, "EventInvokeConfig.DestinationConfig."+on, base.IsMap); err != nil {
				return err
			}
			to, err := u.destination(d, id, id+on)
			if err != nil {
				return err
			}
			dest.Set(on, base.Map("Destination", to))
		}
	}
	r.Set("FunctionName", base.Ref(u.id)).Set("Qualifier", qualifier).Set("DestinationConfig", dest)
	for _, p := range []string{"MaximumEventAgeInSeconds", "MaximumRetryAttempts"} {
		r.Set(p, cfg.Get(p).Clone())
	}
	u.out = append(u.out, r)
	return nil
}

// destination reads one destination of asynchronous invocation. A queue or
// topic that is not given is made, under a condition where the destination is
// an Fn::If with AWS::NoValue in a branch.
func (u *unit) destination(d *tree.Node, configID, id string) (*tree.Node, error) {
	typ := base.Text(d, "Type")
	switch typ {
	case "SQS", "SNS", "EventBridge", "Lambda", "S3Bucket":
	default:
		return nil, u.errorf(d, "EventInvokeConfig: the Type of a destination must be SQS, SNS, EventBridge, Lambda or S3Bucket")
	}
	to := base.Opt(d, "Destination")
	cond, other, err := u.missingWhen(to, configID)
	if err != nil {
		return nil, err
	}
	if to != nil && cond == "" {
		u.sends = append(u.sends, sendPolicy(typ, id, to.Clone()))
		return to.Clone(), nil
	}
	var made base.Resource
	var arn *tree.Node
	switch typ {
	case "SQS":
		made = u.new(id+"Queue", "AWS::SQS::Queue")
		arn = base.GetAtt(made.ID, "Arn")
	case "SNS":
		made = u.new(id+"Topic", "AWS::SNS::Topic")
		arn = base.Ref(made.ID)
	default:
		return nil, u.errorf(d, "EventInvokeConfig: a destination of type %s needs Destination", typ)
	}
	to = arn
	if cond != "" {
		to = base.If(cond, arn, other)
	}
	if both := u.both(u.res.Get(base.Condition), cond); both != nil {
		made.Attr(base.Condition, both)
	}
	u.sends = append(u.sends, sendPolicy(typ, id, to.Clone()))
	u.out = append(u.out, made)
	return to, nil
}

// missingWhen tells under which condition a destination has no value, and the
// value that it has otherwise.
func (u *unit) missingWhen(to *tree.Node, configID string) (cond string, other *tree.Node, err error) {
	if !base.IsIf(to) {
		return "", nil, nil
	}
	arg := to.Get("Fn::If")
	if !arg.IsList() || len(arg.Items) != 3 || !arg.Items[0].IsString() {
		return "", nil, u.errorf(to, "Destination: Fn::If takes a list of three: condition, value if true, value if false")
	}
	name, yes, no := arg.Items[0].Text, arg.Items[1], arg.Items[2]
	switch {
	case base.IsNoValue(yes) == base.IsNoValue(no):
		return "", nil, nil
	case base.IsNoValue(yes):
		return name, no.Clone(), nil
	}
	not := base.LogicalIDText("NOT"+name, configID)
	u.c.AddCondition(not, base.Not(name))
	return not, yes.Clone(), nil
}

// both is the condition that holds if the function's and the destination's do.
func (u *unit) both(own *tree.Node, cond string) *tree.Node {
	name, ok := own.Str()
	switch {
	case !ok && cond == "":
		return nil
	case !ok:
		return base.Str(cond)
	case cond == "":
		return own.Clone()
	}
	id := base.LogicalIDText(name+"AND"+cond, u.id)
	wrap := func(n string) *tree.Node { return base.Map("Condition", base.Cond(n)) }
	u.c.AddCondition(id, base.Map("Fn::And", tree.NewList(wrap(name), wrap(cond))))
	return base.Str(id)
}

func sendPolicy(typ, id string, to *tree.Node) *tree.Node {
	switch typ {
	case "SQS":
		return base.Allow(id+"SQSPolicy", "sqs:SendMessage", to)
	case "SNS":
		return base.Allow(id+"SNSPolicy", "sns:publish", to)
	case "EventBridge":
		return base.Allow(id+"EventBridgePolicy", "events:PutEvents", to)
	case "Lambda":
		return base.Allow(id+"LambdaPolicy", "lambda:InvokeFunction", to)
	}
	return event.S3Policy(id, to)
}
