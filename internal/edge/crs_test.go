// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v4"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/h1"
	"github.com/forelane/forelane/internal/webacl"
)

// The regression tests of the OWASP Core Rule Set through the edge: the bytes of
// each go to the HTTP/1 engine on a connection in this process, the edge asks a
// web ACL of the managed groups, and the record says which rules matched.

// crsFile is one file of tests.
type crsFile struct {
	RuleID int `yaml:"rule_id"`
	Tests  []struct {
		ID     int        `yaml:"test_id"`
		Stages []crsStage `yaml:"stages"`
	} `yaml:"tests"`
}

type crsStage struct {
	Input struct {
		Headers  map[string]string `yaml:"headers"`
		Method   string            `yaml:"method"`
		URI      string            `yaml:"uri"`
		Version  *string           `yaml:"version"` // "": none is sent
		Data     string            `yaml:"data"`
		Encoded  string            `yaml:"encoded_request"`
		Complete *bool             `yaml:"autocomplete_headers"`
	} `yaml:"input"`
	Output struct {
		Log struct {
			Expect   []int `yaml:"expect_ids"`
			NoExpect []int `yaml:"no_expect_ids"`
		} `yaml:"log"`
	} `yaml:"output"`
}

// crsCase is a request and what it is expected to match.
type crsCase struct {
	name, bytes      string
	rule             int
	expect, noExpect []int
}

