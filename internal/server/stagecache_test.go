// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestA16CacheOutlivesRevisions: what a stage keeps is there after a deployment,
// gone after a flush, and counted.
func TestA16CacheOutlivesRevisions(t *testing.T) {
	var asked atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("pets"))
	}))
	t.Cleanup(target.Close)
	on := true
	cached := func() *model.Stack {
		s := keyedStack()
		a := s.APIs[0]
		a.Routes[0].Integration = &model.Integration{Kind: model.HTTPProxy, URI: target.URL}
		a.Stages[0] = &model.Stage{Name: "prod", CacheBytes: 1 << 29, Caching: model.Caching{Enabled: &on}}
		return s
	}
	srv, ca := start(t, cached(), "http://127.0.0.1:1")
	c, scheme := client(t, srv, ca, "http")
	ask := func(want int32) {
		t.Helper()
		if rs, body := get(t, c, scheme+"://restrestre.execute-api.localhost/prod/free"); rs.StatusCode != 200 || body != "pets" || asked.Load() != want {
			t.Errorf("%d %s, the target was asked %d times, want %d", rs.StatusCode, body, asked.Load(), want)
		}
	}
	ask(1)
	ask(1)
	if err := srv.Apply(t.Context(), []*model.Stack{cached()}); err != nil {
		t.Fatal(err)
	}
	ask(1)
	n := node{srv}
	if n.FlushCache("Api", "none") || n.FlushCache("Other", "prod") || !n.FlushCache("restrestre", "prod") {
		t.Error("the stage's cache was not found, or another one was")
	}
	ask(2)
	for _, want := range []string{"forelane_api_cache_hits_total 2\n", "forelane_api_cache_misses_total 2\n", "forelane_api_cache_entries 1\n"} {
		if text := string(n.AppendMetrics(nil)); !strings.Contains(text, want) {
			t.Errorf("the figures lack %q", want)
		}
	}
}
