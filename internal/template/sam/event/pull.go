// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Pull events: Lambda reads a stream, queue, broker or cluster through an
// event source mapping, and the function's role must allow what that needs.

const mappingType = "AWS::Lambda::EventSourceMapping"

// copied are the properties that a mapping takes over as they are.
var copied = [...]string{
	"StartingPosition", "StartingPositionTimestamp", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds",
	"MaximumRetryAttempts", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "ParallelizationFactor", "Topics",
	"Queues", "SourceAccessConfigurations", "TumblingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria",
	"KmsKeyArn", "ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig",
}

func pullProps(typ string) []base.Prop {
	var props []base.Prop
	add := func(check base.Check, plain bool, names ...string) {
		for _, n := range names {
			props = append(props, base.Prop{Name: n, Check: check, Plain: plain})
		}
	}
	add(base.IsInt, false, "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds",
		"ParallelizationFactor", "TumblingWindowInSeconds")
	add(base.IsBool, false, "Enabled", "BisectBatchOnFunctionError")
	add(base.IsMap, false, "DestinationConfig", "FilterCriteria", "ScalingConfig", "ProvisionedPollerConfig",
		"SchemaRegistryConfig", "MetricsConfig", "LoggingConfig")
	add(base.IsList, false, "Topics", "Queues", "SourceAccessConfigurations", "FunctionResponseTypes", "KafkaBootstrapServers")
	add(base.IsString, false, "SecretsManagerKmsKeyId", "ConsumerGroupId")
	add(nil, true, "StartingPositionTimestamp", "KmsKeyArn")
	must := func(names ...string) {
		for _, n := range names {
			props = append(props, base.Prop{Name: n, Required: true, Plain: true})
		}
	}
	start := base.Prop{Name: "StartingPosition", Plain: true}
	switch typ {
	case "Kinesis", "DynamoDB", "MSK":
		start.Required = true
		must("Stream")
	case "SQS":
		must("Queue")
	case "MQ":
		must("Broker")
		add(base.IsBool, true, "DynamicPolicyName")
	case "DocumentDB":
		must("Cluster", "DatabaseName")
		add(nil, true, "CollectionName", "FullDocument")
	}
	return append(props, start)
}

func (e *Call) typ() string { return base.TypeOf(e.Node) }

// pull makes the mapping and extends the role.
func (e *Call) pull() ([]base.Resource, error) {
	m := e.new(e.id(), mappingType).Set("FunctionName", e.Target.Name())
	for _, k := range []string{"Stream", "Queue", "Broker", "Cluster"} {
		m.Set("EventSourceArn", e.get(k).Clone())
	}
	for _, k := range copied {
		m.Set(k, e.get(k).Clone())
	}
	if err := e.checkFilter(); err != nil {
		return nil, err
	}
	if e.has("KafkaBootstrapServers") {
		servers := base.Map("KafkaBootstrapServers", e.get("KafkaBootstrapServers").Clone())
		m.Set("SelfManagedEventSource", base.Map("Endpoints", servers))
	}
	if err := e.kafkaConfig(m); err != nil {
		return nil, err
	}
	if e.typ() == "DocumentDB" {
		cfg := base.Map("DatabaseName", e.get("DatabaseName").Clone())
		for _, k := range []string{"CollectionName", "FullDocument"} {
			if e.has(k) {
				cfg.Set(k, e.get(k).Clone())
			}
		}
		m.Set("DocumentDBEventSourceConfig", cfg)
	}
	failure, err := e.destination(m)
	if err != nil {
		return nil, err
	}
	if err := e.extendRole(); err != nil {
		return nil, err
	}
	if failure != nil {
		e.addPolicy(failure)
	}
	return []base.Resource{m}, nil
}

// kafkaConfig writes the consumer group and the schema registry.
func (e *Call) kafkaConfig(m base.Resource) error {
	cfg := tree.NewMap()
	key := ""
	switch e.typ() {
	case "MSK":
		key = "AmazonManagedKafkaEventSourceConfig"
	case "SelfManagedKafka":
		key = "SelfManagedKafkaEventSourceConfig"
	default:
		if e.has("ConsumerGroupId") {
			return e.errorf(e.get("ConsumerGroupId"), "ConsumerGroupId has a meaning for MSK and SelfManagedKafka only")
		}
		return nil
	}
	for _, k := range []string{"ConsumerGroupId", "SchemaRegistryConfig"} {
		if e.has(k) {
			cfg.Set(k, e.get(k).Clone())
		}
	}
	if cfg.Len() > 0 {
		m.Set(key, cfg)
	}
	return nil
}

