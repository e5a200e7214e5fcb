// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func compiled(t testing.TB, model string) *Schema {
	t.Helper()
	s, err := New("api", map[string]string{"m": model}).Compile("m")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestA10Check(t *testing.T) {
	const pet = `{"type":"object","required":["name","price"],"properties":{"name":{"type":"string","minLength":2,"maxLength":5,"pattern":"^[a-z]+$"},` +
		`"price":{"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":500},"kind":{"enum":["dog","cat"]},"tags":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2,"uniqueItems":true},` +
		`"n":{"type":"integer","multipleOf":0.5},"when":{"format":"date-time"}},"additionalProperties":false}`
	tests := []struct{ name, model, body, want string }{
		{"valid", pet, `{"name":"rex","price":1.5,"kind":"dog","tags":["a"],"n":3,"when":"2026-01-02T03:04:05Z"}`, ""},
		{"missing", pet, `{"name":"rex"}`, `[object has missing required properties (["price"])]`},
		{"type", pet, `[]`, `[instance type (array) does not match any allowed primitive type (allowed: ["object"])]`},
		{"two faults", pet, `{"name":7,"price":0}`, `[instance type (integer) does not match any allowed primitive type (allowed: ["string"]), numeric instance is not strictly greater than the required minimum 0]`},
		{"number takes integers", pet, `{"name":"rex","price":"1"}`, `[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]`},
		{"short", pet, `{"name":"r","price":1}`, `[string "r" is too short (length: 1, required minimum: 2)]`},
		{"long in characters", pet, `{"name":"ääääää","price":1}`, `[string "ääääää" is too long (length: 6, maximum allowed: 5), ECMA 262 regex "^[a-z]+$" does not match input string "ääääää"]`},
		{"maximum", pet, `{"name":"rex","price":5.001e2}`, `[numeric instance is greater than the required maximum (maximum: 500, found: 5.001e2)]`},
		{"enum", pet, `{"name":"rex","price":1,"kind":"Dog"}`, `[instance value ("Dog") not found in enum (possible values: ["dog","cat"])]`},
		{"extra", pet, `{"name":"rex","price":1,"b":1,"a":1}`, `[object instance has properties which are not allowed by the schema: ["a","b"]]`},
		{"few items", pet, `{"name":"rex","price":1,"tags":[]}`, `[array is too short: must have at least 1 elements but instance has 0 elements]`},
		{"many items, twice", pet, `{"name":"rex","price":1,"tags":["a","\u0061","b"]}`, `[array must not contain duplicate elements, array is too long: must have at most 2 elements but instance has 3 elements]`},
		{"1.0 is no integer", pet, `{"name":"rex","price":1,"n":1.0}`, `[instance type (number) does not match any allowed primitive type (allowed: ["integer"])]`},
		{"format", pet, `{"name":"rex","price":1,"when":"yesterday"}`, `[string "yesterday" is invalid against requested format date-time]`},
		{"a name twice is checked twice", pet, `{"name":"rex","name":1,"price":1}`, `[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]`},
		{"empty", pet, ``, `[the body is no JSON at byte 0]`},
		{"cut off", pet, `{"name":`, `[the body is no JSON at byte 8]`},
		{"two values", pet, `{} {}`, `[the body is no JSON: something follows it at byte 3]`},
		{"no model says nothing", `{}`, `1`, ""},
		{"anyOf", `{"anyOf":[{"type":"string"},{"minimum":3}]}`, `2`, `[instance failed to match at least one required schema among 2]`},
		{"oneOf", `{"oneOf":[{"type":"integer"},{"minimum":3}]}`, `4`, `[instance failed to match exactly one schema (matched 2 out of 2)]`},
		{"not", `{"not":{"type":"string"}}`, `"a"`, `[instance matched a schema which it should not have]`},
		{"dependency", `{"dependencies":{"a":["b"]}}`, `{"a":1}`, `[property "a" of object has missing property dependencies (schema requires ["b"]; missing: ["b"])]`},
		{
			"pattern properties", `{"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":{"type":"integer"}}`, `{"x-a":1,"b":"c"}`,
			`[instance type (integer) does not match any allowed primitive type (allowed: ["string"]), instance type (string) does not match any allowed primitive type (allowed: ["integer"])]`,
		},
		{"numbers of one value", `{"enum":[120]}`, `1.20e2`, ""},
		{"huge exponent", `{"type":"number","maximum":10,"multipleOf":3}`, `1e999999999999`, `[numeric instance is greater than the required maximum (maximum: 10, found: 1e999999999999), remainder of division is not zero (1e999999999999 / 3)]`},
		{"multiple", `{"multipleOf":0.01}`, `19.99`, ""},
		{"objects in any order", `{"enum":[{"a":1,"b":[2]}]}`, `{"b":[2.0],"a":1}`, ""},
		{"lookahead", `{"pattern":"^(?!admin)\\w+$"}`, `"administrator"`, `[ECMA 262 regex "^(?!admin)\\w+$" does not match input string "administrator"]`},
		{"recursion", `{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}`, `{"next":{"next":{"x":1}}}`, `[object instance has properties which are not allowed by the schema: ["x"]]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := compiled(t, tt.model).Check([]byte(tt.body)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestA10References(t *testing.T) {
	models := map[string]string{
		"Id":      `{"type":"string"}`,
		"Pet":     `{"properties":{"id":{"$ref":"https://apigateway.amazonaws.com/restapis/api/models/Id"}}}`,
		"Import":  `{"properties":{"id":{"$ref":"#/definitions/Id"},"pet":{"$ref":"#/components/schemas/Pet/properties/id"}}}`,
		"Other":   `{"$ref":"https://apigateway.amazonaws.com/restapis/other/models/Id"}`,
		"Web":     `{"$ref":"https://example.com/schema.json"}`,
		"File":    `{"$ref":"file:///etc/passwd"}`,
		"Gone":    `{"$ref":"#/definitions/Nothing"}`,
		"Self":    `{"$ref":"#"}`,
		"A":       `{"$ref":"#/definitions/B"}`,
		"B":       `{"$ref":"#/definitions/A"}`,
		"Broken":  `{"type":`,
		"Type":    `{"type":"text"}`,
		"Pattern": `{"pattern":"("}`,
		"List":    `[]`,
	}
	for name, want := range map[string]string{
		"Id": "", "Pet": "", "Import": "", "Other": "of another API", "Web": "only places in the model", "File": "only places in the model",
		"Gone": `no model "Nothing"`, "Self": "refers to itself", "A": "refers to itself", "Broken": "is no JSON", "Type": "text is no type",
		"Pattern": "no regular expression", "List": "must be an object", "None": `no model "None"`,
	} {
		s, err := New("api", models).Compile(name)
		switch {
		case want == "" && err != nil, want != "" && err == nil, want != "" && !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want %q", name, err, want)
		case want == "" && name != "Id":
			if got := s.Check([]byte(`{"id":1}`)); !strings.Contains(got, "instance type (integer)") {
				t.Errorf("%s: the reference is not followed: %q", name, got)
			}
		}
	}
}

// TestHostile: what a viewer may send costs time in proportion to its length.
func TestHostile(t *testing.T) {
	twice := `{"anyOf":[{"items":{"$ref":"#"},"type":"array"},{"items":{"$ref":"#"},"type":"array"}]}`
	tests := []struct{ name, model, body, want string }{
		{"alternatives", twice, strings.Repeat("[", 200) + "1" + strings.Repeat("]", 200), "too many steps"},
		{"depth", `{}`, strings.Repeat("[", 1<<20), "at most 1000 levels"},
		{"depth that fits", twice, strings.Repeat("[", 12) + strings.Repeat("]", 12), ""},
		{"backtracking", `{"pattern":"^(?=(a+)+$)(a+)+$"}`, `"` + strings.Repeat("a", 60) + `b"`, "too many steps"},
		{"backtracking twice", `{"items":{"pattern":"^(?!x)(a+)+$"}}`, `["` + strings.Repeat(strings.Repeat("a", 40)+`b","`, 400) + `"]`, "too many steps"},
		{"recursion without progress", `{"allOf":[{"$ref":"#"}]}`, `1`, "too many steps"},
		{"unique", `{"uniqueItems":true}`, "[" + strings.Repeat(`{"a":[1,2]},`, 20_000) + "1]", "duplicate"},
		{"nested enum", `{"items":{"enum":[{}]}}`, "[" + strings.Repeat(`{"a":`, 900) + "1" + strings.Repeat("}", 900) + "]", "not found in enum"},
		{"many names", `{"additionalProperties":false}`, `{"a":1` + strings.Repeat(`,"b":1`, 50_000) + `}`, "…"},
		{"long number", `{"multipleOf":7}`, strings.Repeat("9", 1<<20), "remainder"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := compiled(t, tt.model)
			start := time.Now()
			got := s.Check([]byte(tt.body))
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %.200s, want %q", got, tt.want)
			}
			if len(got) > 4096 {
				t.Errorf("the message has %d bytes", len(got))
			}
		})
	}
}

// TestPatternEngines: what runs on RE2 means the same as in ECMA 262.
func TestPatternEngines(t *testing.T) {
	for _, tt := range []struct {
		expr, text    string
		linear, match bool
	}{
		{`^a.c$`, "a\u2028c", true, false},
		{`^a.c$`, "a\rc", true, false},
		{`^\s$`, "\u00a0", true, true},
		{`^[\s]$`, "\ufeff", true, true},
		{`^\S$`, "\v", true, false},
		{`^[[:alpha:]]$`, "a]", true, true}, // a class of [:alph, then ]
		{`a\/b\-c`, "a/b-c", true, true},
		{`^\d{3}-\d{4}$`, "555-1234", true, true},
		{`^\d$`, "٣", true, false},
		{`^\u0041$`, "A", false, true},
		{`^(?=a)a$`, "a", false, true},
		{`^(a)\1$`, "aa", false, true},
		{`^[^]$`, "a", false, true},
		{`\z`, "z", false, true},
		{`b$`, "b\n", true, false},
	} {
		p, err := compilePattern(tt.expr)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		left := time.Second
		if got := p.match(tt.text, &left); got != tt.match || (p.linear != nil) != tt.linear {
			t.Errorf("%s on %q: match %v, linear %v", tt.expr, tt.text, got, p.linear != nil)
		}
	}
}

func TestDecimal(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"1", "1.0", 0},
		{"-1", "1", -1},
		{"100", "1e2", 0},
		{"0.001", "1e-3", 0},
		{"-0", "0.000e9", 0},
		{"9", "10", -1},
		{"-9", "-10", 1},
		{"0.1", "0.09", 1},
		{"12345678901234567890.1", "12345678901234567890.2", -1},
		{"1e99999999999999999999", "2", 1},
		{"1e-99999999999999999999", "0", 1},
	} {
		a, b := parseDecimal([]byte(tt.a)), parseDecimal([]byte(tt.b))
		if a.compare(&b) != tt.want || b.compare(&a) != -tt.want {
			t.Errorf("%s and %s: %d, want %d", tt.a, tt.b, a.compare(&b), tt.want)
		}
	}
}

// FuzzCheck: the parser takes what encoding/json takes, reads texts as it does,
// and no body makes a check panic.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\u00e9\ud83d\ude00",null,true]}`, `[[[{"b":{}}]]]`, `"\ud800x"`, `-0.0E+10`, `{"a":1,"a":"b"}`, ` 1 `, `01`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	model := compiled(f, `{"properties":{"a":{"$ref":"#"},"b":{"enum":[1,"x",{}]},"c":{"type":"integer","minimum":-2,"multipleOf":3}},"items":{"anyOf":[{"type":"string","pattern":"^a.*$"},{"$ref":"#"}]},"uniqueItems":true,"dependencies":{"a":["b"]}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		model.Check(body)
		d := &document{data: body}
		err := d.parse()
		if (err == nil) != json.Valid(body) && !strings.Contains(fmt.Sprint(err), "levels") {
			t.Fatalf("%q: %v, encoding/json says %v", body, err, json.Valid(body))
		}
		if err == nil && d.nodes[0].kind == typeString {
			var want string
			if err := json.Unmarshal(body, &want); err != nil || want != d.decoded(0) {
				t.Fatalf("%q is %q, want %q (%v)", body, d.decoded(0), want, err)
			}
		}
		if err == nil {
			if got := compiled(t, `{"enum":[`+string(body)+`]}`).Check(body); got != "" {
				t.Fatalf("a value does not equal itself: %s", got)
			}
		}
	})
}

// FuzzCompile: no model makes the compiler or a check panic, or takes long.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`{"type":["string","null"],"enum":[1,{"a":[]}],"not":{}}`, `{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#"}}}`,
		`{"properties":{"a":{"$ref":"#/definitions/m"}},"required":["a"],"additionalProperties":false,"minProperties":1}`,
		`{"items":[{},{"multipleOf":0.1}],"additionalItems":{"minimum":1e400,"exclusiveMinimum":true}}`, `{"patternProperties":{"^(?!a)":{}},"dependencies":{"a":["b"],"c":{}}}`,
		`{"$ref":"https://apigateway.amazonaws.com/restapis/api/models/m"}`, `{"allOf":[{"$ref":"#/allOf/0"}]}`, `{"maxLength":-1}`, `{"enum":[]}`, `{"oneOf":[{}]}`,
	} {
		f.Add(s, `{"a":[1,"b",null,1e400]}`)
	}
	f.Fuzz(func(t *testing.T, model, body string) {
		if s, err := New("api", map[string]string{"m": model}).Compile("m"); err == nil {
			s.Check([]byte(body))
		}
	})
}

// BenchmarkCheck is a check of a body of 2 KB.
func BenchmarkCheck(b *testing.B) {
	s := compiled(b, `{"type":"array","items":{"type":"object","required":["id","name"],"properties":{"id":{"type":"integer"},"name":{"type":"string","maxLength":50,"pattern":"^[a-z ]+$"},"tags":{"type":"array","items":{"type":"string"}}}}}`)
	body := []byte("[" + strings.Repeat(`{"id":12345,"name":"a name of some length","tags":["red","green"]},`, 30) + `{"id":1,"name":"x"}]`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if got := s.Check(body); got != "" {
			b.Fatal(got)
		}
	}
}
