// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"
)

// seeds are the templates of the Velocity cases.
func seeds(f *testing.F) []string {
	f.Helper()
	data, err := os.ReadFile("testdata/velocity.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases []struct{ Template string }
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	out := make([]string, len(cases))
	for i := range cases {
		out[i] = cases[i].Template
	}
	return out
}

// FuzzParse: a template is read or refused with an *Error, and text without a
// $, # or backslash comes out as it went in.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse(source)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Kind != Syntax && e.Kind != TooDeep {
				t.Fatalf("%v", err)
			}
			return
		}
		for i := range len(source) {
			if source[i] == '$' || source[i] == '#' || source[i] == '\\' {
				return
			}
		}
		if out, err := tmpl.Render(&Input{}); err != nil || out != source {
			t.Fatalf("%q became %q (%v)", source, out, err)
		}
	})
}

// FuzzEval: whatever a template and a body are, rendering ends in time, within
// the output's limit, and with an *Error if any.
func FuzzEval(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, pets)
	}
	f.Add(`$input.json('$..*') $input.path('$.a[?(@.b > 1)]').size()`, `{"a":[{"b":2}]}`)
	f.Add(`#set($context.responseOverride.status = 400)$util.escapeJavaScript($input.params('q'))`, "x")
	f.Fuzz(func(t *testing.T, source, body string) {
		start := time.Now()
		tmpl, err := Parse(source)
		if err != nil {
			return
		}
		in := input(body)
		in.Limits = Limits{Steps: 20_000, Output: 1 << 16, Memory: 1 << 20, Time: time.Second}
		in.Overrides = &Overrides{}
		out, err := tmpl.render(in, velocityVars())
		var e *Error
		if err != nil && !errors.As(err, &e) || len(out) > 1<<16 {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
		_, _, _ = in.Overrides.Request("header"), in.Overrides.ResponseHeader(), in.Overrides.Status()
	})
}
