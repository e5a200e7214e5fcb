// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

// load expands and evaluates a template written in the test.
func load(t *testing.T, text string, o Options) (*Stack, error) {
	t.Helper()
	n, err := tree.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatalf("the test's template: %v", err)
	}
	x, err := Expand(n, o)
	if err != nil {
		return nil, err
	}
	return New(x, o)
}

func mustLoad(t *testing.T, text string, o Options) *Stack {
	t.Helper()
	s, err := load(t, text, o)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return s
}

// wantError checks that each part is in the error, which is one line a fault.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error\n  %v\nlacks %q", err, p)
		}
	}
}

// base is a template whose property V is evaluated by the value tests; the
// text is put on line 26.
const base = `AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::LanguageExtensions
Parameters:
  Name: {Type: String, Default: shop}
  Names: {Type: CommaDelimitedList, Default: "a, b,c"}
  Secret: {Type: String, NoEcho: true, Default: hunter22}
Mappings:
  Sizes:
    dev: {Memory: 128, Zones: [x, y]}
    prod: {Memory: 512}
Conditions:
  Yes: !Equals [!Ref Name, shop]
  No: !Not [!Condition Yes]
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: files}}
  Queue: {Type: AWS::SQS::Queue}
  Dead:
    Type: AWS::SQS::Queue
    Condition: No
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.1.0.0/16}
  It:
    Type: Custom::It
    Properties:
      V: `

func value(t *testing.T, expr string, o Options) (string, error) {
	t.Helper()
	s, err := load(t, base+expr+"\n", o)
	if err != nil {
		return "", err
	}
	p, err := s.Properties("It")
	if err != nil {
		return "", err
	}
	return string(tree.JSON(p.Get("V"))), nil
}

