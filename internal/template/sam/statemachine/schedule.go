// SPDX-License-Identifier: Apache-2.0

package statemachine

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// scheduleV2 is a schedule of EventBridge Scheduler. It sends to its
// dead-letter queue with its own role, so the queue needs no policy.
func (e event) scheduleV2() error {
	err := e.check(append(append(text("PermissionsBoundary", "Name", "State", "Description", "StartDate", "EndDate",
		"ScheduleExpressionTimezone", "GroupName", "KmsKeyArn", "Input", "RoleArn"),
		section("FlexibleTimeWindow", "DeadLetterConfig", "RetryPolicy")...),
		base.Prop{Name: "ScheduleExpression", Check: base.IsString, Required: true},
		base.Prop{Name: "OmitName", Check: base.IsBool, Plain: true}))
	if err != nil {
		return err
	}
	s := e.add(e.id, "AWS::Scheduler::Schedule").Set("ScheduleExpression", e.props.Get("ScheduleExpression").Clone())
	if v := e.props.Get("State"); base.Truthy(v) {
		s.Set("State", v.Clone())
	}
	name := e.props.Get("Name")
	switch {
	case !base.Truthy(e.props.Get("OmitName")):
		if !base.Truthy(name) {
			name = tree.NewString(e.id)
		}
		s.Set("Name", name.Clone())
	case base.Truthy(name):
		return e.fault(name, "Name and OmitName contradict each other; keep one of them")
	}
	for _, n := range []string{"Description", "StartDate", "EndDate", "ScheduleExpressionTimezone", "GroupName", "KmsKeyArn"} {
		s.Set(n, e.props.Get(n).Clone())
	}
	window := e.props.Get("FlexibleTimeWindow").Clone()
	if !base.Truthy(window) {
		window = base.Map("Mode", "OFF")
	}
	s.Set("FlexibleTimeWindow", window)

	queue, _, err := e.deadLetters()
	if err != nil {
		return err
	}
	role := e.props.Get("RoleArn").Clone()
	if !base.Truthy(role) {
		role = e.schedulerRole(queue)
	}
	target := base.Map("Arn", base.Ref(e.m.target), "RoleArn", role)
	target.With("Input", base.Opt(e.props, "Input").Clone())
	if queue != nil {
		target.Set("DeadLetterConfig", base.Map("Arn", queue))
	}
	s.Set("Target", target.With("RetryPolicy", base.Opt(e.props, "RetryPolicy").Clone()))
	return nil
}

// schedulerRole makes the role of the schedule and returns its ARN.
func (e event) schedulerRole(queue *tree.Node) *tree.Node {
	r := e.startRole("scheduler.amazonaws.com", e.id)
	if queue != nil {
		r.Props().Get("Policies").Add(base.Allow(e.id+"SQSPolicy", "sqs:SendMessage", queue.Clone()))
	}
	if b := e.props.Get("PermissionsBoundary"); base.Truthy(b) {
		r.Set("PermissionsBoundary", b.Clone())
	}
	return base.GetAtt(r.ID, "Arn")
}
