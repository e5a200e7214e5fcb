// SPDX-License-Identifier: Apache-2.0

package base

import (
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

func parse(t *testing.T, s string) *tree.Node {
	t.Helper()
	n, err := tree.Parse("t.yaml", []byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHash(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"b": 1, "a": ["é"]}`, `{"a":["\u00e9"],"b":1}`},
		{`{"a": 1.0, "b": 1.5e20, "c": "\u007f😀\n"}`, `{"a":1.0,"b":1.5e+20,"c":"\u007f\ud83d\ude00\n"}`},
	}
	for _, tt := range tests {
		if got := string(ASCIIJSON(parse(t, tt.in))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
	if got := LogicalIDText("P", "abc"); got != "Pa9993e3647" {
		t.Errorf("got %s", got)
	}
	if got := LogicalID("P", tree.NewMap()); got != "P" {
		t.Errorf("empty data: got %s", got)
	}
}

func TestResolve(t *testing.T) {
	c := NewContext(parse(t, "Parameters: {A: {Default: x}, N: {Default: 3}}\nResources: {}"), Options{Region: "cn-north-1"})
	tests := []struct{ in, want string }{
		{"!Ref A", `"x"`},
		{"!Ref B", `{"Ref":"B"}`},
		{"a: [!Ref N]", `{"a":[3]}`},
		{"!Sub '${A}-${B}-${AWS::Partition}'", `{"Fn::Sub":"x-${B}-aws-cn"}`},
		{"!Sub ['${A}${V}', {V: !Ref A}]", `{"Fn::Sub":["x${V}",{"V":"x"}]}`},
	}
	for _, tt := range tests {
		got, err := c.Resolve(parse(t, tt.in))
		if err != nil || string(tree.JSON(got)) != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.in, tree.JSON(got), err, tt.want)
		}
	}
	if _, err := c.Resolve(parse(t, "!Sub '${N}'")); err == nil {
		t.Error("a number in Fn::Sub was taken")
	}
}

func TestManagedARN(t *testing.T) {
	c := NewContext(parse(t, "Resources: {}"), Options{})
	tests := []struct{ in, want string }{
		{"AWSLambdaBasicExecutionRole", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
		{"AmazonDynamoDBFullAccess", "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"},
		{"arn:aws:iam::1:policy/x", "arn:aws:iam::1:policy/x"},
		{"NoSuchPolicy", "NoSuchPolicy"},
		{"/service-role/", "/service-role/"},
	}
	for _, tt := range tests {
		if got := c.ManagedARN(tt.in); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestAnyOf(t *testing.T) {
	names := make([]string, 12)
	for i := range names {
		names[i] = string(rune('a' + i))
	}
	es := AnyOf("C", names)
	if len(es) != 2 || es[0].Key != "C1" || es[1].Key != "C" || es[1].Value.Get("Fn::Or").Len() != 3 {
		t.Errorf("got %d conditions", len(es))
	}
}

func TestCheckProps(t *testing.T) {
	specs := []Prop{{Name: "A", Check: IsString, Required: true}, {Name: "B", Check: IsMap, Plain: true}, {Name: "C", Check: IsBool}}
	tests := []struct {
		in string
		ok bool
	}{
		{"A: x", true},
		{"A: !Ref X", true},
		{"A: 1", false},
		{"B: {}", false},
		{"A: x\nB: text", false},
		{"A: x\nC: !Ref X", true},
		{"A: x\nD: y", false},
	}
	for _, tt := range tests {
		res := tree.NewMap().With("Properties", parse(t, tt.in))
		if err := CheckResource("Id", res, specs); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.in, err)
		}
	}
}
