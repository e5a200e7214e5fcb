// SPDX-License-Identifier: Apache-2.0

// Package event expands the events of an AWS::Serverless::Function: rules,
// schedules, subscriptions, event source mappings, bucket notifications and
// routes of APIs, with the permissions that they need.
//
// The flow: package function makes a Call for each event in SAM's order;
// Expand checks the event's properties against the list of its type and
// returns the resources. Some events reach further: a pull event adds policies
// to the function's role, a bucket or user pool of the template is changed and
// returned, a route is written into the definition of its API.
//
// What it does not do: it makes no function and no API. A Call belongs to one
// goroutine.
package event

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Target is what an event invokes: a function or its alias.
type Target struct {
	ID    string
	Alias bool
	Res   *tree.Node // the AWS::Serverless::Function
}

// ARN is the ARN of the target.
func (t Target) ARN() *tree.Node {
	if t.Alias {
		return base.Ref(t.ID)
	}
	return base.GetAtt(t.ID, "Arn")
}

// Name is the name by which permissions and mappings know the target.
func (t Target) Name() *tree.Node { return base.Ref(t.ID) }

// Condition is the target's condition, nil if it has none.
func (t Target) Condition() *tree.Node { return t.Res.Get(base.Condition) }

// Call is one event of a function.
type Call struct {
	C        *base.Context
	Function string // logical id
	Event    string // id within the function
	Node     *tree.Node
	Target   Target
	Role     *base.Resource // the function's role, to which pull events add

	props *tree.Node // never nil
}

// id is the logical id that the event's resources begin with.
func (e *Call) id() string { return e.Function + e.Event }

func (e *Call) errorf(at *tree.Node, format string, args ...any) *tree.Error {
	if at == nil || at.Pos == (tree.Pos{}) {
		at = e.Node
	}
	return base.EventErrorf(e.Function, e.Event, at, format, args...)
}

// fail is errorf for callers that want an error.
func (e *Call) fail(at *tree.Node, format string, args ...any) error {
	return e.errorf(at, format, args...)
}

// get is a property, nil if it is absent or null.
func (e *Call) get(name string) *tree.Node { return base.Opt(e.props, name) }

// has tells whether a property is set to something.
func (e *Call) has(name string) bool { return base.Truthy(e.props.Get(name)) }

// new makes a resource with the attributes of the target.
func (e *Call) new(id, typ string) base.Resource {
	return base.NewResource(id, typ).PassThrough(e.Target.Res)
}

// kind is one type of event.
type kind struct {
	props  []base.Prop
	expand func(*Call) ([]base.Resource, error)
}

// kindOf finds the type of an event.
func kindOf(name string) (kind, bool) {
	switch name {
	case "Schedule":
		return kind{scheduleProps(), (*Call).schedule}, true
	case "ScheduleV2":
		return kind{scheduleV2Props(), (*Call).scheduleV2}, true
	case "CloudWatchEvent", "EventBridgeRule":
		return kind{ruleProps(), (*Call).rule}, true
	case "S3":
		return kind{bucketProps(), (*Call).bucket}, true
	case "SNS":
		return kind{topicProps(), (*Call).topic}, true
	case "Api":
		return kind{restProps(), (*Call).rest}, true
	case "HttpApi":
		return kind{httpProps(), (*Call).http}, true
	case "AlexaSkill":
		return kind{[]base.Prop{{Name: "SkillId", Check: base.IsString}}, (*Call).alexa}, true
	case "IoTRule":
		return kind{[]base.Prop{{Name: "Sql", Check: base.IsString, Required: true}, {Name: "AwsIotSqlVersion", Check: base.IsString}}, (*Call).iot}, true
	case "Cognito":
		return kind{cognitoProps(), (*Call).cognito}, true
	case "CloudWatchLogs":
		return kind{[]base.Prop{
			{Name: "LogGroupName", Check: base.IsString, Required: true},
			{Name: "FilterPattern", Check: base.IsString, Required: true},
		}, (*Call).logs}, true
	case "Kinesis", "DynamoDB", "SQS", "MSK", "MQ", "SelfManagedKafka", "DocumentDB":
		return kind{pullProps(name), (*Call).pull}, true
	}
	return kind{}, false
}

// Check checks the type and the properties of an event.
func (e *Call) Check() error {
	_, err := e.check()
	return err
}

func (e *Call) check() (kind, error) {
	if !e.Node.IsMap() {
		return kind{}, e.errorf(e.Node, "an event must be a map of Type and Properties")
	}
	typ, _ := e.Node.Get("Type").Str()
	k, ok := kindOf(typ)
	if !ok {
		err := e.errorf(e.Node.Get("Type"), "there is no event of type %q", typ)
		err.Mend = "see the event sources of AWS::Serverless::Function"
		return kind{}, err
	}
	e.props = e.Node.Get("Properties")
	err := base.CheckProps(e.props, k.props, e.errorf)
	if e.props == nil {
		e.props = tree.NewMap()
	}
	return k, err
}

// Expand makes the resources of the event.
func (e *Call) Expand() ([]base.Resource, error) {
	k, err := e.check()
	if err != nil {
		return nil, err
	}
	return k.expand(e)
}

// permission lets a service invoke the target. The logical id ends in suffix,
// or in its hash if it has other signs than letters and digits.
func (e *Call) permission(prefix, suffix, principal string, sourceARN *tree.Node) base.Resource {
	id := base.LogicalIDText(prefix+"Permission", suffix)
	if alnum(suffix) {
		id = prefix + "Permission" + suffix
	}
	return e.new(id, "AWS::Lambda::Permission").
		Set("Action", base.Str("lambda:InvokeFunction")).
		Set("FunctionName", e.Target.Name()).
		Set("Principal", base.Str(principal)).
		Set("SourceArn", sourceARN)
}

func alnum(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' {
			return false
		}
	}
	return s != ""
}
