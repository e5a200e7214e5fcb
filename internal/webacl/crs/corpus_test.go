// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v4"

	"github.com/forelane/forelane/internal/httpmsg"
)

var update = flag.Bool("update", false, "write the list of regression tests that do not pass anew")

// suite is one file of the rule set's regression tests.
type suite struct {
	RuleID int `yaml:"rule_id"`
	Tests  []struct {
		ID     int     `yaml:"test_id"`
		Stages []stage `yaml:"stages"`
	} `yaml:"tests"`
}

type stage struct {
	Input struct {
		Headers  map[string]string `yaml:"headers"`
		Ordered  []struct{ Name, Value string }
		Method   string `yaml:"method"`
		URI      string `yaml:"uri"`
		Version  string `yaml:"version"`
		Data     string `yaml:"data"`
		Encoded  string `yaml:"encoded_request"`
		Complete *bool  `yaml:"autocomplete_headers"`
	} `yaml:"input"`
	Output struct {
		Status int `yaml:"status"`
		Log    struct {
			Expect   []int  `yaml:"expect_ids"`
			NoExpect []int  `yaml:"no_expect_ids"`
			Match    string `yaml:"match_regex"`
			NoMatch  string `yaml:"no_match_regex"`
		} `yaml:"log"`
	} `yaml:"output"`
}

// example is a stage as a request of ours.
type example struct {
	name     string
	rq       *httpmsg.Request
	body     []byte
	expect   []int
	noExpect []int
}

