// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

func TestConditions(t *testing.T) {
	s := mustLoad(t, `
Parameters: {Env: {Type: String, Default: prod}, N: {Type: Number, Default: 3}, L: {Type: CommaDelimitedList, Default: "a,b"}}
Mappings: {M: {prod: {On: true}}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Dev: !Not [!Condition Prod]
  Both: !And [!Condition Prod, !Equals [!Ref N, 3]]
  Either: !Or [!Condition Dev, !Equals [!Select [1, !Ref L], b]]
  Mapped: !Equals [!FindInMap [M, !Ref Env, On], "true"]
  Chosen: !Equals [!If [Prod, x, y], x]
  Long: !And [!Not [!Or [!Condition Dev, !Condition Dev]], !Condition Prod]
Resources: {B: {Type: AWS::S3::Bucket}}
`, Options{})
	for name, want := range map[string]bool{"Prod": true, "Dev": false, "Both": true, "Either": true, "Mapped": true, "Chosen": true, "Long": true} {
		if got, ok := s.Condition(name); !ok || got != want {
			t.Errorf("%s = %v, %v, want %v", name, got, ok, want)
		}
	}
	for _, c := range []struct {
		name, conditions string
		want             []string
	}{
		{"cycle", "{A: !Condition B, B: !Not [!Condition C], C: !And [!Condition A, !Equals [a, a]]}", []string{"Conditions.C.Fn::And", "cycle: A → B → C → A"}},
		{"own cycle", "{A: !Condition A}", []string{"cycle: A → A"}},
		{"cycle by if", "{A: !Equals [!If [A, x, y], x]}", []string{"cycle: A → A"}},
		{"unknown", "{Abc: !Equals [a, a], B: !Condition Abd}", []string{`no condition is named "Abd"`, `"Abc"`}},
		{"resource", "{A: !Equals [!Ref Bu, x]}", []string{`a condition cannot refer to "Bu"`}},
		{"no boolean", "{A: hello}", []string{"must be true or false, not a string"}},
		{"value function", `{A: !Join ["", [a]]}`, []string{"Fn::Join gives a string"}},
		{"too many", "{A: !Or [" + strings.Repeat("!Equals [a, b], ", 11) + "]}", []string{"up to 10"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, "Conditions: "+c.conditions+"\nResources: {Bu: {Type: AWS::S3::Bucket}}", Options{})
			wantError(t, err, c.want...)
			if n := strings.Count(err.Error(), "\n"); n > 0 {
				t.Errorf("%d errors, want 1:\n%v", n+1, err)
			}
		})
	}
}

