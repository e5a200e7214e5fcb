// SPDX-License-Identifier: Apache-2.0

package grant

import "strings"

// This file is the table of what can be connected to what. A row is a pair of
// resource types; it says which resource carries the permission (a policy on
// somebody's role, a queue's or a topic's policy, a function's permission) and
// what Read and Write allow. AWS publishes the pairs and their policies in the
// SAM developer guide ("AWS SAM connector reference").
//
// In the `on` column a pattern in braces stands for a value of an end:
//
//	{dst}       ARN of the destination       {dst.name}  its name
//	{src}       ARN of the source            {src.id}    its id
//	{src.qual}  the part of the source's API that is meant, `*` for all
//
// so `{dst}/index/*` of a table with ARN A becomes
// {"Fn::Sub": ["${DestinationArn}/index/*", {"DestinationArn": A}]}.

// means is how a permission is written down. The list is closed.
type means uint8

const (
	rolePolicy  means = iota // a managed policy attached to a role
	queuePolicy              // the resource policy of an SQS queue
	topicPolicy              // the resource policy of an SNS topic
	invocation               // a permission of a Lambda function
)

// side is one end of a connection.
type side uint8

const (
	atDestination side = iota
	atSource
)

func (s side) String() string {
	if s == atSource {
		return "Source"
	}
	return "Destination"
}

// waiter is what must not be created before the policy exists; the zero
// value is nothing.
type waiter uint8

const (
	// eventMapping: the mapping that polls the source for the destination.
	eventMapping waiter = iota + 1
	// theSource: the source itself.
	theSource
)

// The two kinds of access.
const (
	read  = "Read"
	write = "Write"
)

// part is one statement: with this access, these actions on these resources.
type part struct {
	access  string
	actions []string
	on      []string
}

// rule is one row of the table.
type rule struct {
	means  means
	holder side // whose role, queue, topic or function carries it
	waits  waiter
	// combos are the only combinations of access allowed; none means any.
	combos []string
	parts  []part

	// The rest is for service policies and permissions.

	service string // who acts
	from    string // pattern of the ARN that it acts for
	account bool   // the source's ARN has no account in it
}

// accesses lists the kinds of access of r in the order they are written down.
func (r rule) accesses() []string {
	var out []string
	for _, p := range r.parts {
		if len(out) == 0 || out[len(out)-1] != p.access {
			out = append(out, p.access)
		}
	}
	return out
}

// can makes a part; actions are the words of verbs, each of the service svc.
func can(access, svc, verbs string, on ...string) part {
	p := part{access: access, on: on}
	for _, v := range strings.Fields(verbs) {
		p.actions = append(p.actions, svc+":"+v)
	}
	return p
}

func sourceRole(parts ...part) rule { return rule{holder: atSource, parts: parts} }

// served is a row in which the service of the source acts on the destination.
func served(m means, by, svc, verb, from string) rule {
	return rule{means: m, service: by + ".amazonaws.com", from: from, parts: []part{can(write, svc, verb, dst)}}
}

func invokedBy(by, from string) rule { return served(invocation, by, "lambda", "InvokeFunction", from) }

// Patterns.
const (
	dst         = "{dst}"
	src         = "{src}"
	here        = "${AWS::Region}:${AWS::AccountId}:"
	executions  = "arn:${AWS::Partition}:states:" + here + "execution:{dst.name}:*"
	managedRule = "arn:${AWS::Partition}:events:" + here + "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
	anyMethod   = "arn:${AWS::Partition}:execute-api:" + here + "{src.id}/{src.qual}"
	graphqlAPI  = "arn:${AWS::Partition}:appsync:" + here + "apis/{src.id}"
)

// Types of the ends, as CloudFormation names them.
const (
	tTable      = "AWS::DynamoDB::Table"
	tRule       = "AWS::Events::Rule"
	tBus        = "AWS::Events::EventBus"
	tFunction   = "AWS::Lambda::Function"
	tMachine    = "AWS::StepFunctions::StateMachine"
	tQueue      = "AWS::SQS::Queue"
	tTopic      = "AWS::SNS::Topic"
	tBucket     = "AWS::S3::Bucket"
	tPlaces     = "AWS::Location::PlaceIndex"
	tHTTPAPI    = "AWS::ApiGatewayV2::Api"
	tRESTAPI    = "AWS::ApiGateway::RestApi"
	tDataSource = "AWS::AppSync::DataSource"
	tGraphQLAPI = "AWS::AppSync::GraphQLApi"
)