func (e *Call) checkFilter() error {
	f := e.get("FilterCriteria")
	if !base.Truthy(f) || f.IsIntrinsic() {
		return nil
	}
	if len(f.Entries) != 1 || f.Entries[0].Key != "Filters" {
		return e.errorf(f, "FilterCriteria must have Filters and nothing else")
	}
	return nil
}

// destination writes DestinationConfig without its Type, and returns the
// policy that lets the function send there.
func (e *Call) destination(m base.Resource) (*tree.Node, error) {
	cfg := e.get("DestinationConfig").Clone()
	if !base.Truthy(cfg) {
		return nil, nil
	}
	fail := cfg.Get("OnFailure")
	if !fail.IsMap() {
		return nil, e.errorf(cfg, "DestinationConfig.OnFailure must be a map")
	}
	var policy *tree.Node
	if typ := fail.Get("Type"); base.Truthy(typ) {
		to := fail.Get("Destination").Clone()
		if to == nil {
			to = tree.NewNull()
		}
		switch s, _ := typ.Str(); s {
		case "SQS":
			policy = base.Allow(e.id()+"SQSPolicy", "sqs:SendMessage", to)
		case "SNS":
			policy = base.Allow(e.id()+"SNSPolicy", "sns:publish", to)
		case "S3":
			policy = S3Policy(e.id(), to)
		case "Kafka":
		default:
			return nil, e.errorf(typ, "DestinationConfig.OnFailure.Type must be SQS, SNS, S3 or Kafka")
		}
		fail.Delete("Type")
	}
	m.Set("DestinationConfig", cfg)
	return policy, nil
}

// S3Policy lets a function put a failed event's payload into a bucket.
func S3Policy(id string, bucket *tree.Node) *tree.Node {
	put := base.Map("Action", "s3:PutObject", "Effect", "Allow", "Resource", base.Join("/", bucket, base.Str("*")))
	list := base.Map("Action", "s3:ListBucket", "Effect", "Allow", "Resource", bucket.Clone())
	return base.Map("PolicyName", id+"S3Policy", "PolicyDocument", base.Map("Statement", tree.NewList(put, list)))
}

// addManaged adds a managed policy to the role unless it has it.
func (e *Call) addManaged(name string) {
	arn := e.C.AWSPolicy(name)
	list := e.Role.Props().Get("ManagedPolicyArns")
	for _, it := range list.Items {
		if tree.Equal(it, arn) {
			return
		}
	}
	list.Add(arn)
}

// addPolicy adds a policy to the role unless it has one with that document.
func (e *Call) addPolicy(p *tree.Node) {
	list := e.Role.Props().Get("Policies")
	if list == nil {
		list = tree.NewList()
		e.Role.Set("Policies", list)
	}
	for _, it := range list.Items {
		if tree.Equal(it.Get("PolicyDocument"), p.Get("PolicyDocument")) {
			return
		}
	}
	list.Add(p)
}

// extendRole adds what reading the source needs.
func (e *Call) extendRole() error {
	var policy *tree.Node
	var err error
	switch e.typ() {
	case "Kinesis":
		e.addManaged("service-role/AWSLambdaKinesisExecutionRole")
	case "DynamoDB":
		e.addManaged("service-role/AWSLambdaDynamoDBExecutionRole")
	case "SQS":
		e.addManaged("service-role/AWSLambdaSQSQueueExecutionRole")
	case "MSK":
		e.addManaged("service-role/AWSLambdaMSKExecutionRole")
		policy, err = e.mskPolicy()
	case "MQ":
		policy, err = e.mqPolicy()
	case "DocumentDB":
		policy, err = e.documentPolicy()
	case "SelfManagedKafka":
		policy, err = e.kafkaPolicy()
	}
	if err != nil || policy == nil {
		return err
	}
	e.addPolicy(policy)
	return nil
}

