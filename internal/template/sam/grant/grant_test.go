// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

func full(id, typ string) End {
	return End{
		ID: id, Type: typ, Arn: base.Ref(id + "Arn"), RoleName: base.Ref(id + "Role"), QueueURL: base.Ref(id + "Url"),
		ResourceID: base.Ref(id + "Id"), Name: base.Ref(id + "Name"), Qualifier: tree.NewString("*"),
	}
}

// TestTable walks all pairs of types: every row must be complete, and what it
// makes must not keep a hole.
func TestTable(t *testing.T) {
	types := []string{
		tTable, tRule, tBus, tFunction, tMachine, tQueue, tTopic, tBucket, tPlaces,
		tHTTPAPI, tRESTAPI, tDataSource, tGraphQLAPI,
	}
	rows := 0
	for _, s := range types {
		for _, d := range types {
			r, ok := lookup(s, d)
			if !ok {
				continue
			}
			rows++
			l := Link{ID: "L", Source: full("S", s), Destination: full("D", d), Access: r.accesses()}
			rs, _, err := l.Resources()
			if err != nil {
				t.Errorf("%s to %s: %v", s, d, err)
				continue
			}
			for _, made := range rs {
				if text := string(tree.JSON(made.Node)); strings.Contains(text, "{dst") || strings.Contains(text, "{src") {
					t.Errorf("%s to %s keeps a hole: %s", s, d, text)
				}
			}
		}
	}
	if rows != 31 {
		t.Errorf("the table has %d rows; a row that is added or lost is told here", rows)
	}
}

func TestResources(t *testing.T) {
	tests := []struct {
		name, source, destination, access string
		want                              string
		wait                              Wait
	}{
		{"function writes to table", tFunction, tTable, "Write", `
	LPolicy/Type: AWS::IAM::ManagedPolicy
	LPolicy/Properties/Roles: [!Ref SRole]
	LPolicy/Properties/PolicyDocument:
	  Version: '2012-10-17'
	  Statement:
	  - Effect: Allow
	    Action: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:BatchWriteItem',
	      'dynamodb:PartiQLDelete', 'dynamodb:PartiQLInsert', 'dynamodb:PartiQLUpdate']
	    Resource: [!Ref DArn, !Sub ['${DestinationArn}/index/*', {DestinationArn: !Ref DArn}]]
	LPolicy/Metadata: {'aws:sam:connectors': {L: {Source: {Type: AWS::Lambda::Function}, Destination: {Type: AWS::DynamoDB::Table}}}}
	`, Wait{}},
		{"queue feeds function", tQueue, tFunction, "Write Read", `
	LPolicy/Properties/Roles: [!Ref DRole]
	`, Wait{Mapping: true}},
		{"machine waits for machine", tMachine, tMachine, "Read", `
	LPolicy/Properties/PolicyDocument/Statement:
	- Effect: Allow
	  Action: ['states:DescribeExecution']
	  Resource: [!Sub ['arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${DestinationName}:*', {DestinationName: !Ref DName}]]
	- Effect: Allow
	  Action: ['events:DescribeRule']
	  Resource: [!Sub 'arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule']
	`, Wait{Source: true}},
		{"topic to queue", tTopic, tQueue, "Write", `
	LQueuePolicy/Properties:
	  Queues: [!Ref DUrl]
	  PolicyDocument:
	    Version: '2012-10-17'
	    Statement:
	    - Effect: Allow
	      Principal: {Service: sns.amazonaws.com}
	      Action: sqs:SendMessage
	      Resource: !Ref DArn
	      Condition: {ArnEquals: {'aws:SourceArn': !Ref SArn}}
	`, Wait{}},
		{"API invokes function", tHTTPAPI, tFunction, "Write", `
	LWriteLambdaPermission/Properties:
	  Action: lambda:InvokeFunction
	  FunctionName: !Ref DArn
	  Principal: apigateway.amazonaws.com
	  SourceArn: !Sub ['arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${SourceResourceId}/${SourceQualifier}', {SourceResourceId: !Ref SId, SourceQualifier: '*'}]
	`, Wait{}},
		{"bucket notifies function", tBucket, tFunction, "Write", `
	LWriteLambdaPermission/Properties/SourceAccount: !Sub '${AWS::AccountId}'
	`, Wait{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := Link{ID: "L", Source: full("S", tt.source), Destination: full("D", tt.destination), Access: strings.Fields(tt.access)}
			rs, wait, err := l.Resources()
			if err != nil {
				t.Fatal(err)
			}
			if wait != tt.wait {
				t.Errorf("wait is %+v, want %+v", wait, tt.wait)
			}
			got := tree.NewMap()
			for _, r := range rs {
				got.Set(r.ID, r.Node)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

func TestRefused(t *testing.T) {
	noRole := full("S", tFunction)
	noRole.RoleName = nil
	noName := full("D", tMachine)
	noName.Name = nil
	tests := []struct {
		name   string
		s, d   End
		access string
		word   string
	}{
		{"unknown pair", full("S", tTable), full("D", tQueue), "Read", "cannot be connected"},
		{"no access", full("S", tFunction), full("D", tTable), "", "Permissions is empty"},
		{"not that access", full("S", tFunction), full("D", tTopic), "Read", "Read is not"},
		{"not that combination", full("S", tQueue), full("D", tFunction), "Read", "only Read+Write"},
		{"no role", noRole, full("D", tTable), "Read", "role"},
		{"no name", full("S", tFunction), noName, "Read", "DestinationName"},
		{"no queue", full("S", tTopic), End{Type: tQueue, Arn: base.Ref("A")}, "Write", "URL"},
		{"no function", full("S", tTopic), End{Type: tFunction}, "Write", "ARN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Link{ID: "L", Source: tt.s, Destination: tt.d, Access: strings.Fields(tt.access)}.Resources()
			basetest.Refused(t, err, "L", tt.word)
		})
	}
}