func TestOrderAndCycles(t *testing.T) {
	s := mustLoad(t, `
Conditions: {No: !Equals [a, b]}
Resources:
  Last: {Type: AWS::SQS::Queue, DependsOn: [Middle, Gone], Properties: {X: !If [No, !Ref Gone, y]}}
  Middle: {Type: AWS::SQS::Queue, Properties: {X: !Sub "${First.Arn}"}}
  Free: {Type: AWS::SQS::Queue}
  Gone: {Type: AWS::SQS::Queue, Condition: No, Properties: {X: !Ref Last}}
  First: {Type: AWS::SQS::Queue, DeletionPolicy: Retain, Metadata: {Ref: Last}}
`, Options{})
	var ids []string
	for _, r := range s.Resources() {
		ids = append(ids, r.LogicalID)
	}
	if got := strings.Join(ids, " "); got != "First Middle Last Free" {
		t.Errorf("order is %s", got)
	}
	if s.Resource("Gone") != nil || s.Resource("First").DeletionPolicy != "Retain" {
		t.Error("Gone lives, or First has lost its policy")
	}
	for _, c := range []struct {
		name, resources string
		want            []string
	}{
		{"references", "{A: {Type: T::X, Properties: {P: !Ref B}}, B: {Type: T::X, Properties: {P: !GetAtt C.Arn}}, C: {Type: T::X, Properties: {P: !Sub 'x${A}'}}}", []string{"cycle: A → B → C → A", "Resources.C"}},
		{"depends on", "{A: {Type: T::X, DependsOn: B}, B: {Type: T::X, DependsOn: [A]}}", []string{"cycle: A → B → A"}},
		{"itself", "{A: {Type: T::X, Properties: {P: !Ref A}}}", []string{"cycle: A → A"}},
		{"unknown", "{Queue: {Type: T::X}, B: {Type: T::X, DependsOn: Queu}}", []string{`"Queu"`, `"Queue"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, "Resources: "+c.resources, Options{})
			wantError(t, err, c.want...)
		})
	}
}

func TestParameters(t *testing.T) {
	const res = "\nResources: {B: {Type: AWS::S3::Bucket}}\n"
	env := func(k string) (string, bool) {
		v, ok := map[string]string{"NET_VPC": "vpc-1", "ssm:/net/subnets": "s-1,s-2"}[k]
		return v, ok
	}
	for _, c := range []struct{ name, decl, given, want string }{
		{"default", "{Type: String, Default: x}", "", `"x"`},
		{"given", "{Type: String, Default: x}", "y", `"y"`},
		{"number default", "{Type: Number, Default: 5}", "", `"5"`},
		{"bool default", "{Type: String, Default: true}", "", `"true"`},
		{"list", "{Type: CommaDelimitedList}", "a, b", `["a","b"]`},
		{"numbers", "{Type: List<Number>}", "1,2.5", `["1","2.5"]`},
		{"ids", "{Type: 'List<AWS::EC2::Subnet::Id>'}", "a,b", `["a","b"]`},
		{"pattern is whole", "{Type: String, AllowedPattern: '[a-z]+'}", "abc", `"abc"`},
		{"lookahead", "{Type: String, AllowedPattern: '(?!-)[a-z-]+(?<!-)'}", "a-c", `"a-c"`},
		{"empty pattern", "{Type: String, Default: '', AllowedPattern: '^$|x'}", "", `""`},
		{"allowed number", "{Type: Number, AllowedValues: [1, 2.0]}", "2", `"2"`},
		{"ssm", "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /net/vpc}", "", `"vpc-1"`},
		{"ssm list", "{Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /net/subnets}", "", `["s-1","s-2"]`},
		{"ssm given value", "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /net/vpc}", "direct", `"direct"`},
		{"ssm given name", "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /other}", "/net/vpc", `"vpc-1"`},
		{"bootstrap", "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /cdk-bootstrap/hnb659fds/version}", "", `"1000"`},
		{"ssm name", "{Type: 'AWS::SSM::Parameter::Name', Default: /net/vpc}", "", `"/net/vpc"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Env: env, Parameters: map[string]string{}}
			if c.given != "" {
				o.Parameters["P"] = c.given
			}
			s := mustLoad(t, "Parameters:\n  P: "+c.decl+res, o)
			if got := string(tree.JSON(s.Parameters()[0].Value)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, decl, given string
		want              []string
	}{
		{"allowed values", "{Type: String, AllowedValues: [a, b]}", "c", []string{"t.yaml:2:36: Parameters.P", `"c" is none of the AllowedValues: a, b`}},
		{"allowed in list", "{Type: CommaDelimitedList, AllowedValues: [a, b]}", "a,c", []string{"none of the AllowedValues"}},
		{"pattern", "{Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: lower case only}", "aB", []string{"does not match AllowedPattern [a-z]+", "(lower case only)"}},
		{"lookahead", "{Type: String, AllowedPattern: '(?!-)[a-z-]+'}", "-a", []string{"does not match"}},
		{"slow pattern", "{Type: String, AllowedPattern: '(?!-)(a+)+b'}", strings.Repeat("a", 40), []string{"AllowedPattern"}},
		{"short", "{Type: String, MinLength: 3}", "ab", []string{"breaks MinLength 3"}},
		{"long", "{Type: String, MaxLength: '3'}", "abcd", []string{"breaks MaxLength 3"}},
		{"low", "{Type: Number, MinValue: 1}", "0.5", []string{"breaks MinValue 1"}},
		{"high", "{Type: Number, MaxValue: 10}", "11", []string{"breaks MaxValue 10"}},
		{"no number", "{Type: Number}", "0x10", []string{"is no number"}},
		{"no type", "{Default: a}", "a", []string{"has no Type"}},
		{"bad type", "{Type: Sting}", "a", []string{`did you mean "String"?`}},
		{"bad attribute", "{Type: String, Defalt: a}", "a", []string{`no attribute "Defalt"`, `"Default"`}},
		{"intrinsic default", "{Type: String, Default: !Ref AWS::Region}", "", []string{"intrinsic functions do not work here"}},
		{"unknown ssm", "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/key}", "", []string{`SSM parameter "/app/key" is not known here`, "--param P=VALUE", "APP_KEY"}},
	} {
		t.Run("refuse "+c.name, func(t *testing.T) {
			o := Options{Env: env, Parameters: map[string]string{}}
			if c.given != "" {
				o.Parameters["P"] = c.given
			}
			_, err := load(t, "Parameters:\n  P: "+c.decl+res, o)
			wantError(t, err, c.want...)
		})
	}
	_, err := load(t, "Parameters:\n  A: {Type: String}\n  B: {Type: String, Default: x}\n  C: {Type: Number}"+res, Options{})
	wantError(t, err, "t.yaml:2:3: Parameters: parameters A, C have no value and no Default (give --param A=… --param C=…)")
	s := mustLoad(t, "Parameters: {A: {Type: String}}"+res, Options{Parameters: map[string]string{"A": "1", "Z": "2"}})
	if u := s.UnknownParameters(); len(u) != 1 || u[0] != "Z" {
		t.Errorf("unknown parameters: %v", u)
	}
}

func TestRules(t *testing.T) {
	const text = `
Parameters:
  Env: {Type: String, Default: prod}
  Size: {Type: String, Default: small}
  Nets: {Type: 'List<AWS::EC2::Subnet::Id>', Default: "s-1,s-2"}
Rules:
  CheckBootstrapVersion: {Assertions: [{Assert: !Equals [a, b]}]}
  Prod:
    RuleCondition: !Equals [!Ref Env, prod]
    Assertions:
      - Assert: !Contains [[medium, large], !Ref Size]
        AssertDescription: production needs a medium or large size
  Each:
    Assertions:
      - Assert: !EachMemberIn [!Ref Nets, [s-1, s-2, s-3]]
      - Assert: !EachMemberEquals [[a, a], a]
      - Assert: !Not [!EachMemberEquals [[a, b], a]]
      - Assert: !EachMemberIn [!ValueOfAll ["AWS::EC2::Subnet::Id", VpcId], !RefAll "AWS::EC2::VPC::Id"]
Resources: {B: {Type: AWS::S3::Bucket}}
`
	_, err := load(t, text, Options{})
	wantError(t, err, "t.yaml:11:9: Rules.Prod.Assertions: production needs a medium or large size")
	mustLoad(t, text, Options{Parameters: map[string]string{"Size": "large"}})
	mustLoad(t, text, Options{Parameters: map[string]string{"Env": "dev"}})
	_, err = load(t, text, Options{Parameters: map[string]string{"Env": "dev", "Nets": "s-9"}})
	wantError(t, err, "rule Each does not hold")
}

func TestOutputs(t *testing.T) {
	s := mustLoad(t, `
Conditions: {No: !Equals [a, b]}
Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}, D: {Type: AWS::SQS::Queue, Condition: No}}
Outputs:
  Url: {Value: !Ref Q, Description: the queue, Export: {Name: !Sub "${AWS::StackName}-url"}}
  Gone: {Value: !Ref D, Condition: No}
`, Options{StackName: "st"})
	out, err := s.Outputs()
	if err != nil || len(out) != 1 {
		t.Fatalf("outputs %v, %v", out, err)
	}
	if o := out[0]; o.Name != "Url" || o.Export != "st-url" || o.Description != "the queue" || o.Value.Text != "https://sqs.us-east-1.amazonaws.com/123456789012/q" {
		t.Errorf("output %+v", o)
	}
}

// What cannot be evaluated is left out; the rest is there.
func TestPartialProperties(t *testing.T) {
	s := mustLoad(t, `
Resources:
  Q:
    Type: AWS::SQS::Queue
    Properties: {A: 1, B: !Select [9, [a]], C: {D: !ImportValue x, E: [f]}, G: "{{resolve:ssm:/g}}"}
`, Options{})
	p, err := s.Properties("Q")
	if got := string(tree.JSON(p)); got != `{"A":1,"C":{"E":["f"]},"G":""}` {
		t.Errorf("partial properties %s", got)
	}
	wantError(t, err, "Properties.B.Fn::Select", "Properties.C.D.Fn::ImportValue", "Properties.G: ssm parameter")
	if strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three errors:\n%v", err)
	}
}
