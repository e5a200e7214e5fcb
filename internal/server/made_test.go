// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestE3MadeOrigins: what functions make of an origin leads to buckets of this
// process, to the address that the operator gave, and not to the machine itself.
func TestE3MadeOrigins(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("app " + r.Host + r.URL.Path))
	}))
	t.Cleanup(app.Close)
	s := stack(t)
	s.EdgeFunctions = []*model.EdgeFunction{{Name: "route", ARN: "arn:route", Runtime: "cloudfront-js-2.0", Code: `import cf from 'cloudfront';
		const sign = { enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3' };
		function handler(event) {
			const r = event.request;
			switch (r.uri) {
			case '/app/bucket': r.uri = '/page.html'; cf.updateRequestOrigin({ domainName: 'shop-site.s3.us-east-1.amazonaws.com', originAccessControlConfig: sign }); break;
			case '/app/closed': r.uri = '/page.html'; cf.updateRequestOrigin({ domainName: 'shop-site.s3.us-east-1.amazonaws.com' }); break;
			case '/app/host': cf.updateRequestOrigin({ hostHeader: 'inner.example', originPath: '/x', connectionAttempts: 1 }); break;
			case '/app/here': cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: { port: Number(r.headers['x-port'].value), protocol: 'http', sslProtocols: [] } }); break;
			}
			return r;
		}`}}
	s.Distributions[0].Behaviors[0].Functions = []model.FunctionAssociation{{Event: model.ViewerRequest, ARN: "arn:route"}}
	srv, _ := start(t, s, app.URL)
	c, scheme := client(t, srv, nil, "http")
	for path, want := range map[string]string{
		"/app/bucket": "page", "/app/host": "app inner.example/x/app/host", "/app/closed": "", "/app/here": "",
	} {
		rq, err := http.NewRequest("GET", scheme+"://www.example.com"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Header.Set("X-Port", app.URL[len("http://127.0.0.1:"):])
		rs, err := c.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 64)
		n, _ := rs.Body.Read(body)
		_ = rs.Body.Close()
		switch got := string(body[:n]); {
		case want != "" && (rs.StatusCode != 200 || got != want):
			t.Errorf("%s: %d %q, want %q", path, rs.StatusCode, got, want)
		case want == "" && rs.StatusCode < 400:
			t.Errorf("%s: %d %q", path, rs.StatusCode, got)
		}
	}
}