func TestIntrinsics(t *testing.T) {
	o := Options{
		StackName: "demo", Region: "eu-west-1", NotificationARNs: []string{"arn:n"},
		Exports: func(name string) (*tree.Node, bool) { return tree.NewString("imported"), name == "net-vpc" },
		Env: func(k string) (string, bool) {
			v, ok := map[string]string{
				"APP_DB_URL": "db://x", "ssm:/a/b": "AB", "prod/db": `{"user":"root","port":5432}`, "PROD_KEY_PASSWORD": "pw-from-env",
			}[k]
			return v, ok
		},
	}
	for _, c := range []struct{ name, expr, want string }{
		{"ref parameter", `!Ref Name`, `"shop"`},
		{"ref list", `!Ref Names`, `["a","b","c"]`},
		{"ref pseudo", `[!Ref AWS::Region, !Ref AWS::AccountId, !Ref AWS::Partition, !Ref AWS::URLSuffix, !Ref AWS::StackName]`, `["eu-west-1","123456789012","aws","amazonaws.com","demo"]`},
		{"ref notification", `!Ref AWS::NotificationARNs`, `["arn:n"]`},
		{"ref resource", `!Ref Bucket`, `"files"`},
		{"no value in list", `[a, !Ref AWS::NoValue, b]`, `["a","b"]`},
		{"no value in map", `{A: 1, B: !Ref AWS::NoValue}`, `{"A":1}`},
		{"no value by if", `!If [No, x, !Ref AWS::NoValue]`, `null`},
		{"getatt list", `!GetAtt [Bucket, Arn]`, `"arn:aws:s3:::files"`},
		{"getatt dotted", `{"Fn::GetAtt": Bucket.Arn}`, `"arn:aws:s3:::files"`},
		{"getatt computed attribute", `{"Fn::GetAtt": [Bucket, !Sub "A${R}"]}`, ``},
		{"sub", `!Sub "${Name}-${AWS::Region}-${Bucket}-${Bucket.DomainName}"`, `"shop-eu-west-1-files-files.s3.amazonaws.com"`},
		{"sub variables", `!Sub ["${X}/${Name}", {X: !Ref AWS::Region, Name: other}]`, `"eu-west-1/other"`},
		{"sub literal", `!Sub "${!Keep} $ {x} ${unclosed"`, `"${Keep} $ {x} ${unclosed"`},
		{"sub list", `!Sub "${Names}"`, `"a,b,c"`},
		{"sub number variable", `!Sub ["${N}", {N: 5}]`, `"5"`},
		{"join", `!Join ["-", [a, 1, true, !Ref Name]]`, `"a-1-true-shop"`},
		{"join list parameter", `!Join [",", !Ref Names]`, `"a,b,c"`},
		{"join drops no value", `!Join [",", [a, !Ref AWS::NoValue]]`, `"a"`},
		{"split", `!Split ["/", "a//b"]`, `["a","","b"]`},
		{"select", `!Select [1, [a, b]]`, `"b"`},
		{"select text index", `!Select ["2", !Ref Names]`, `"c"`},
		{"select split", `!Select [2, !Split ["/", !Sub "https://${Name}.example/prod"]]`, `"shop.example"`},
		{"if looks at one branch", `!If [Yes, ok, !Ref Dead]`, `"ok"`},
		{"find in map", `!FindInMap [Sizes, prod, Memory]`, `512`},
		{"find in map list", `!Select [1, !FindInMap [Sizes, dev, Zones]]`, `"y"`},
		{"find in map default", `{"Fn::FindInMap": [Sizes, test, Memory, {DefaultValue: 64}]}`, `64`},
		{"find in map computed", `!FindInMap [Sizes, !If [Yes, prod, dev], !Join ["", [Mem, ory]]]`, `512`},
		{"base64", `{"Fn::Base64": !Sub "hi ${Name}"}`, `"aGkgc2hvcA=="`},
		{"cidr", `!Cidr [!GetAtt Vpc.CidrBlock, 3, 8]`, `["10.1.0.0/24","10.1.1.0/24","10.1.2.0/24"]`},
		{"cidr v6", `!Cidr ["2001:db8::/56", 2, 64]`, `["2001:db8::/64","2001:db8:0:1::/64"]`},
		{"azs", `!GetAZs ""`, `["eu-west-1a","eu-west-1b","eu-west-1c"]`},
		{"azs of region", `!Select [5, !GetAZs us-east-1]`, `"us-east-1f"`},
		{"import", `!ImportValue net-vpc`, `"imported"`},
		{"import computed", `{"Fn::ImportValue": !Sub "${N}-vpc"}`, ``},
		{"to json", `{"Fn::ToJsonString": {a: !Ref Name, b: [1, true]}}`, `"{\"a\":\"shop\",\"b\":[1,true]}"`},
		{"length", `{"Fn::Length": !Ref Names}`, `3`},
		{"condition key is data", `{Condition: {StringEquals: {a: b}}}`, `{"Condition":{"StringEquals":{"a":"b"}}}`},
		{"ssm by snake", `"{{resolve:ssm:/app/db-url:1}}"`, `"db://x"`},
		{"ssm inside text", `"x{{resolve:ssm:/a/b}}y{{resolve:ssm-secure:/a/b:3}}"`, `"xAByAB"`},
		{"secret key", `"{{resolve:secretsmanager:prod/db:SecretString:user}}"`, `"root"`},
		{"secret number", `"{{resolve:secretsmanager:prod/db:SecretString:port::}}"`, `"5432"`},
		{"secret whole", `"{{resolve:secretsmanager:prod/db}}"`, `"{\"user\":\"root\",\"port\":5432}"`},
		{"secret by arn", `"{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:prod/db-aBcDeF:SecretString:user}}"`, `"root"`},
		{"secret by snake", `!Join ["", ["{{resolve:secretsmanager:", prod/key, ":SecretString:password}}"]]`, `"pw-from-env"`},
		{"other reference stays", `"{{resolve:else:x}}"`, `"{{resolve:else:x}}"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := value(t, c.expr, o)
			if c.want == "" {
				if err == nil {
					t.Fatalf("%s = %s, want an error", c.expr, got)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("%s\n got %s, %v\nwant %s", c.expr, got, err, c.want)
			}
		})
	}
}

func TestIntrinsicErrors(t *testing.T) {
	const at = "t.yaml:26:10: Resources.It.Properties.V"
	for _, c := range []struct {
		name, expr string
		want       []string
	}{
		{"unknown ref", `!Ref Buckt`, []string{at, `no resource or parameter is named "Buckt"`, `did you mean "Bucket"?`}},
		{"unknown pseudo", `!Ref AWS::Regio`, []string{at, "unknown pseudo parameter AWS::Regio", `"AWS::Region"`}},
		{"ref of condition", `!Ref Yes`, []string{"Yes is a condition", "Fn::If"}},
		{"ref of mapping", `!Ref Sizes`, []string{"Sizes is a mapping", "Fn::FindInMap"}},
		{"unknown getatt", `!GetAtt Quue.Arn`, []string{at, `no resource is named "Quue"`, `"Queue"`}},
		{"getatt of parameter", `!GetAtt Name.Arn`, []string{"Name is a parameter"}},
		{"getatt without attribute", `{"Fn::GetAtt": Queue}`, []string{"needs a logical id and an attribute"}},
		{"attribute in wrong case", `!GetAtt Queue.ARN`, []string{`has no attribute "ARN": write Arn`}},
		{"unknown sub", `!Sub "${Nam}"`, []string{at, `"Nam"`, `did you mean "Name"?`}},
		{"bad sub variable", `!Sub "${a b}"`, []string{"${a b} is no variable"}},
		{"sub of a map", `!Sub {a: b}`, []string{"the argument does not fit"}},
		{"dead reference", `!Ref Dead`, []string{at, "resource Dead is not created: its condition No is false", "Fn::If: [No"}},
		{"unused branch is checked", `!If [Yes, a, !Ref Nowhere]`, []string{`"Nowhere"`}},
		{"unknown condition", `!If [Yess, a, b]`, []string{`no condition is named "Yess"`, `"Yes"`}},
		{"if arity", `!If [Yes, a]`, []string{"a list of 2", "Fn::If: [ConditionName"}},
		{"join arity", `!Join ["-"]`, []string{"a list of 1"}},
		{"join of list", `!Join ["-", [[a]]]`, []string{"member 0 of Fn::Join must be a text, not a list"}},
		{"join of text", `!Join ["-", a]`, []string{"must be a list, not a string"}},
		{"split empty", `!Split ["", a]`, []string{"delimiter of Fn::Split is empty"}},
		{"select range", `!Select [3, [a, b]]`, []string{at, "no value at index 3: the list has 2"}},
		{"select negative", `!Select [-1, [a, b]]`, []string{"whole number"}},
		{"unknown map", `!FindInMap [Size, dev, Memory]`, []string{`no mapping is named "Size"`, `"Sizes"`}},
		{"unknown top key", `!FindInMap [Sizes, de, Memory]`, []string{`mapping Sizes has no key "de"`, `"dev"`}},
		{"unknown second key", `!FindInMap [Sizes, dev, Memry]`, []string{`has no key "Memry" under "dev"`, `"Memory"`}},
		{"cidr", `!Cidr [10.0.0.0/30, 3, 8]`, []string{"has no room"}},
		{"cidr block", `!Cidr [10.0.0, 3, 8]`, []string{"is no CIDR block"}},
		{"import", `!ImportValue nowhere`, []string{`no running stack exports "nowhere"`}},
		{"unknown function", `!Subb x`, []string{at, "unknown intrinsic function Fn::Subb", `"Fn::Sub"`}},
		{"logic in a value", `!Equals [a, b]`, []string{"Fn::Equals cannot be used in a value"}},
		{"rule function in a value", `!Contains [[a], b]`, []string{"belongs to the Rules section"}},
		{"two keys", `{"Fn::Sub": a, B: c}`, []string{"Fn::Sub has other keys beside it"}},
		{"unknown ssm", `"{{resolve:ssm:/app/key}}"`, []string{at, `ssm parameter "/app/key"`, "set APP_KEY in --env-file"}},
		{"unknown secret", `"{{resolve:secretsmanager:db:SecretString:pass}}"`, []string{`secret "db"`, "set DB_PASS in --env-file"}},
		{"json of text", `{"Fn::ToJsonString": a}`, []string{"must be a map or a list"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := value(t, c.expr, Options{})
			wantError(t, err, c.want...)
			var te *tree.Error
			if !errors.As(err, &te) || te.Pos.Line != 26 {
				t.Errorf("error %v is not placed on line 26", err)
			}
		})
	}
}

// A value of a NoEcho parameter is not shown by any error or print.
func TestSecretsAreMasked(t *testing.T) {
	_, err := value(t, `!FindInMap [Sizes, !Ref Secret, Memory]`, Options{})
	wantError(t, err, "****")
	_, err2 := value(t, `!ImportValue {"Fn::Sub": "x-${Secret}"}`, Options{})
	wantError(t, err2, `"x-****"`)
	_, err3 := load(t, base+"x\n", Options{Parameters: map[string]string{"Secret": "hunter33"}})
	s := mustLoad(t, base+"x\n", Options{})
	out := ""
	for _, p := range s.Parameters() {
		out += p.String() + "\n"
	}
	if out != "Name=shop\nNames=a,b,c\nSecret=****\n" {
		t.Errorf("parameters print as %q", out)
	}
	for _, text := range []string{err.Error(), err2.Error(), out} {
		if strings.Contains(text, "hunter") {
			t.Errorf("%q shows the secret", text)
		}
	}
	if err3 != nil {
		t.Error(err3)
	}
	_, err = load(t, "Parameters: {P: {Type: String, NoEcho: true, Default: hunter22, AllowedPattern: x+}}\nResources: {B: {Type: AWS::S3::Bucket}}", Options{})
	wantError(t, err, "the value does not match AllowedPattern x+")
	if strings.Contains(err.Error(), "hunter") {
		t.Errorf("%v shows the secret", err)
	}
}

// Independent errors are reported together, in the order of the file.
func TestManyErrors(t *testing.T) {
	_, err := load(t, `Parameters:
  A: {Type: Strin, Default: x}
Resources:
  B:
    Type: AWS::S3::Bucket
    Propertis: {}
  C:
    Type: AWS::SQS::Queue
    DependsOn: [B, D]
    Properties: {Name: !Ref X, Other: !GetAtt Y.Arn}
Outputs:
  O: {Value: !Ref Z}
`, Options{})
	wantError(t, err, `t.yaml:2:13: Parameters.A.Type: no parameter type is named "Strin" (did you mean "String"?)`,
		`t.yaml:6:5: Resources.B: a resource has no attribute "Propertis" (did you mean "Properties"?)`,
		`Resources.C.DependsOn: no resource is named "D"`, `named "X"`, `named "Y"`, `Outputs.O.Value.Ref: no resource or parameter is named "Z"`)
	last := 0
	for line := range strings.Lines(err.Error()) {
		var te *tree.Error
		_ = te
		n := 0
		for _, c := range strings.TrimPrefix(line, "t.yaml:") {
			if c < '0' || c > '9' {
				break
			}
			n = n*10 + int(c-'0')
		}
		if n < last {
			t.Errorf("line %q comes after line %d", line, last)
		}
		last = n
	}
}

func TestSections(t *testing.T) {
	const res = "\nResources: {B: {Type: AWS::S3::Bucket}}\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"unknown section", "Paramters: {}" + res, []string{"t.yaml:1:1", `no section "Paramters"`, `"Parameters"`}},
		{"version", "AWSTemplateFormatVersion: 2010-09-10" + res, []string{"must be 2010-09-09"}},
		{"no resources", "Description: x", []string{"has no Resources"}},
		{"list", "Parameters: []" + res, []string{"must be a map, not a list"}},
		{"globals", "Globals: {Function: {}}" + res, []string{"belongs to SAM templates"}},
		{"macro", "Transform: [MyMacro]" + res, []string{`macro "MyMacro" is not known`, "get-template"}},
		{"misspelt macro", "Transform: AWS::Serverless-2016-10-3" + res, []string{`did you mean "AWS::Serverless-2016-10-31"?`}},
		{"bad logical id", "Resources: {My-Bucket: {Type: AWS::S3::Bucket}}", []string{`"My-Bucket" is no logical id`}},
		{"no type", "Resources: {B: {Properties: {}}}", []string{"has no Type"}},
		{"bad type", "Resources: {B: {Type: Bucket}}", []string{"is no resource type"}},
		{"name twice", "Parameters: {B: {Type: String, Default: x}}" + res, []string{"a parameter has the same name"}},
		{"policy", "Resources: {B: {Type: AWS::S3::Bucket, DeletionPolicy: Retan}}", []string{`cannot be "Retan"`, `"Retain"`}},
		{"mapping", "Mappings: {M: {a: b}}" + res, []string{"Mappings.M.a", "a mapping is a map of maps"}},
		{"output without value", "Outputs: {O: {Description: x}}" + res, []string{"the output has no Value"}},
		{"length alone", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {X: {Fn::Length: [a]}}}}", []string{"t.yaml:1:57", "Fn::Length works under AWS::LanguageExtensions only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text, Options{})
			wantError(t, err, c.want...)
		})
	}
}
