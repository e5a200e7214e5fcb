// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

func expand(t *testing.T, text string, o Options) (string, error) {
	t.Helper()
	n, err := tree.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatalf("the test's template: %v", err)
	}
	before := string(tree.JSON(n))
	x, err := Expand(n, o)
	if after := string(tree.JSON(n)); after != before {
		t.Errorf("Expand changed its argument:\n%s\n%s", before, after)
	}
	if err != nil {
		return "", err
	}
	return string(tree.JSON(x.Get("Resources"))), nil
}

func files(m map[string]string) func(string) ([]byte, error) {
	return func(location string) ([]byte, error) {
		if s, ok := m[location]; ok {
			return []byte(s), nil
		}
		return nil, errors.New("no such file")
	}
}

func TestInclude(t *testing.T) {
	o := Options{ReadFile: files(map[string]string{
		"api.yaml":        "openapi: '3.0'\npaths:\n  /: {uri: !Sub 'x-${AWS::Region}'}\n",
		"s3://b/x.json":   `{"A": 1, "B": 2}`,
		"outer.yaml":      "In: {'Fn::Transform': {Name: AWS::Include, Parameters: {Location: s3://b/x.json}}}",
		"loop.yaml":       "'Fn::Transform': {Name: AWS::Include, Parameters: {Location: loop.yaml}}",
		"list.yaml":       "[a, b]",
		"resources.yaml":  "Resources: {C: {Type: T::C}, B: {Type: T::Lost}}\nMappings: {M: {a: {b: c}}}",
		"broken.yaml":     "a: [",
		"resources2.yaml": "R2: {Type: T::R}",
	})}
	const in = "Parameters: {F: {Type: String, Default: b/x}}\nResources: {B: {Type: T::X, Properties: "
	inc := func(loc string) string {
		return "{'Fn::Transform': {Name: AWS::Include, Parameters: {Location: " + loc + "}}}"
	}
	for _, c := range []struct{ name, text, want string }{
		{"replaces", in + "{Body: " + inc("api.yaml") + "}}}", `{"B":{"Type":"T::X","Properties":{"Body":{"openapi":"3.0","paths":{"/":{"uri":{"Fn::Sub":"x-${AWS::Region}"}}}}}}}`},
		{"merges", in + "{B: 9, 'Fn::Transform': {Name: AWS::Include, Parameters: {Location: s3://b/x.json}}}}}", `{"B":{"Type":"T::X","Properties":{"B":9,"A":1}}}`},
		{"computed location", in + inc(`!Sub "s3://${F}.json"`) + "}}", `{"B":{"Type":"T::X","Properties":{"A":1,"B":2}}}`},
		{"nested", in + inc("outer.yaml") + "}}", `{"B":{"Type":"T::X","Properties":{"In":{"A":1,"B":2}}}}`},
		{"list", in + "{L: " + inc("list.yaml") + "}}}", `{"B":{"Type":"T::X","Properties":{"L":["a","b"]}}}`},
		{"section", "Resources: {B: {Type: T::X}, 'Fn::Transform': {Name: AWS::Include, Parameters: {Location: resources2.yaml}}}", `{"B":{"Type":"T::X"},"R2":{"Type":"T::R"}}`},
		{"whole template", "Transform: {Name: AWS::Include, Parameters: {Location: resources.yaml}}\nResources: {B: {Type: T::X}}", `{"B":{"Type":"T::X"},"C":{"Type":"T::C"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := expand(t, c.text, o)
			if err != nil || got != c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"missing", in + inc("none.yaml") + "}}", []string{"t.yaml:2:", "Resources.B.Properties.Fn::Transform", "cannot include none.yaml: no such file"}},
		{"endless", in + inc("loop.yaml") + "}}", []string{"more than 5 deep"}},
		{"broken", in + inc("broken.yaml") + "}}", []string{"broken.yaml:"}},
		{"no location", in + "{'Fn::Transform': {Name: AWS::Include}}}}", []string{"has no Location"}},
		{"resource location", in + inc("!Ref B") + "}}", []string{"cannot refer to"}},
		{"macro", in + "{'Fn::Transform': {Name: Mine}}}}", []string{`macro "Mine" is not known`}},
		{"no map beside keys", in + "{A: 1, 'Fn::Transform': {Name: AWS::Include, Parameters: {Location: list.yaml}}}}}", []string{"a map is wanted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := expand(t, c.text, o)
			wantError(t, err, c.want...)
		})
	}
	_, err := expand(t, in+inc("api.yaml")+"}}", Options{})
	wantError(t, err, "no file can be read here")
}

func TestForEach(t *testing.T) {
	const head = "Transform: AWS::LanguageExtensions\nParameters: {L: {Type: CommaDelimitedList, Default: 'x,y'}}\nMappings: {M: {a: {l: [p, q]}}}\n"
	for _, c := range []struct{ name, text, want string }{
		{
			"list", "Resources: {'Fn::ForEach::T': [N, [A, B], {'T${N}': {Type: T::X, Properties: {V: !Ref N, S: !Sub 'a-${N}-${AWS::Region}'}}}]}",
			`{"TA":{"Type":"T::X","Properties":{"V":"A","S":{"Fn::Sub":"a-A-${AWS::Region}"}}},"TB":{"Type":"T::X","Properties":{"V":"B","S":{"Fn::Sub":"a-B-${AWS::Region}"}}}}`,
		},
		{"parameter", "Resources: {'Fn::ForEach::T': [N, !Ref L, {'T${N}': {Type: T::X}}]}", `{"Tx":{"Type":"T::X"},"Ty":{"Type":"T::X"}}`},
		{"mapping", "Resources: {'Fn::ForEach::T': [N, !FindInMap [M, a, l], {'T${N}': {Type: T::X}}]}", `{"Tp":{"Type":"T::X"},"Tq":{"Type":"T::X"}}`},
		{"letters", "Resources: {'Fn::ForEach::T': [N, [a.b-1], {'T&{N}': {Type: T::X, Properties: {V: '${N}'}}}]}", `{"Tab1":{"Type":"T::X","Properties":{"V":"a.b-1"}}}`},
		{"nested", "Resources: {'Fn::ForEach::T': [N, [A], {'Fn::ForEach::U': [O, [C, '${N}D'], {'T${N}${O}': {Type: T::X}}]}]}", `{"TAC":{"Type":"T::X"},"TAAD":{"Type":"T::X"}}`},
		{"properties", "Resources: {B: {Type: T::X, Properties: {Z: 0, 'Fn::ForEach::T': [N, [a, b], {'P${N}': !Ref N}]}}}", `{"B":{"Type":"T::X","Properties":{"Z":0,"Pa":"a","Pb":"b"}}}`},
		{
			"computed names", "Resources: {'Fn::ForEach::T': [N, [A], {'T${N}': {Type: T::X}}], Z: {Type: T::X, Properties: {V: !GetAtt [!Sub 'T${Q}', Arn], W: 1}}}",
			"",
		},
		{"computed names in a loop", "Resources: {'Fn::ForEach::T': [N, [A], {'T${N}': {Type: T::X, Properties: {V: !GetAtt [!Sub 'X${N}', Arn]}}}]}", `{"TA":{"Type":"T::X","Properties":{"V":{"Fn::GetAtt":["XA","Arn"]}}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := expand(t, head+c.text, Options{})
			if c.want == "" {
				wantError(t, err, "cannot refer to")
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"shape", "Resources: {'Fn::ForEach::T': [N, [a]]}", []string{"t.yaml:4:13", "does not have an identifier"}},
		{"twice", "Resources: {'Fn::ForEach::T': [N, [a, b], {T: {Type: T::X}}]}", []string{`"T" is made twice`}},
		{"identifier", "Resources: {'Fn::ForEach::T': [L, [a, b], {'T${L}': {Type: T::X}}]}", []string{"also a parameter"}},
		{"same identifier", "Resources: {'Fn::ForEach::T': [N, [a], {'Fn::ForEach::U': [N, [b], {'T${N}': {Type: T::X}}]}]}", []string{"in use by an outer loop"}},
		{"no list", "Resources: {'Fn::ForEach::T': [N, a, {'T${N}': {Type: T::X}}]}", []string{"must be a list"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := expand(t, head+c.text, Options{})
			wantError(t, err, c.want...)
		})
	}
	_, err := expand(t, "Resources: {'Fn::ForEach::T': [N, [a], {'T${N}': {Type: T::X}}]}", Options{})
	wantError(t, err, "t.yaml:1:13", "works under AWS::LanguageExtensions only")
}

func TestForEachInOutputsAndConditions(t *testing.T) {
	s := mustLoad(t, `
Transform: AWS::LanguageExtensions
Conditions:
  Fn::ForEach::C: [E, [dev, prod], {"Is${E}": !Equals [!Ref E, prod]}]
Resources:
  Fn::ForEach::Q: [Name, [Orders, Mails], {"${Name}Queue": {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Name}}}]
Outputs:
  Fn::ForEach::O:
    - Name
    - [Orders, Mails]
    - Fn::ForEach::P:
        - Attr
        - [Arn, QueueName]
        - "${Name}${Attr}": {Value: !GetAtt [!Sub "${Name}Queue", !Ref Attr], Condition: Isprod}
`, Options{})
	out, err := s.Outputs()
	var got []string
	for _, o := range out {
		got = append(got, o.Name+"="+o.Value.Text)
	}
	want := "OrdersArn=arn:aws:sqs:us-east-1:123456789012:Orders OrdersQueueName=Orders MailsArn=arn:aws:sqs:us-east-1:123456789012:Mails MailsQueueName=Mails"
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("outputs %v, %v", got, err)
	}
}

// Templates made to be expensive end in an error.
func TestBounds(t *testing.T) {
	ten := "[a,b,c,d,e,f,g,h,i,j]"
	loops := "{'T${A}${B}${C}${D}${E}': {Type: T::X}}"
	for _, id := range []string{"A", "B", "C", "D", "E"} {
		loops = fmt.Sprintf("{'Fn::ForEach::L%s': [%s, %s, %s]}", id, id, ten, loops)
	}
	big := strings.Repeat("x", 4000)
	var chain strings.Builder
	chain.WriteString("Conditions:\n  C0: !Equals [a, a]\n")
	for i := 1; i < 2000; i++ {
		fmt.Fprintf(&chain, "  D%d: !Condition D%d\n", i, i+1)
	}
	chain.WriteString("  D2000: !Condition C0\n")
	var many strings.Builder
	many.WriteString("Resources:\n")
	for i := range MaxResources + 1 {
		fmt.Fprintf(&many, "  R%d: {Type: T::X}\n", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"loops", "Transform: AWS::LanguageExtensions\nResources: " + loops, "loops run more than"},
		{"loop text", "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::L': [A, [" + big + "], {T: {Type: T::X, Properties: {V: '" + strings.Repeat("${A}", 3000) + "'}}}]}", "MB of text"},
		{"joined text", "Resources: {B: {Type: T::X, Properties: {V: !Sub ['" + strings.Repeat("${A}", 2000) + "', {A: " + big + "}]}}}", "MB of text"},
		{"conditions", chain.String() + "Resources: {B: {Type: T::X}}", "more than 400 deep"},
		{"resources", many.String(), "the limit is 2000"},
		{"parameter", "Parameters: {P: {Type: CommaDelimitedList, Default: '" + strings.Repeat("a,", 3000) + "'}}\nResources: {B: {Type: T::X}}", "longer than 4096 bytes"},
		{"values", "Parameters: {P: {Type: CommaDelimitedList, Default: '" + strings.Repeat("a,", 2000) + "'}}\nResources: {B: {Type: T::X, Properties: {V: [" + strings.Repeat("!Ref P,", 3000) + "]}}}", "evaluates to more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := load(t, c.text, Options{})
			if err == nil {
				_, err = s.Properties("B")
			}
			wantError(t, err, c.want)
			if len(err.Error()) > 20_000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func FuzzEval(f *testing.F) {
	f.Add([]byte(base + "!Sub '${Name}'\n"))
	f.Add([]byte("Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::T': [N, [a], {'T${N}': {Type: T::X, Properties: {A: !GetAtt [!Sub 'T${N}', Arn]}}}]}"))
	f.Add([]byte("Parameters: {P: {Type: Number, Default: 1, AllowedPattern: '(?!a)', MinValue: x}}\nRules: {R: {Assertions: [{Assert: !Contains [[a], !Ref P]}]}}\nResources: {B: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref B}}}"))
	f.Add([]byte("Resources: {B: {Type: AWS::S3::Bucket, Properties: {A: !Cidr [10.0.0.0/8, 9], B: !Select [0, !GetAZs ''], 'Fn::Transform': {Name: AWS::Include, Parameters: {Location: x}}}}}"))
	f.Add([]byte("Resources: {S: {Type: AWS::SecretsManager::Secret, Properties: {GenerateSecretString: {GenerateStringKey: p}}}, Q: {Type: T::X, Properties: {P: !Sub '{{resolve:secretsmanager:${S}:SecretString:p}}'}}}\nOutputs: {O: {Value: !GetAtt [S, Id], Export: {Name: x}}}"))
	o := Options{
		Env:      func(k string) (string, bool) { return "v", len(k)%2 == 0 },
		ReadFile: files(map[string]string{"x": "A: {Ref: B}"}),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := tree.Parse("f", text)
		if err != nil {
			return
		}
		x, err := Expand(n, o)
		if err != nil {
			return
		}
		s, err := New(x, o)
		if err != nil {
			return
		}
		for _, r := range s.Resources() {
			if p, _ := s.Properties(r.LogicalID); !p.IsMap() {
				t.Fatalf("properties of %s are no map", r.LogicalID)
			}
			_, _ = s.Metadata(r.LogicalID)
		}
		_, _ = s.Outputs()
	})
}
