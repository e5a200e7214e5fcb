// SPDX-License-Identifier: Apache-2.0

package event

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// alexa lets a skill invoke the function.
func (e *Call) alexa() ([]base.Resource, error) {
	p := e.permission(e.id(), "", "alexa-appkit.amazon.com", nil)
	return []base.Resource{p.Set("EventSourceToken", e.get("SkillId").Clone())}, nil
}

// arn makes an Fn::Sub of an ARN in the region and account of the stack.
func (e *Call) arn(service, resource string, vars *tree.Node) *tree.Node {
	return base.Sub("arn:"+e.C.Partition+":"+service+":${AWS::Region}:${AWS::AccountId}:"+resource, vars)
}

// iot makes a topic rule.
func (e *Call) iot() ([]base.Resource, error) {
	p := e.permission(e.id(), "", "iot.amazonaws.com", e.arn("iot", "rule/${RuleName}", base.Map("RuleName", base.Ref(e.id()))))
	p.Set("SourceAccount", base.Sub("${AWS::AccountId}", nil))
	payload := base.Map("Sql", e.get("Sql").Clone(), "RuleDisabled", false,
		"Actions", tree.NewList(base.Map("Lambda", base.Map("FunctionArn", e.Target.ARN()))))
	if e.has("AwsIotSqlVersion") {
		payload.Set("AwsIotSqlVersion", e.get("AwsIotSqlVersion").Clone())
	}
	return []base.Resource{p, e.new(e.id(), "AWS::IoT::TopicRule").Set("TopicRulePayload", payload)}, nil
}

// logs makes a subscription filter.
func (e *Call) logs() ([]base.Resource, error) {
	group := e.get("LogGroupName")
	p := e.permission(e.id(), "", "logs.amazonaws.com",
		e.arn("logs", "log-group:${__LogGroupName__}:*", base.Map("__LogGroupName__", group.Clone())))
	f := e.new(e.id(), "AWS::Logs::SubscriptionFilter").
		Attr(base.DependsOn, tree.NewStrings(p.ID)).
		Set("LogGroupName", group.Clone()).
		Set("FilterPattern", e.get("FilterPattern").Clone()).
		Set("DestinationArn", e.Target.ARN())
	return []base.Resource{p, f}, nil
}

func bucketProps() []base.Prop {
	return []base.Prop{
		{Name: "Bucket", Check: base.IsString, Required: true},
		{Name: "Events", Check: base.OneOf(base.IsString, base.ListOf(base.IsString)), Required: true, Plain: true},
		{Name: "Filter", Check: base.MapOf(base.IsString)},
	}
}

// linked finds the resource of the template that a property names by Ref.
func (e *Call) linked(prop, what string) (string, *tree.Node, error) {
	ref := e.get(prop).Get("Ref")
	id, ok := ref.Str()
	res := e.C.Lookup(id)
	if !ok || !res.IsMap() {
		err := e.errorf(e.get(prop), "%s must name %s of this template", prop, what)
		err.Mend = "write !Ref and its logical id"
		return "", nil, err
	}
	if res.Get("Properties").IsNull() {
		res.Set("Properties", tree.NewMap())
	}
	if !res.Get("Properties").IsMap() {
		return "", nil, base.Errorf(id, res.Get("Properties"), "Properties must be a map")
	}
	return id, res, nil
}

