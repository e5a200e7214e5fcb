// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExplainAndDebugHeaders: an answer is explained by its id, and in place by
// the debug token, which the origin and the logs do not see.
func TestExplainAndDebugHeaders(t *testing.T) {
	const token = "a-token-of-this-test"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "seen: %q", r.Header.Values("X-Forelane-Debug"))
	})
	data := t.TempDir()
	p := start(t, "proxy", origin, "--debug-token", file, "--data", data)
	a := p.do("GET", "any.example", "/a", "", "X-Forelane-Debug: "+token, "X-Session: s3cr3t")
	if a.body != "seen: []" || a.Header.Get("X-Forelane-Cache") != "miss; reason=absent" || !strings.HasPrefix(a.Header.Get("X-Forelane-Origin"), "app; status=200") {
		t.Errorf("%s %v", a.body, a.Header)
	}
	if b := p.do("GET", "any.example", "/b", "", "X-Forelane-Debug: "+token+"x"); b.body != "seen: []" || b.Header.Get("X-Forelane-Cache") != "" {
		t.Errorf("a wrong token: %s %v", b.body, b.Header)
	}
	out, err := p.shell("forelane explain --id '" + a.Header.Get("X-Amz-Cf-Id") + "'")
	for _, want := range []string{"What happened, as recorded ", "miss: nothing was stored under this key", "What would happen now", "hit: an answer is stored and fresh"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("explain: %v, no %q in %s", err, want, out)
		}
	}
	if strings.Contains(out, "s3cr3t") {
		t.Errorf("a header is told: %s", out)
	}
	if out, err := p.shell("forelane explain --id nobody"); err == nil || !strings.Contains(out, "nothing is known of a request with this id") {
		t.Errorf("an id of nobody: %v %s", err, out)
	}
	_ = filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), token) {
			t.Errorf("%s has the token", path)
		}
		return nil
	})
}
