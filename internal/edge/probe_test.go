// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/model"
)

// TestProbe: each danger is found where it is, and nowhere else.
func TestProbe(t *testing.T) {
	w := newWorld(t)
	d := w.behavior()
	d.OriginRequest = &model.OriginRequestPolicy{
		Headers: model.Selection{Mode: model.SelectList, Names: []string{"X-Forwarded-Host", "Authorization", "Accept"}},
		Cookies: model.Selection{Mode: model.SelectAll},
	}
	keyed := *d
	key := *d.Cache
	key.Cookies = model.Selection{Mode: model.SelectAll}
	keyed.PathPattern, keyed.Cache = "/keyed/*", &key
	w.dist.Behaviors = slices.Insert(w.dist.Behaviors, 0, &keyed)
	n := 0
	w.reply = func(rq *http.Request) (*http.Response, error) {
		session, public := "nobody", "public, max-age=60"
		if c, err := rq.Cookie("session"); err == nil {
			session = c.Value
		}
		switch p := rq.URL.EscapedPath(); {
		case strings.HasPrefix(p, "/mixed"), strings.HasPrefix(p, "/keyed"):
			return answer(200, "for "+session, "Cache-Control", public), nil
		case p == "/links":
			return answer(200, "see https://"+rq.Header.Get("X-Forwarded-Host")+"/", "Cache-Control", public), nil
		case p == "/account":
			return answer(200, "account of "+session, "Cache-Control", "private"), nil
		case p == "/account/x.css": // the origin takes what follows for a path info
			return answer(200, "account of "+session, "Cache-Control", public), nil
		case p == "/clock":
			n++
			return answer(200, strings.Repeat("x", n), "Cache-Control", public), nil
		case p == "/plain":
			return answer(200, "the same for all", "Cache-Control", public), nil
		}
		return answer(404, "no"), nil
	}
	w.compile()
	ask := func(in explain.Request) (*explain.Explanation, error) {
		var fields []string
		for _, h := range in.Headers {
			fields = append(fields, h[0], h[1])
		}
		return w.edge.Explain(t.Context(), request(strings.TrimPrefix(in.URL, "https://d1.cloudfront.net"), fields...), AskAnew), nil
	}
	viewers := []explain.Viewer{
		{Name: "ann", Headers: [][2]string{{"Cookie", "session=ann"}}}, {Name: "bob", Headers: [][2]string{{"Cookie", "session=bob"}}}, {Name: "anonymous"},
	}
	for path, want := range map[string][]string{
		"/mixed":   {"identity: ann and bob", "identity: ann and anonymous", "identity: bob and anonymous"},
		"/keyed/a": nil,
		"/links":   {"reflection: X-Forwarded-Host comes back in the body"},
		"/account": {"deception: https://d1.cloudfront.net/account/x.css gives the same page of ann", "deception: https://d1.cloudfront.net/account/x.css gives the same page of bob"},
		"/plain":   nil,
		"/clock":   nil,
	} {
		r, err := explain.Probe(ask, []string{"https://d1.cloudfront.net" + path}, viewers)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) != len(want) {
			t.Errorf("%s: %+v, want %q", path, r.Findings, want)
			continue
		}
		for i, f := range r.Findings {
			if got := f.Kind + ": " + f.Detail; !strings.HasPrefix(got, want[i]) {
				t.Errorf("%s: %q, want %q", path, got, want[i])
			}
		}
		if (path == "/clock") != (len(r.Volatile) == 1) {
			t.Errorf("%s: volatile %q", path, r.Volatile)
		}
	}
	if n := w.recordCount(); n != 0 {
		t.Errorf("probing left %d records", n)
	}
	if s := w.cache.Stats(); s.Objects != 0 {
		t.Errorf("probing stored %d objects", s.Objects)
	}
}