// bucket writes a notification into a bucket of the template. The bucket must
// wait for the permission, by DependsOn, or by a tag where a condition
// decides whether there is a permission.
func (e *Call) bucket() ([]base.Resource, error) {
	id, bucket, err := e.linked("Bucket", "a bucket")
	if err != nil {
		return nil, err
	}
	p := e.permission(e.id(), "", "s3.amazonaws.com", nil).Set("SourceAccount", base.Ref("AWS::AccountId"))
	props := bucket.Get("Properties")
	cond := e.Target.Condition()
	if cond != nil {
		tags := props.Get("Tags")
		if tags.IsNull() {
			tags = tree.NewList()
			props.Set("Tags", tags)
		}
		if err := base.Expect(id, tags, "Tags", base.IsList); err != nil {
			return nil, err
		}
		wait := base.Map("Fn::If", tree.NewList(cond.Clone(), base.Ref(p.ID), base.Str("no dependency")))
		tags.Add(base.Map("Key", "sam:ConditionalDependsOn:"+p.ID, "Value", wait))
	} else if err := e.dependOn(bucket, p.ID); err != nil {
		return nil, err
	}
	if err := e.notify(id, props); err != nil {
		return nil, err
	}
	return []base.Resource{p, {ID: id, Node: bucket.Clone()}}, nil
}

func (e *Call) dependOn(res *tree.Node, id string) error {
	deps := res.Get(base.DependsOn)
	switch {
	case deps.IsNull():
		deps = tree.NewList()
	case deps.IsString():
		deps = tree.NewList(deps)
	case base.ListOf(base.IsString)(deps) != "":
		return e.errorf(deps, "DependsOn must be a logical id or a list of them")
	}
	for _, d := range deps.Items {
		if d.Text == id {
			return nil
		}
	}
	deps.Add(base.Str(id))
	res.Set(base.DependsOn, deps)
	return nil
}

func (e *Call) notify(id string, props *tree.Node) error {
	cfg := props.Get("NotificationConfiguration")
	if cfg.IsNull() {
		cfg = tree.NewMap()
		props.Set("NotificationConfiguration", cfg)
	}
	if err := base.Expect(id, cfg, "NotificationConfiguration", base.IsMap); err != nil {
		return err
	}
	list := cfg.Get("LambdaConfigurations")
	if list.IsNull() {
		list = tree.NewList()
		cfg.Set("LambdaConfigurations", list)
	}
	if err := base.Expect(id, list, "NotificationConfiguration.LambdaConfigurations", base.IsList); err != nil {
		return err
	}
	events := e.get("Events")
	if !events.IsList() {
		events = tree.NewList(events)
	}
	for _, ev := range events.Items {
		n := base.Map("Function", e.Target.ARN(), "Filter", e.get("Filter").Clone(), "Event", ev.Clone())
		if cond := e.Target.Condition(); cond != nil {
			n = base.Map("Fn::If", tree.NewList(cond.Clone(), n, base.NoValue()))
		}
		have := false
		for _, it := range list.Items {
			have = have || tree.Equal(it, n)
		}
		if !have {
			list.Add(n)
		}
	}
	return nil
}

func cognitoProps() []base.Prop {
	return []base.Prop{
		{Name: "UserPool", Check: base.IsString, Required: true},
		{Name: "Trigger", Check: base.OneOf(base.IsString, base.ListOf(base.IsString)), Required: true, Plain: true},
	}
}

// cognito makes the function a trigger of a user pool of the template.
func (e *Call) cognito() ([]base.Resource, error) {
	id, pool, err := e.linked("UserPool", "a user pool")
	if err != nil {
		return nil, err
	}
	p := e.permission(e.Target.ID+"Cognito", "", "cognito-idp.amazonaws.com", base.GetAtt(id, "Arn"))
	props := pool.Get("Properties")
	cfg := props.Get("LambdaConfig")
	if cfg.IsNull() {
		cfg = tree.NewMap()
		props.Set("LambdaConfig", cfg)
	}
	if err := base.Expect(id, cfg, "LambdaConfig", base.IsMap); err != nil {
		return nil, err
	}
	triggers := e.get("Trigger")
	if !triggers.IsList() {
		triggers = tree.NewList(triggers)
	}
	for _, t := range triggers.Items {
		if cfg.Has(t.Text) {
			return nil, e.errorf(t, "the user pool %s has a trigger %s already", id, t.Text)
		}
		cfg.Set(t.Text, e.Target.ARN())
	}
	return []base.Resource{p, {ID: id, Node: pool.Clone()}}, nil
}

