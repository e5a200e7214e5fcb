// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"strings"
	"testing"
)

func TestParseForms(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"yes and on stay text", "a: yes\nb: on\nc: off", `{"a":"yes","b":"on","c":"off"}`},
		{"booleans", "a: true\nb: False", `{"a":true,"b":false}`},
		{"octal of YAML 1.1", "a: 0644", `{"a":420}`},
		{"hexadecimal", "a: 0x1F", `{"a":31}`},
		{"float", "a: 3.0\nb: 1e3", `{"a":3.0,"b":1000.0}`},
		{"a date stays text", "a: 2012-10-17", `{"a":"2012-10-17"}`},
		{"a version stays text", "a: 1.2.3", `{"a":"1.2.3"}`},
		{"null", "a:\nb: ~", `{"a":null,"b":null}`},
		{"ref", "a: !Ref B", `{"a":{"Ref":"B"}}`},
		{"ref to digits", "a: !Ref 123", `{"a":{"Ref":"123"}}`},
		{"getatt", "a: !GetAtt B.C.D", `{"a":{"Fn::GetAtt":["B","C.D"]}}`},
		{"nested tags", "a: !Select [0, !Split [\",\", !Ref L]]", `{"a":{"Fn::Select":[0,{"Fn::Split":[",",{"Ref":"L"}]}]}}`},
		{"condition", "a: !Condition B", `{"a":{"Condition":"B"}}`},
		{"digits as a key", "200: ok", `{"200":"ok"}`},
		{"alias and merge", "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3", `{"x":{"a":1,"b":2},"y":{"a":1,"b":3}}`},
		{"json", `{"a":[1,"x",true,null]}`, `{"a":[1,"x",true,null]}`},
		{"json surrogates", `{"a":"\ud83d\ude00"}`, `{"a":"😀"}`},
		{"yaml in braces", `{a: !Ref B}`, `{"a":{"Ref":"B"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse("t.yaml", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(JSON(n)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestRepeatedKeys: the last one counts, which is what CloudFormation does.
func TestRepeatedKeys(t *testing.T) {
	for _, in := range []string{"a: 1\nb: 2\na: 3", "{\"a\":1,\n\"b\":2,\n\"a\":3}", "a: 0\n<<: {a: 9, b: 2}\na: 3"} {
		n, err := Parse("t.yaml", []byte(in))
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		last := n.Entries[len(n.Entries)-1]
		if s, _ := n.Get("a").Scalar(); len(n.Entries) != 2 || last.Key != "a" || s != "3" || last.Earlier.Line != 1 || last.KeyPos.Line != 3 {
			t.Errorf("%q: %+v", in, n.Entries)
		}
	}
}

func TestParseErrorsTellTheMend(t *testing.T) {
	for in, want := range map[string]string{
		"a:\n\tb: 1":               "YAML forbids tabs",
		"a:\n  {%- if x %}\n":      "template generator",
		"a: {%if x%}1":             "template generator",
		"a:\n  b: @x":              "quote a text",
		"a:\n  - `x`":              "quote a text",
		"a:\n  b: \"x\n c: 1\n d:": "indentation and quotes",
	} {
		_, err := Parse("t.yaml", []byte(in))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestParseErrorsTellWhere(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+p+",", 10), ",") + "]\n"
	}
	tests := []struct{ name, in, want string }{
		{"empty", "", "t.yaml:1:1"},
		{"bad indent", "a:\n  b: 1\n c: 2", "t.yaml:"},
		{"tab", "a:\n\tb: 1", "t.yaml:2"},
		{"json comma", "{\n \"a\" 1}", "t.yaml:2:5: bad JSON"},
		{"alias bomb", bomb, "more than 400000 values"},
		{"alias cycle", "a: &a [*a]", "contains itself"},
		{"depth", strings.Repeat("[", 200) + strings.Repeat("]", 200), "deeper"},
		{"json depth", `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}", "deeper"},
		{"size", strings.Repeat("a", 51<<20), "the limit is"},
		{"documents", "a: 1\n---\nb: 2", "more than one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("t.yaml", []byte(tt.in))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant …%s…", err, tt.want)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	for name, in := range map[string]string{"yaml": "A:\n  B: !Ref C\n", "json": "{\"A\":\n  {\"B\": {\"Ref\":\"C\"}}}"} {
		n, err := Parse("t", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		p := n.At("A", "B").Pos
		if p.Line != 2 || p.Col < 6 {
			t.Errorf("%s: B stands at %s", name, p)
		}
	}
}

func TestPositionsOnOneLongLine(t *testing.T) {
	text := `{"é":[` + strings.Repeat(`"é",`, 150_000) + `"last"]}` // quadratic work would take minutes
	n, err := Parse("t", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if last := n.Get("é").Items[150_000].Pos; last.Col != 7+4*150_000 {
		t.Errorf("the last value stands at %v", last)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a: !Ref B", "{\"a\":[1]}", "a: &a [*a]", "<<: {a: 1}", "? [a]\n: b", "a: 0777"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse("f", []byte(s))
		if err != nil {
			return
		}
		again, err := Parse("f", JSON(n))
		if n.Kind == Map && err == nil && !Equal(n, again) {
			t.Errorf("printing and parsing changed %s into %s", JSON(n), JSON(again))
		}
	})
}
