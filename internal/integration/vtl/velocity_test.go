// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"encoding/json"
	"os"
	"testing"
)

// testdata/velocity.json holds what Velocity 1.7 itself printed for each
// template, with a handler of invalid references that returns "", which is
// what API Gateway's answers show. Error: it refused the template or threw.
func TestA8AsVelocityDoes(t *testing.T) {
	data, err := os.ReadFile("testdata/velocity.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Template, Want string
		Error                bool
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 200 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		got, err := renderWith(c.Template, velocityVars())
		switch {
		case c.Error && err == nil:
			t.Errorf("%s: %q, want an error\n%s", c.Name, got, c.Template)
		case !c.Error && err != nil:
			t.Errorf("%s: %v, want %q\n%s", c.Name, err, c.Want, c.Template)
		case !c.Error && got != c.Want:
			t.Errorf("%s: %q, want %q\n%s", c.Name, got, c.Want, c.Template)
		}
	}
}

// velocityVars are the variables of those templates.
func velocityVars() map[string]any {
	m := newDict()
	m.put("a", int64(1))
	m.put("b", "two")
	m.put("c", &list{items: []any{int64(1), int64(2)}})
	return map[string]any{
		"s": "Hello", "empty": "", "n": int64(5), "l": int64(7), "d": 2.5, "t": true, "f": false,
		"list": &list{items: []any{"a", "b", "c"}}, "map": m,
	}
}

// renderWith renders with variables of the test's own.
func renderWith(template string, vars map[string]any) (string, error) {
	tmpl, err := Parse(template)
	if err != nil {
		return "", err
	}
	return tmpl.render(&Input{}, vars)
}