// examples reads all tests about rules of ours; skipped counts the others, by
// their reason.
func examples(t testing.TB, e *Engine) (out []example, skipped map[string]int) {
	t.Helper()
	skipped = map[string]int{}
	err := fs.WalkDir(tests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(tests.FS, path)
		if err != nil {
			return err
		}
		var s suite
		if err := yaml.Unmarshal(text, &s); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		_, ours := e.points[s.RuleID]
		for _, tt := range s.Tests {
			for i := range tt.Stages {
				st := &tt.Stages[i]
				switch {
				case !ours:
					skipped["rule of another paranoia level, of answers, or that steers"]++
				case st.Input.Encoded != "":
					skipped["bytes that are no HTTP"]++
				case len(st.Output.Log.Expect)+len(st.Output.Log.NoExpect) == 0:
					skipped["asks about the status of the server or its log alone"]++
				default:
					out = append(out, st.example(fmt.Sprintf("%d-%d/%d", s.RuleID, tt.ID, i)))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, skipped
}

func (st *stage) example(name string) example {
	in := &st.Input
	rq := &httpmsg.Request{Method: in.Method}
	if rq.Method == "" {
		rq.Method = "GET"
	}
	switch in.Version {
	case "HTTP/1.0":
		rq.Proto = httpmsg.HTTP10
	case "HTTP/2", "HTTP/2.0":
		rq.Proto = httpmsg.HTTP2
	}
	rq.Path, rq.Query, _ = strings.Cut(in.URI, "?")
	for _, n := range sortedKeys(in.Headers) {
		if strings.EqualFold(n, "Host") {
			rq.Host = in.Headers[n]
			continue
		}
		rq.Header.Add(n, in.Headers[n])
	}
	if in.Complete == nil || *in.Complete {
		if in.Data != "" && !rq.Header.Has("Content-Type") {
			rq.Header.Add("Content-Type", "application/x-www-form-urlencoded")
		}
		if in.Data != "" && !rq.Header.Has("Content-Length") {
			rq.Header.Add("Content-Length", strconv.Itoa(len(in.Data)))
		}
		if !rq.Header.Has("Connection") {
			rq.Header.Add("Connection", "close")
		}
	}
	return example{name, rq, []byte(in.Data), st.Output.Log.Expect, st.Output.Log.NoExpect}
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// ciSettings are those that the rule set's own tests run with.
func ciSettings() map[string]string {
	return map[string]string{
		"arg_name_length": "100", "arg_length": "400", "total_arg_length": "64000", "max_num_args": "255",
		"max_file_size": "64100", "combined_file_sizes": "65535", "crs_validate_utf8_encoding": "1",
	}
}

// reasonOf is why a test does not pass.
func reasonOf(id string) string {
	rule, _, _ := strings.Cut(id, "-")
	if r := knownReasons()[rule]; r != "" {
		return r
	}
	return "not understood yet"
}

// TestRegressions runs the rule set's own tests that apply. What does not pass
// stands in bench/results/crs.txt with its reason.
func TestRegressions(t *testing.T) {
	t.Parallel()
	e := open(t, Options{Settings: ciSettings()})
	all, skipped := examples(t, e)
	whole := len(all)
	all = thinned(all)
	var failed []string
	for _, ex := range all {
		var out Result
		if err := e.Screen(ex.rq, ex.body, &out); err != nil {
			t.Errorf("%s: %v", ex.name, err)
			continue
		}
		has := func(id int) bool { return slices.ContainsFunc(out.Hits, func(h Hit) bool { return h.Rule == id }) }
		for _, id := range ex.expect {
			if _, ours := e.points[id]; ours && !has(id) {
				failed = append(failed, fmt.Sprintf("%s: rule %d does not match (%s)", ex.name, id, reasonOf(ex.name)))
			}
		}
		for _, id := range ex.noExpect {
			if has(id) {
				failed = append(failed, fmt.Sprintf("%s: rule %d matches (%s)", ex.name, id, reasonOf(ex.name)))
			}
		}
	}
	share := 100 * float64(len(all)-len(failed)) / float64(len(all))
	if share < 95 {
		t.Errorf("%.1f %% pass, want 95", share)
	}
	if len(all) < whole {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Regression tests of the OWASP Core Rule Set 4.25.0 at paranoia level 1, through the engine of web ACLs.\n")
	fmt.Fprintf(&b, "Written by: go test ./internal/webacl/crs -run TestRegressions -update\n\n%d tests apply, %d pass (%.1f %%).\n\nNot run:\n", len(all), len(all)-len(failed), share)
	for _, why := range []string{"rule of another paranoia level, of answers, or that steers", "bytes that are no HTTP", "asks about the status of the server or its log alone"} {
		fmt.Fprintf(&b, "  %5d  %s\n", skipped[why], why)
	}
	fmt.Fprintf(&b, "\nDo not pass:\n")
	for _, f := range failed {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	const file = "../../../bench/results/crs.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("%s is out of date: -update writes it\n%s", file, b.String())
	}
}

// TestMemoryChangesNoVerdict runs every test, also those about other rules,
// through an engine that remembers, twice, and one that does not.
func TestMemoryChangesNoVerdict(t *testing.T) {
	t.Parallel()
	remembers, forgets := open(t, Options{}), open(t, Options{Forget: true})
	all, _ := examples(t, remembers)
	all = thinned(all)
	hits := 0
	for _, ex := range all {
		var want Result
		if err := forgets.Screen(ex.rq, ex.body, &want); err != nil {
			t.Fatal(err)
		}
		hits += len(want.Hits)
		for round := range 2 {
			var got Result
			if err := remembers.Screen(ex.rq, ex.body, &got); err != nil {
				t.Fatal(err)
			}
			if !sameHits(got.Hits, want.Hits) {
				t.Errorf("%s, round %d: %v with the memory, %v without", ex.name, round, got.Hits, want.Hits)
			}
		}
	}
	if hits == 0 {
		t.Error("no test hit anything")
	}
}

// thinned is every tenth of the tests with -short and under the race detector,
// where the whole takes minutes.
func thinned(all []example) (some []example) {
	if !testing.Short() && !raced {
		return all
	}
	for i := 0; i < len(all); i += 10 {
		some = append(some, all[i])
	}
	return some
}

func sameHits(a, b []Hit) bool {
	sorted := func(h []Hit) []string {
		var out []string
		for _, x := range h {
			out = append(out, fmt.Sprint(x))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(sorted(a), sorted(b))
}
