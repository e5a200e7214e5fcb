// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/webacl"
)

const managedACL = `Resources:
  ACL:
    Type: AWS::WAFv2::WebACL
    Properties:
      Scope: CLOUDFRONT
      DefaultAction: {Allow: {}}
      VisibilityConfig: {SampledRequestsEnabled: false, CloudWatchMetricsEnabled: false, MetricName: m}
      Rules:
`

// shielded gives w a web ACL with the managed groups Common and SQLi, and a
// rate-based rule.
func shielded(t testing.TB, w *world) {
	t.Helper()
	text := ""
	visible := ", VisibilityConfig: {SampledRequestsEnabled: false, CloudWatchMetricsEnabled: false, MetricName: m}, "
	for i, name := range []string{"Common", "SQLi"} {
		text += "        - {Name: " + name + ", Priority: " + string(rune('1'+i)) + visible +
			"OverrideAction: {None: {}}, Statement: {ManagedRuleGroupStatement: {VendorName: AWS, Name: AWSManagedRules" + name + "RuleSet}}}\n"
	}
	text += "        - {Name: rate, Priority: 9" + visible + "Action: {Block: {}}, Statement: {RateBasedStatement: {Limit: 2000000000, AggregateKeyType: IP}}}\n"
	shieldedBy(t, w, text)
}

// shieldedBy gives w a web ACL with rules as a template has them.
func shieldedBy(t testing.TB, w *world, rules string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(managedACL+rules), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := template.Load(t.Context(), file, template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	acl := r[0].Stack.WebACLs[0]
	set, err := webacl.Compile(r[0].Stack.WebACLs, webacl.Options{})
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
	w.compile()
}

// TestAShieldedHitDoesNotAllocate: a repeated request costs its web ACL no
// memory, and stays on its connection.
func TestAShieldedHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	w := newWorld(t)
	shielded(t, w)
	w.do("/a", "User-Agent", "me")
	w.edge.deps.Record = nil
	rq := request("/a", "Accept", "*/*", "User-Agent", "me")
	n := testing.AllocsPerRun(500, func() {
		if w.edge.Begin(t.Context(), rq, nothing{}) != nil {
			t.Fatal("a hit left its connection")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a hit", n)
	}
}

// TestABodyIsSeenAndForwarded: what the web ACL refuses reaches no origin, and a
// body that it has seen reaches the origin whole.
func TestABodyIsSeenAndForwarded(t *testing.T) {
	w := newWorld(t)
	w.behavior().Allowed = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
	shielded(t, w)
	long := strings.Repeat("a word ", 1000)
	w.do("POST /a", "User-Agent", "me", "Content-Type", "text/plain", "Body", long)
	if len(w.bodies) != 1 || w.bodies[0] != long {
		t.Fatalf("the origin got %d bodies", len(w.bodies))
	}
	v := w.do("POST /a", "User-Agent", "me", "Content-Type", "text/plain", "Body", "q=1' or '1'='1")
	if v.status != 403 || len(w.bodies) != 1 {
		t.Errorf("status %d, %d requests", v.status, len(w.bodies))
	}
}

func BenchmarkShieldedHit(b *testing.B) {
	w := newWorld(&testing.T{})
	shielded(b, w)
	w.edge.deps.Record = nil
	w.start(b.Context(), "/a", "User-Agent", "me")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me")
	b.ReportAllocs()
	for b.Loop() {
		w.edge.Serve(b.Context(), rq, nothing{})
	}
}
