// SPDX-License-Identifier: Apache-2.0

package account

import (
	"reflect"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/record"
)

func TestReplay(t *testing.T) {
	rec := record.Record{
		Request: record.Request{Method: "GET", Scheme: "wss", Host: "a.example", Path: "/p", Query: "a=1&token=digest:1f"},
		Cache:   record.Cache{Status: record.CacheMiss},
	}
	rq, without, ok := Replay(&rec, "Accept: x\nCookie: digest:2\nX-A: digest:3\nX-A: digest:3\n")
	want := &explain.Request{Method: "GET", URL: "https://a.example/p?a=1&token=digest:1f", Headers: [][2]string{{"Accept", "x"}}}
	if !ok || !reflect.DeepEqual(rq, want) || strings.Join(without, ",") != "query token,Cookie,X-A" {
		t.Errorf("%+v without %q (%v)", rq, without, ok)
	}
	rec.Request.Path += record.Ellipsis
	if _, _, ok := Replay(&rec, ""); ok {
		t.Error("a request that was cut was made again")
	}
	hit := record.Record{Request: record.Request{Method: "GET", Scheme: "http", Host: "a.example", Path: "/p"}}
	hit.Cache = record.Cache{Status: record.CacheHit, Key: "E1\n/p\norigin=o\naccept-encoding=br\naccept-language:de\ncloudfront-viewer-country:DE\nhost:a\nx-a:digest:1"}
	rq, without, ok = Replay(&hit, "")
	if !ok || !reflect.DeepEqual(rq.Headers, [][2]string{{"Accept-Encoding", "br"}, {"accept-language", "de"}}) || len(without) != 1 {
		t.Errorf("%+v without %q (%v)", rq, without, ok)
	}
}

// TestEveryReasonIsExplained: an id of each cache reason has a sentence.
func TestEveryReasonIsExplained(t *testing.T) {
	for r := record.ReasonNone; r.String() != "?"; r++ {
		if why, _ := Why(r, false); why == "" || why == r.String() {
			t.Errorf("%s: %q", r, why)
		}
	}
}
