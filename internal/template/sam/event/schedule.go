// SPDX-License-Identifier: Apache-2.0

package event

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

func scheduleProps() []base.Prop {
	return []base.Prop{
		{Name: "Schedule", Check: base.IsString, Required: true},
		{Name: "RuleName", Check: base.IsString},
		{Name: "Input", Check: base.IsString},
		{Name: "Enabled", Check: base.IsBool},
		{Name: "State", Check: base.IsString},
		{Name: "Name", Check: base.IsString},
		{Name: "Description", Check: base.IsString},
		{Name: "DeadLetterConfig", Check: base.IsMap},
		{Name: "RetryPolicy", Check: base.IsMap},
	}
}

func ruleProps() []base.Prop {
	return []base.Prop{
		{Name: "EventBusName", Check: base.IsString},
		{Name: "RuleName", Check: base.IsString},
		{Name: "Pattern", Check: base.IsMap},
		{Name: "DeadLetterConfig", Check: base.IsMap},
		{Name: "RetryPolicy", Check: base.IsMap},
		{Name: "Input", Check: base.IsString},
		{Name: "InputPath", Check: base.IsString},
		{Name: "Target", Check: base.IsMap},
		{Name: "Enabled", Check: base.IsBool},
		{Name: "State", Check: base.IsString},
		{Name: "InputTransformer", Check: base.IsMap},
	}
}

const eventsPrincipal = "events.amazonaws.com"

// schedule makes a rule on a schedule.
func (e *Call) schedule() ([]base.Resource, error) {
	rule := e.new(e.id(), "AWS::Events::Rule").Set("ScheduleExpression", e.get("Schedule").Clone())
	if err := e.setState(rule); err != nil {
		return nil, err
	}
	rule.Set("Name", e.get("Name").Clone()).Set("Description", e.get("Description").Clone())
	arn := base.GetAtt(rule.ID, "Arn")
	queue, extra, err := e.deadLetter(arn, true)
	if err != nil {
		return nil, err
	}
	rule.Set("Targets", tree.NewList(e.target(queue, "Input")))
	return append(append([]base.Resource{rule}, extra...), e.permission(e.id(), "", eventsPrincipal, arn)), nil
}

// rule makes a rule on a pattern.
func (e *Call) rule() ([]base.Resource, error) {
	rule := e.new(e.id(), "AWS::Events::Rule").
		Set("EventBusName", e.get("EventBusName").Clone()).
		Set("EventPattern", e.get("Pattern").Clone()).
		Set("Name", e.get("RuleName").Clone())
	arn := base.GetAtt(rule.ID, "Arn")
	queue, extra, err := e.deadLetter(arn, true)
	if err != nil {
		return nil, err
	}
	if err := e.setState(rule); err != nil {
		return nil, err
	}
	t := e.target(queue, "Input", "InputPath", "InputTransformer")
	if id := e.get("Target").Get("Id"); id != nil {
		t.Set("Id", id.Clone())
	}
	rule.Set("Targets", tree.NewList(t))
	return append(extra, rule, e.permission(e.id(), "", eventsPrincipal, arn)), nil
}

func (e *Call) setState(rule base.Resource) error {
	state, enabled := e.get("State"), e.get("Enabled")
	if base.Truthy(state) && enabled != nil {
		return e.errorf(enabled, "give State or Enabled, not both")
	}
	if base.Truthy(state) {
		rule.Set("State", state.Clone())
	}
	if enabled != nil {
		s := "DISABLED"
		if base.Truthy(enabled) {
			s = "ENABLED"
		}
		rule.Set("State", base.Str(s))
	}
	return nil
}

// target makes the target of a rule; queue is the ARN of its dead letter queue
// or nil.
func (e *Call) target(queue *tree.Node, copied ...string) *tree.Node {
	const suffix, most = "LambdaTarget", 64
	id := e.id()
	if len(id)+len(suffix) > most {
		id = id[:most-len(suffix)]
	}
	t := base.Map("Arn", e.Target.ARN(), "Id", id+suffix)
	for _, c := range copied {
		t.With(c, e.get(c).Clone())
	}
	if e.get("DeadLetterConfig") != nil {
		t.Set("DeadLetterConfig", base.Map("Arn", queue))
	}
	return t.With("RetryPolicy", e.get("RetryPolicy").Clone())
}