// lookup finds the row for a pair of types.
func lookup(source, destination string) (rule, bool) {
	switch source {
	case tFunction:
		return fromFunction(destination)
	case tMachine:
		return fromMachine(destination)
	case tRule:
		return fromRule(destination)
	case tDataSource:
		return fromDataSource(destination)
	}
	switch source + " " + destination {
	case tTable + " " + tFunction:
		return rule{waits: eventMapping, parts: []part{
			can(read, "dynamodb", "DescribeStream GetRecords GetShardIterator ListStreams", src+"/stream/*"),
		}}, true
	case tQueue + " " + tFunction:
		return rule{waits: eventMapping, combos: []string{"Read+Write"}, parts: []part{
			can(write, "sqs", "DeleteMessage", src),
			can(read, "sqs", "ReceiveMessage GetQueueAttributes", src),
		}}, true
	case tTopic + " " + tQueue:
		return served(queuePolicy, "sns", "sqs", "SendMessage", src), true
	case tTopic + " " + tFunction:
		return invokedBy("sns", src), true
	case tBucket + " " + tFunction:
		r := invokedBy("s3", src)
		r.account = true
		return r, true
	case tHTTPAPI + " " + tFunction, tRESTAPI + " " + tFunction:
		return invokedBy("apigateway", anyMethod), true
	case tGraphQLAPI + " " + tFunction:
		return invokedBy("appsync", graphqlAPI), true
	}
	return rule{}, false
}

func fromFunction(destination string) (rule, bool) {
	switch destination {
	case tFunction:
		return sourceRole(can(write, "lambda", "InvokeAsync InvokeFunction", dst)), true
	case tBucket:
		return sourceRole(bucketParts()...), true
	case tTable:
		return sourceRole(tableParts()...), true
	case tQueue:
		return sourceRole(
			can(read, "sqs", "ReceiveMessage GetQueueAttributes", dst),
			can(write, "sqs", "DeleteMessage SendMessage ChangeMessageVisibility PurgeQueue", dst),
		), true
	case tTopic:
		return sourceRole(can(write, "sns", "Publish", dst)), true
	case tBus:
		return sourceRole(can(write, "events", "PutEvents", dst)), true
	case tMachine:
		return sourceRole(
			can(write, "states", "StartExecution StartSyncExecution", dst),
			can(write, "states", "StopExecution", executions),
			can(read, "states", "DescribeStateMachine ListExecutions", dst),
			can(read, "states", "DescribeExecution DescribeStateMachineForExecution GetExecutionHistory", executions),
		), true
	case tPlaces:
		return sourceRole(can(read, "geo", "DescribePlaceIndex GetPlace SearchPlaceIndexForPosition "+
			"SearchPlaceIndexForSuggestions SearchPlaceIndexForText", dst)), true
	}
	return rule{}, false
}

func fromMachine(destination string) (rule, bool) {
	switch destination {
	case tFunction, tTopic, tBucket, tTable, tBus:
		return fromFunction(destination)
	case tQueue:
		return sourceRole(can(write, "sqs", "SendMessage", dst)), true
	case tMachine:
		r := sourceRole(
			can(read, "states", "DescribeExecution", executions),
			can(read, "events", "DescribeRule", managedRule),
			can(write, "states", "StartExecution", dst),
			can(write, "states", "StopExecution", executions),
			can(write, "events", "PutTargets PutRule", managedRule),
		)
		// Step Functions checks at creation that it may make its own rule.
		r.waits = theSource
		r.combos = []string{"Read", "Read+Write"}
		return r, true
	}
	return rule{}, false
}

func fromRule(destination string) (rule, bool) {
	switch destination {
	case tTopic:
		return served(topicPolicy, "events", "sns", "Publish", src), true
	case tQueue:
		return served(queuePolicy, "events", "sqs", "SendMessage", src), true
	case tFunction:
		return invokedBy("events", src), true
	case tBus:
		return sourceRole(can(write, "events", "PutEvents", dst)), true
	case tMachine:
		return sourceRole(can(write, "states", "StartExecution", dst)), true
	}
	return rule{}, false
}

func fromDataSource(destination string) (rule, bool) {
	switch destination {
	case tTable, tBus:
		return fromFunction(destination)
	case tFunction:
		return sourceRole(can(write, "lambda", "InvokeAsync InvokeFunction", dst, dst+":*")), true
	}
	return rule{}, false
}

func tableParts() []part {
	const index = dst + "/index/*"
	return []part{
		can(read, "dynamodb", "GetItem Query Scan BatchGetItem ConditionCheckItem PartiQLSelect", dst, index),
		can(write, "dynamodb", "PutItem UpdateItem DeleteItem BatchWriteItem "+
			"PartiQLDelete PartiQLInsert PartiQLUpdate", dst, index),
	}
}

func bucketParts() []part {
	const keys = dst + "/*"
	return []part{
		can(read, "s3", "GetObject GetObjectAcl GetObjectLegalHold GetObjectRetention GetObjectTorrent "+
			"GetObjectVersion GetObjectVersionAcl GetObjectVersionForReplication GetObjectVersionTorrent "+
			"ListBucket ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts", dst, keys),
		can(write, "s3", "AbortMultipartUpload DeleteObject DeleteObjectVersion PutObject PutObjectLegalHold "+
			"PutObjectRetention RestoreObject", dst, keys),
	}
}