// crsRules are the rules of paranoia level 1 in the families of the managed
// groups.
func crsRules(t *testing.T) map[int]bool {
	id, chained := regexp.MustCompile(`id:(\d+),`), regexp.MustCompile(`(?m)^SecRule `)
	rules := map[int]bool{}
	files, err := fs.Glob(coreruleset.FS, "@owasp_crs/REQUEST-9[1-4]*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal("no rules", err)
	}
	for _, f := range files {
		text, err := fs.ReadFile(coreruleset.FS, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range chained.Split(string(text), -1) {
			m := id.FindStringSubmatch(rule)
			if m == nil || !strings.Contains(rule, "'paranoia-level/1'") || strings.HasPrefix(m[1], "911") || strings.HasPrefix(m[1], "949") {
				continue // methods are a distribution's own; 949 adds up
			}
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			rules[n] = true
		}
	}
	return rules
}

// crsCases are the tests that apply.
func crsCases(t *testing.T, ours map[int]bool) (cases []crsCase) {
	err := fs.WalkDir(tests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(tests.FS, path)
		if err != nil {
			return err
		}
		var f crsFile
		if err := yaml.Unmarshal(text, &f); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, tt := range f.Tests {
			for i := range tt.Stages {
				st := &tt.Stages[i]
				log := &st.Output.Log
				if ours[f.RuleID] && len(log.Expect)+len(log.NoExpect) > 0 {
					cases = append(cases, crsCase{fmt.Sprintf("%d-%d/%d", f.RuleID, tt.ID, i), st.bytes(t), f.RuleID, log.Expect, log.NoExpect})
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// bytes is the request as the tests' own runner sends it.
func (st *crsStage) bytes(t *testing.T) string {
	in := &st.Input
	if in.Encoded != "" {
		b, err := base64.StdEncoding.DecodeString(in.Encoded)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var b strings.Builder
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	version := "HTTP/1.1"
	if in.Version != nil {
		version = *in.Version
	}
	fmt.Fprintf(&b, "%s %s %s\r\n", or(in.Method, "GET"), or(in.URI, "/"), version)
	has := func(name string) bool {
		for n := range in.Headers {
			if strings.EqualFold(n, name) {
				return true
			}
		}
		return false
	}
	var names []string
	for n := range in.Headers {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(&b, "%s: %s\r\n", n, in.Headers[n])
	}
	if in.Complete == nil || *in.Complete {
		if in.Data != "" && !has("Content-Type") {
			b.WriteString("Content-Type: application/x-www-form-urlencoded\r\n")
		}
		if in.Data != "" && !has("Content-Length") {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(in.Data))
		}
		if !has("Connection") {
			b.WriteString("Connection: close\r\n")
		}
	}
	return b.String() + "\r\n" + in.Data
}

// crsWorld is an edge with the managed groups, the one whose rules are all of
// the Core Rule Set first: the others have rules that end before it is asked.
func crsWorld(t *testing.T) *world {
	w := newWorld(t)
	w.behavior().Allowed = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
	acl := &model.WebACL{ARN: "arn:acl", Name: "acl", Default: model.ACLAction{Kind: model.ACLAllow}, BodyLimit: 64 << 10}
	for i, name := range []string{"SQLi", "Common", "KnownBadInputs"} {
		acl.Rules = append(acl.Rules, &model.ACLRule{Name: name, Priority: i, Statement: &model.ManagedMatch{Vendor: "AWS", Name: "AWSManagedRules" + name + "RuleSet"}})
	}
	set, err := webacl.Compile([]*model.WebACL{acl}, webacl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	w.dist.WebACL = acl.ARN
	w.shields = func(arn string) Shield { return set.ACL(arn) }
	return w.compile()
}

// crsSend sends bytes on a connection of their own. A record is nil where the
// engine, or the edge before it asked the web ACL, refused the request.
func crsSend(w *world, server *h1.Server, bytes string) (status int, rec *record.Record) {
	w.recs = w.recs[:0]
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(w.t.Context(), theirs, h1.Peer{Viewer: httpmsg.Viewer{Addr: netip.MustParseAddrPort("192.0.2.7:1")}})
	}()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = ours.Write([]byte(bytes)) // it may be refused before all of it is read
	}()
	rs, err := http.ReadResponse(bufio.NewReader(ours), nil)
	if err == nil {
		status = rs.StatusCode
	}
	_ = ours.Close()
	<-written
	<-done
	if len(w.recs) > 0 && w.recs[0].Shield.ACL != "" {
		return status, &w.recs[0]
	}
	return status, nil
}

// crsReason is why a test does not pass.
func crsReason(c *crsCase, refused bool) string {
	const limit = "asks for a limit that is off by default"
	if refused {
		why := map[int]string{
			920100: "CONNECT, and a target with a fragment", 920180: "the version of another protocol", 920181: "a body framed twice", 920290: "a Host that is none",
			920430: "the version of another protocol", 921140: "a bare CR",
		}[c.rule]
		return "the viewer engine refuses " + cmp.Or(why, "what is no unambiguous HTTP") + ", before any rule"
	}
	if r := map[int]string{
		920100: "the engine takes an absolute target as RFC 9112 3.2.2 means it; rules see its path",
		920171: "the engine takes chunked framing off before rules look",
		920250: "asks for a check of UTF-8 that is off by default",
		920280: "a rule that skips others, which is not run: the engine asks for a Host where HTTP does",
		920290: "an empty Host, which HTTP/1.0 may send, is none to the edge",
		920360: limit, 920370: limit, 920380: limit, 920390: limit, 920410: limit,
		920540: "expects the negative of an escape that the tests' runner has decoded",
		920620: "expects a server that joins two Content-Type headers",
		941180: "Coraza matches document.cookie in a path",
	}[c.rule]; r != "" {
		return r
	}
	return "not understood yet"
}

// crsJudge tells what is wrong, "" when the test passes. A request that is
// refused matches no rule, and does no harm: where a match is expected, that is
// as good.
func crsJudge(c *crsCase, ours map[int]bool, status int, rec *record.Record) string {
	if rec == nil {
		if len(c.expect) > 0 && status >= 400 {
			return ""
		}
		return fmt.Sprintf("%s: refused with %d (%s)", c.name, status, crsReason(c, true))
	}
	for _, id := range c.expect {
		if ours[id] && !slices.Contains(rec.Shield.Findings, id) {
			return fmt.Sprintf("%s: rule %d does not match (%s)", c.name, id, crsReason(c, false))
		}
	}
	for _, id := range c.noExpect {
		if slices.Contains(rec.Shield.Findings, id) {
			return fmt.Sprintf("%s: rule %d matches (%s)", c.name, id, crsReason(c, false))
		}
	}
	return ""
}

// TestW7CoreRuleSetThroughTheEdge runs the tests, which takes 6 s, or every tenth
// with -short and under the race detector. What does not pass stands in
// bench/results/crs-edge.txt with its reason.
func TestW7CoreRuleSetThroughTheEdge(t *testing.T) {
	ours := crsRules(t)
	cases := crsCases(t, ours)
	thinned := testing.Short() || raceEnabled
	passed, refused, run := 0, 0, 0
	var failed []string
	synctest.Test(t, func(t *testing.T) { // a body that never comes is waited for in fake time
		w := crsWorld(t)
		server := h1.New(func(ctx context.Context, rq *httpmsg.Request, wr engine.Writer, inline bool) func() {
			if inline {
				return w.edge.Begin(ctx, rq, wr)
			}
			w.edge.Serve(ctx, rq, wr)
			return nil
		}, h1.Options{})
		for i := range cases {
			if thinned && i%10 != 0 {
				continue
			}
			run++
			status, rec := crsSend(w, server, cases[i].bytes)
			switch wrong := crsJudge(&cases[i], ours, status, rec); {
			case wrong != "":
				failed = append(failed, wrong)
			case rec == nil:
				refused++
			default:
				passed++
			}
		}
	})
	share := 100 * float64(passed+refused) / float64(run)
	var b strings.Builder
	fmt.Fprintf(&b, "Regression tests of the OWASP Core Rule Set 4.25.0 at paranoia level 1, sent to the HTTP/1 engine\nof an edge with a web ACL of the managed groups Common, KnownBadInputs and SQLi.\n")
	fmt.Fprintf(&b, "Written by: go test ./internal/edge -run TestW7CoreRuleSet -update\n\n%d tests apply, %d pass (%.1f %%): %d by the rules expected, %d that the engine refuses before any rule.\n\nDo not pass:\n",
		run, passed+refused, share, passed, refused)
	for _, f := range failed {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	if run < 200 || share < 95 {
		t.Errorf("%.1f %% of %d pass, want 95\n%s", share, run, b.String())
	}
	if !thinned {
		crsResults(t, b.String())
	}
}

// crsResults compares with the file of results, or writes it with -update.
func crsResults(t *testing.T, got string) {
	const file = "../../bench/results/crs-edge.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is out of date: -update writes it\n%s", file, got)
	}
}
