// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"
	"testing"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(rq *http.Request) (*http.Response, error) { return f(rq) }

// TestIntegrationsStayInside: an integration whose target is a plane of this
// process does not leave it, and a loop of such targets ends.
func TestIntegrationsStayInside(t *testing.T) {
	var asked []string
	says := func(name string) tripper {
		return func(*http.Request) (*http.Response, error) {
			asked = append(asked, name)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		}
	}
	snap := &Snapshot{direct: map[string]http.RoundTripper{"a.execute-api.localhost": says("in")}}
	client := inside{snap: snap, out: says("out")}
	snap.direct["loop.localhost"] = client
	get := func(url string) error {
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := client.RoundTrip(rq)
		if err == nil {
			_ = rs.Body.Close()
		}
		return err
	}
	for _, url := range []string{"https://A.execute-api.localhost:443/x", "https://b.example/"} {
		if err := get(url); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(asked, " "); got != "in out" {
		t.Errorf("asked %q", got)
	}
	if err := get("http://loop.localhost/"); err == nil || !strings.Contains(err.Error(), "a loop") {
		t.Errorf("a loop ended with %v", err)
	}
}
