// SPDX-License-Identifier: Apache-2.0

package statemachine

import (
	"errors"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/sam/shape"
	"github.com/forelane/forelane/internal/template/tree"
)

// event is one member of Events.
type event struct {
	m     *machine
	name  string // as the user calls it
	id    string // <Machine><Event>, the beginning of all its logical ids
	node  *tree.Node
	props *tree.Node
}

func (m *machine) events() error {
	var errs []error
	for _, e := range m.walk(m.props.Get("Events")) {
		ev := event{m: m, name: e.Key, id: m.id + e.Key, node: e.Value, props: e.Value.Get("Properties")}
		if ev.props == nil {
			ev.props = tree.NewMap()
		}
		errs = append(errs, ev.expand())
	}
	return errors.Join(errs...)
}

// walk lists events in the order in which they write into the definition of
// an API, whose text is hashed.
func (m *machine) walk(events *tree.Node) []tree.Entry {
	if !events.IsMap() {
		return nil
	}
	if order := m.c.EventOrder[m.id]; len(order) == len(events.Entries) {
		var out []tree.Entry
		for _, k := range order {
			out = append(out, tree.Entry{Key: k, Value: events.Get(k)})
		}
		return out
	}
	if m.c.HashOrder {
		return pydict.Order(events)
	}
	return events.Entries
}

func (e event) fault(at *tree.Node, format string, args ...any) *tree.Error {
	if at == nil {
		at = e.node
	}
	return base.EventErrorf(e.m.id, e.name, at, format, args...)
}

func (e event) check(specs []base.Prop) error { return base.CheckProps(e.props, specs, e.fault) }

func (e event) expand() error {
	if !e.node.IsMap() {
		return e.fault(e.node, "an event must be a map with Type and Properties")
	}
	if !shape.IsID(e.id) {
		return e.fault(e.node, "the name of an event becomes part of a logical id, so it must be made of letters and digits")
	}
	switch typ := base.TypeOf(e.node); typ {
	case "Schedule":
		return e.schedule()
	case "ScheduleV2":
		return e.scheduleV2()
	case "CloudWatchEvent", "EventBridgeRule":
		return e.pattern()
	case "Api":
		return e.api()
	default:
		return e.fault(e.node, "a state machine has no events of type %q", typ)
	}
}

// add makes a resource with the attributes that the machine passes on.
func (e event) add(id, typ string) base.Resource { return e.m.add(id, typ).PassThrough(e.m.res) }

// startRole makes the role with which service starts an execution.
func (e event) startRole(service, policyPrefix string) base.Resource {
	r := e.add(e.id+"Role", "AWS::IAM::Role").Set("AssumeRolePolicyDocument", base.AssumeRole(service))
	return r.Set("Policies", tree.NewList(base.Allow(policyPrefix+"StartExecutionPolicy", "states:StartExecution", base.Ref(e.m.target))))
}

// ruleRole is startRole for event rules and APIs.
func (e event) ruleRole(service string) base.Resource {
	r := e.startRole(service, e.id+"Role")
	if b := e.m.props.Get("PermissionsBoundary"); base.Truthy(b) {
		r.Set("PermissionsBoundary", b.Clone())
	}
	return r
}

func text(names ...string) []base.Prop {
	var out []base.Prop
	for _, n := range names {
		out = append(out, base.Prop{Name: n, Check: base.IsString})
	}
	return out
}

func section(names ...string) []base.Prop {
	var out []base.Prop
	for _, n := range names {
		out = append(out, base.Prop{Name: n, Check: base.IsMap})
	}
	return out
}

// schedule is an EventBridge rule that fires by the clock.
func (e event) schedule() error {
	err := e.check(append(append(text("Input", "State", "Name", "Description"), section("DeadLetterConfig", "RetryPolicy")...),
		base.Prop{Name: "Schedule", Check: base.IsString, Required: true}, base.Prop{Name: "Enabled", Check: base.IsBool},
		base.Prop{Name: "Target", Check: base.IsMap, Plain: true}, base.Prop{Name: "RoleArn", Check: base.IsString, Plain: true}))
	if err != nil {
		return err
	}
	state, enabled := e.props.Get("State"), base.Opt(e.props, "Enabled")
	if enabled != nil {
		if base.Truthy(state) {
			return e.fault(state, "State and Enabled say the same thing; keep one of them")
		}
		state = tree.NewString("DISABLED")
		if base.Truthy(enabled) {
			state = tree.NewString("ENABLED")
		}
	}
	r := e.add(e.id, "AWS::Events::Rule").Set("ScheduleExpression", e.props.Get("Schedule").Clone())
	if base.Truthy(state) {
		r.Set("State", state.Clone())
	}
	r.Set("Name", e.props.Get("Name").Clone()).Set("Description", e.props.Get("Description").Clone())
	return e.aim(r, base.Opt(e.props, "RoleArn"), "Input")
}