// deadLetter reads DeadLetterConfig: the ARN of the queue, and the queue and
// its policy if the transform makes them. policy asks for the latter.
func (e *Call) deadLetter(source *tree.Node, policy bool) (*tree.Node, []base.Resource, error) {
	cfg := e.get("DeadLetterConfig")
	if cfg == nil {
		return nil, nil, nil
	}
	typ, arn := cfg.Get("Type"), cfg.Get("Arn")
	switch {
	case typ != nil && arn != nil:
		return nil, nil, e.errorf(cfg, "DeadLetterConfig takes Arn or Type, not both")
	case typ == nil && arn == nil:
		return nil, nil, e.errorf(cfg, "DeadLetterConfig needs Arn or Type")
	case typ != nil && !(typ.IsString() && typ.Text == "SQS"):
		return nil, nil, e.errorf(typ, "DeadLetterConfig.Type must be SQS")
	case !arn.IsNull():
		return arn.Clone(), nil, nil
	}
	id := e.id() + "Queue"
	if q := cfg.Get("QueueLogicalId"); !q.IsNull() {
		if !q.IsString() {
			return nil, nil, e.errorf(q, "DeadLetterConfig.QueueLogicalId must be a string")
		}
		if q.Text != "" {
			id = q.Text
		}
	}
	queue := e.new(id, "AWS::SQS::Queue")
	arn = base.GetAtt(id, "Arn")
	if !policy {
		return arn, []base.Resource{queue}, nil
	}
	st := base.Map("Action", "sqs:SendMessage", "Effect", "Allow", "Principal", base.Map("Service", eventsPrincipal),
		"Resource", arn, "Condition", base.Map("ArnEquals", base.Map("aws:SourceArn", source)))
	pol := e.new(e.id()+"QueuePolicy", "AWS::SQS::QueuePolicy").
		Set("PolicyDocument", base.Map("Version", "2012-10-17", "Statement", tree.NewList(st))).
		Set("Queues", tree.NewList(base.Ref(id)))
	return arn, []base.Resource{queue, pol}, nil
}

func scheduleV2Props() []base.Prop {
	props := []base.Prop{
		{Name: "ScheduleExpression", Check: base.IsString, Required: true},
		{Name: "FlexibleTimeWindow", Check: base.IsMap},
		{Name: "DeadLetterConfig", Check: base.IsMap},
		{Name: "RetryPolicy", Check: base.IsMap},
		{Name: "OmitName", Check: base.IsBool, Plain: true},
	}
	for _, n := range []string{
		"PermissionsBoundary", "Name", "State", "Description", "StartDate", "EndDate",
		"ScheduleExpressionTimezone", "GroupName", "KmsKeyArn", "Input", "RoleArn",
	} {
		props = append(props, base.Prop{Name: n, Check: base.IsString})
	}
	return props
}

// scheduleV2 makes a schedule of EventBridge Scheduler with its role.
func (e *Call) scheduleV2() ([]base.Resource, error) {
	s := e.new(e.id(), "AWS::Scheduler::Schedule").Set("ScheduleExpression", e.get("ScheduleExpression").Clone())
	if e.has("State") {
		s.Set("State", e.get("State").Clone())
	}
	switch {
	case !e.has("OmitName"):
		s.Set("Name", base.Str(s.ID))
		if e.has("Name") {
			s.Set("Name", e.get("Name").Clone())
		}
	case e.has("Name"):
		return nil, e.errorf(e.get("Name"), "Name has no meaning when OmitName is true")
	}
	s.Set("FlexibleTimeWindow", base.Map("Mode", "OFF"))
	if e.has("FlexibleTimeWindow") {
		s.Set("FlexibleTimeWindow", e.get("FlexibleTimeWindow").Clone())
	}
	for _, n := range []string{"Description", "StartDate", "EndDate", "ScheduleExpressionTimezone", "GroupName", "KmsKeyArn"} {
		s.Set(n, e.get(n).Clone())
	}
	out := []base.Resource{s}
	queue, extra, err := e.deadLetter(nil, false)
	if err != nil {
		return nil, err
	}
	out = append(out, extra...)
	role := e.get("RoleArn").Clone()
	if !base.Truthy(role) {
		r := e.new(e.id()+"Role", "AWS::IAM::Role").Set("AssumeRolePolicyDocument", base.AssumeRole("scheduler.amazonaws.com"))
		policies := tree.NewList(base.Allow(e.id()+"LambdaPolicy", "lambda:InvokeFunction", e.Target.ARN()))
		if queue != nil {
			policies.Add(base.Allow(e.id()+"SQSPolicy", "sqs:SendMessage", queue))
		}
		r.Set("Policies", policies)
		if e.has("PermissionsBoundary") {
			r.Set("PermissionsBoundary", e.get("PermissionsBoundary").Clone())
		}
		out = append(out, r)
		role = base.GetAtt(r.ID, "Arn")
	}
	t := base.Map("Arn", e.Target.ARN(), "RoleArn", role, "Input", e.get("Input").Clone())
	if e.get("DeadLetterConfig") != nil {
		t.Set("DeadLetterConfig", base.Map("Arn", queue))
	}
	t.With("RetryPolicy", e.get("RetryPolicy").Clone())
	s.Set("Target", t)
	return out, nil
}