func topicProps() []base.Prop {
	return []base.Prop{
		{Name: "Topic", Check: base.IsString, Required: true},
		{Name: "Region", Check: base.IsString},
		{Name: "FilterPolicy", Plain: true},
		{Name: "FilterPolicyScope", Plain: true},
		{Name: "SqsSubscription", Check: base.OneOf(base.IsBool, base.IsMap)},
		{Name: "RedrivePolicy", Check: base.IsMap},
	}
}

// topic subscribes the function to an SNS topic, directly or through a queue.
func (e *Call) topic() ([]base.Resource, error) {
	topic := e.get("Topic")
	sqs := e.get("SqsSubscription")
	if !base.Truthy(sqs) {
		p := e.permission(e.id(), "", "sns.amazonaws.com", topic.Clone())
		return []base.Resource{p, e.subscription("lambda", e.Target.ARN())}, nil
	}
	var out []base.Resource
	queue := e.new(e.id()+"Queue", "AWS::SQS::Queue")
	arn, url := base.GetAtt(queue.ID, "Arn"), base.Ref(queue.ID)
	batch := tree.NewInt(10)
	policyID := e.id() + "QueuePolicy"
	own := sqs.IsMap()
	if own {
		if arn, url = base.Opt(sqs, "QueueArn").Clone(), base.Opt(sqs, "QueueUrl").Clone(); !base.Truthy(arn) || !base.Truthy(url) {
			return nil, e.errorf(sqs, "SqsSubscription needs QueueArn and QueueUrl")
		}
		if id := base.Text(sqs, "QueuePolicyLogicalId"); id != "" {
			policyID = id
		}
		if b := base.Opt(sqs, "BatchSize"); base.Truthy(b) {
			batch = b.Clone()
		}
	} else {
		fifo, err := e.fifo(topic)
		if err != nil {
			return nil, err
		}
		queue.Set("FifoQueue", fifo)
	}
	m := e.new(e.id()+"EventSourceMapping", mappingType).
		Set("FunctionName", e.Target.Name()).Set("EventSourceArn", arn).Set("BatchSize", batch).Set("Enabled", tree.NewBool(true))
	e.addManaged("service-role/AWSLambdaSQSQueueExecutionRole")
	out = append(out, m)
	if !own {
		out = append(out, queue)
	}
	st := base.Map("Action", "sqs:SendMessage", "Effect", "Allow", "Principal", "*", "Resource", arn.Clone(),
		"Condition", base.Map("ArnEquals", base.Map("aws:SourceArn", topic.Clone())))
	policy := e.new(policyID, "AWS::SQS::QueuePolicy").
		Set("PolicyDocument", base.Map("Version", "2012-10-17", "Statement", tree.NewList(st))).
		Set("Queues", tree.NewList(url))
	return append(out, policy, e.subscription("sqs", arn.Clone())), nil
}

func (e *Call) subscription(protocol string, endpoint *tree.Node) base.Resource {
	s := e.new(e.id(), "AWS::SNS::Subscription").
		Set("Protocol", base.Str(protocol)).Set("Endpoint", endpoint).Set("TopicArn", e.get("Topic").Clone())
	for _, n := range []string{"Region", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"} {
		s.Set(n, e.get(n).Clone())
	}
	return s
}

// fifo is the FifoTopic of the topic if that is a resource of the template and
// says so.
func (e *Call) fifo(topic *tree.Node) (*tree.Node, error) {
	id, ok := base.RefTarget(topic)
	if !ok {
		return nil, nil
	}
	v := e.C.Lookup(id).At("Properties", "FifoTopic")
	if v == nil {
		return nil, nil
	}
	v, err := e.C.Resolve(v)
	if err != nil || !base.Truthy(v) {
		return nil, err
	}
	return v, nil
}