// pattern is an EventBridge rule that fires on matching events.
func (e event) pattern() error {
	err := e.check(append(append(text("EventBusName", "RuleName", "Input", "InputPath", "State"),
		section("Pattern", "DeadLetterConfig", "RetryPolicy", "InputTransformer")...),
		base.Prop{Name: "Target", Check: base.IsMap, Plain: true}))
	if err != nil {
		return err
	}
	r := e.add(e.id, "AWS::Events::Rule").Set("EventBusName", e.props.Get("EventBusName").Clone())
	r.Set("EventPattern", e.props.Get("Pattern").Clone()).Set("Name", e.props.Get("RuleName").Clone())
	if s := e.props.Get("State"); base.Truthy(s) {
		r.Set("State", s.Clone())
	}
	return e.aim(r, nil, "Input", "InputPath", "InputTransformer")
}

// aim gives the rule its target, with the properties of the event that inputs
// names. A role is made if role is nil.
func (e event) aim(rule base.Resource, role *tree.Node, inputs ...string) error {
	if role == nil {
		role = base.GetAtt(e.ruleRole("events.amazonaws.com").ID, "Arn")
	}
	target := base.Map("Arn", base.Ref(e.m.target), "Id", e.targetID(), "RoleArn", role.Clone())
	for _, n := range append(inputs, "RetryPolicy") {
		target.With(n, base.Opt(e.props, n).Clone())
	}
	queue, made, err := e.deadLetters()
	if err != nil {
		return err
	}
	if queue != nil {
		target.Set("DeadLetterConfig", base.Map("Arn", queue))
	}
	if made != "" {
		e.letSend(rule, made)
	}
	rule.Set("Targets", tree.NewList(target))
	return nil
}

// maxTargetID is how long EventBridge lets the id of a target be.
const maxTargetID = 64

func (e event) targetID() *tree.Node {
	if id := e.props.At("Target", "Id"); id != nil {
		return id.Clone()
	}
	const suffix = "StepFunctionsTarget"
	return tree.NewString(e.id[:min(len(e.id), maxTargetID-len(suffix))] + suffix)
}

// deadLetters finds the ARN of the event's dead-letter queue, nil if it has
// none; made is the logical id of the queue if it is a new one.
func (e event) deadLetters() (arn *tree.Node, made string, err error) {
	d := base.Opt(e.props, "DeadLetterConfig")
	if d == nil {
		return nil, "", nil
	}
	switch typ := d.Get("Type"); {
	case d.Has("Arn") && typ != nil:
		return nil, "", e.fault(d, "DeadLetterConfig has both Arn and Type; keep one of them")
	case !d.Has("Arn") && typ == nil:
		return nil, "", e.fault(d, "DeadLetterConfig needs the Arn of a queue, or Type SQS to make one")
	case typ != nil && !tree.Equal(typ, tree.NewString("SQS")):
		return nil, "", e.fault(typ, "the Type of DeadLetterConfig must be SQS")
	}
	if a := base.Opt(d, "Arn"); a != nil {
		return a.Clone(), "", nil
	}
	made = e.id + "Queue"
	if q := base.Opt(d, "QueueLogicalId"); q != nil {
		s, ok := q.Str()
		if !ok || s != "" && !shape.IsID(s) {
			return nil, "", e.fault(q, "QueueLogicalId must be a string of letters and digits")
		}
		if s != "" {
			made = s
		}
	}
	e.add(made, "AWS::SQS::Queue")
	return base.GetAtt(made, "Arn"), made, nil
}

// letSend allows the rule to send to the new dead-letter queue.
func (e event) letSend(rule base.Resource, queue string) {
	st := base.Map("Action", "sqs:SendMessage", "Effect", "Allow", "Principal", base.Map("Service", "events.amazonaws.com"),
		"Resource", base.GetAtt(queue, "Arn"), "Condition", base.Map("ArnEquals", base.Map("aws:SourceArn", base.GetAtt(rule.ID, "Arn"))))
	p := e.add(e.id+"QueuePolicy", "AWS::SQS::QueuePolicy")
	p.Set("PolicyDocument", base.Map("Version", "2012-10-17", "Statement", tree.NewList(st)))
	p.Set("Queues", tree.NewList(base.Ref(queue)))
}
