// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

func TestExpand(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{
			"one", "Policies: {SQSSendMessagePolicy: {QueueName: !GetAtt Q.QueueName}}",
			`{"Policies":[{"Statement":[{"Effect":"Allow","Action":["sqs:SendMessage*"],"Resource":{"Fn::Sub":["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${queueName}",{"queueName":{"Fn::GetAtt":["Q","QueueName"]}}]}}]}]}`,
		},
		{
			"no parameters", "Policies: [AWSLambdaExecute, {AMIDescribePolicy: {}}]",
			`{"Policies":["AWSLambdaExecute",{"Statement":[{"Effect":"Allow","Action":["ec2:DescribeImages"],"Resource":"*"}]}]}`,
		},
		{
			"in an If", "Policies: [{Fn::If: [C, {AMIDescribePolicy: {}}, !Ref AWS::NoValue]}]",
			`{"Policies":[{"Fn::If":["C",{"Statement":[{"Effect":"Allow","Action":["ec2:DescribeImages"],"Resource":"*"}]},{"Ref":"AWS::NoValue"}]}]}`,
		},
		{"others stay", "Policies: [{Statement: []}, {Nothing: {}}]", `{"Policies":[{"Statement":[]},{"Nothing":{}}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tree.Parse("t", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if err := Expand("F", n); err != nil {
				t.Fatal(err)
			}
			if got := string(tree.JSON(n)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	for _, in := range []string{"Policies: {SQSSendMessagePolicy: {}}", "Policies: {SQSSendMessagePolicy: x}", "Policies: [{Fn::If: [C, {AMIDescribePolicy: {}}, X]}]"} {
		n, _ := tree.Parse("t", []byte(in))
		if err := Expand("F", n); err == nil || !strings.Contains(err.Error(), "Resources.F") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// Every line of the data is well formed.
func TestTemplates(t *testing.T) {
	args := tree.NewMap()
	for _, line := range strings.Split(strings.TrimSuffix(templates, "\n"), "\n") {
		if line[0] == ' ' {
			continue
		}
		f := strings.Fields(line)
		for _, p := range f[1:] {
			args.Set(p, tree.NewString("v"))
		}
		doc, err := document("F", tree.NewMap().With(f[0], args))
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range doc.Get("Statement").Items {
			if !st.Has("Action") || !st.Has("Resource") {
				t.Errorf("%s: %s", f[0], tree.JSON(st))
			}
		}
	}
}
