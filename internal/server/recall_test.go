// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/record"
)

// TestExplainByID: a request is found by the id of its answer, with the
// invalidation that made it a miss; one that nobody had is 404.
func TestExplainByID(t *testing.T) {
	srv, ca := start(t, stack(t), echoOrigin(t))
	c, _ := client(t, srv, ca, "http")
	get(t, c, "http://www.example.com/app/x")
	if _, err := (node{srv}).Invalidate(t.Context(), invalidation.Request{Distribution: "E1", Paths: []string{"/app/*"}}); err != nil {
		t.Fatal(err)
	}
	rs, _ := get(t, c, "http://www.example.com/app/x")
	id := rs.Header.Get("X-Amz-Cf-Id")
	status, text := askAdmin(t, srv, "/v1/explain?id="+url.QueryEscape(id))
	if status != http.StatusNotFound || !strings.Contains(string(text), "keeps no requests") {
		t.Errorf("a node that keeps nothing: %d %s", status, text)
	}
	srv.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute, Bytes: 1})
	srv.o.Recent.Keep = time.Minute
	if err := srv.Apply(t.Context(), srv.applied); err != nil {
		t.Fatal(err)
	}
	if _, err := (node{srv}).Invalidate(t.Context(), invalidation.Request{Distribution: "E1", Paths: []string{"/app/*"}}); err != nil {
		t.Fatal(err)
	}
	rs, _ = get(t, c, "http://www.example.com/app/x")
	id = rs.Header.Get("X-Amz-Cf-Id")
	// the record is made when the answer is out
	var e explain.Explanation
	deadline := time.Now().Add(10 * time.Second)
	for {
		status, text = askAdmin(t, srv, "/v1/explain?id="+url.QueryEscape(id))
		if status == http.StatusOK || time.Now().After(deadline) {
			break
		}
	}
	if err := json.Unmarshal(text, &e); err != nil || status != http.StatusOK || e.Recorded == nil {
		t.Fatalf("%d %s (%v)", status, text, err)
	}
	if why := e.Recorded.Facts.Cache.Why; e.Recorded.ID != id || !strings.Contains(why, "an invalidation of /app/* had taken what there was") {
		t.Errorf("recorded: %s: %s", e.Recorded.ID, why)
	}
	if e.Cache == nil || e.Cache.Status != "hit" {
		t.Errorf("now: %+v", e.Cache)
	}
	if status, text = askAdmin(t, srv, "/v1/explain?id=nobody"); status != http.StatusNotFound || !strings.Contains(string(text), "keeps them for 1m0s") {
		t.Errorf("an id of nobody: %d %s", status, text)
	}
}