func statement(resource *tree.Node, actions ...string) *tree.Node {
	return base.Map("Action", tree.NewStrings(actions...), "Effect", "Allow", "Resource", resource)
}

func policyOf(name string, statements ...*tree.Node) *tree.Node {
	return base.Map("PolicyName", name, "PolicyDocument", base.Map("Statement", tree.NewList(statements...)))
}

func secret(uri *tree.Node) *tree.Node {
	return statement(uri.Clone(), "secretsmanager:GetSecretValue")
}

func stackARN(service, resource string) *tree.Node {
	return base.Sub("arn:${AWS::Partition}:"+service+":${AWS::Region}:${AWS::AccountId}:"+resource, nil)
}

// network lets a function reach a cluster inside a VPC.
func network() *tree.Node {
	return statement(base.Str("*"), "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces",
		"ec2:DeleteNetworkInterface", "ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups")
}

// kmsKey is the ARN of SecretsManagerKmsKeyId, nil if it is not given.
func (e *Call) kmsKey() (*tree.Node, error) {
	k := e.get("SecretsManagerKmsKeyId")
	if !base.Truthy(k) {
		return nil, nil
	}
	if !k.IsString() {
		return nil, e.errorf(k, "SecretsManagerKmsKeyId must be a string")
	}
	return stackARN("kms", "key/"+k.Text), nil
}

// accessURI finds the one configuration of the required type in
// SourceAccessConfigurations and returns its URI.
func (e *Call) accessURI(required string, allowed ...string) (*tree.Node, error) {
	list := e.get("SourceAccessConfigurations")
	switch {
	case !base.Truthy(list):
		return nil, e.errorf(e.props, "SourceAccessConfigurations is required")
	case !list.IsList():
		return nil, e.errorf(list, "SourceAccessConfigurations must be a list")
	}
	var uri *tree.Node
	for _, it := range list.Items {
		typ, ok := it.Get("Type").Str()
		if !ok {
			return nil, e.errorf(it, "each of SourceAccessConfigurations must be a map with Type, a string")
		}
		if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+typ+" ") {
			return nil, e.errorf(it, "the Type of a SourceAccessConfiguration must be one of %s", strings.Join(allowed, ", "))
		}
		if typ != required {
			continue
		}
		if uri != nil {
			return nil, e.errorf(it, "SourceAccessConfigurations has more than one %s", required)
		}
		if uri = it.Get("URI"); !base.Truthy(uri) {
			return nil, e.errorf(it, "the SourceAccessConfiguration %s needs a URI", required)
		}
	}
	if uri == nil {
		return nil, e.errorf(list, "SourceAccessConfigurations needs one of Type %s", required)
	}
	return uri, nil
}

func (e *Call) mqPolicy() (*tree.Node, error) {
	uri, err := e.accessURI("BASIC_AUTH", "BASIC_AUTH", "VIRTUAL_HOST")
	if err != nil {
		return nil, err
	}
	sts := []*tree.Node{secret(uri), statement(e.get("Broker").Clone(), "mq:DescribeBroker")}
	key, err := e.kmsKey()
	if err != nil {
		return nil, err
	}
	if key != nil {
		sts = append(sts, base.Map("Action", "kms:Decrypt", "Effect", "Allow", "Resource", key))
	}
	name := "SamAutoGeneratedAMQPolicy"
	if e.has("DynamicPolicyName") {
		name = e.id() + "AMQPolicy"
	}
	return policyOf(name, sts...), nil
}

func (e *Call) documentPolicy() (*tree.Node, error) {
	uri, err := e.accessURI("BASIC_AUTH", "BASIC_AUTH")
	if err != nil {
		return nil, err
	}
	sts := []*tree.Node{
		secret(uri),
		statement(stackARN("rds", "cluster-pg:*"), "rds:DescribeDBClusterParameters"),
		statement(stackARN("rds", "subgrp:*"), "rds:DescribeDBSubnetGroups"),
		statement(e.get("Cluster").Clone(), "rds:DescribeDBClusters"),
		network(),
	}
	key, err := e.kmsKey()
	if err != nil {
		return nil, err
	}
	if key != nil {
		sts = append(sts, statement(key, "kms:Decrypt"))
	}
	return policyOf("SamAutoGeneratedDocumentDBPolicy", sts...), nil
}
