// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/sigv4"
)

const errandSecret = "a secret of the caller alone"

// errandPrincipals are one user, who may ask everything.
func errandPrincipals(t *testing.T) func() *principal.Set {
	t.Helper()
	doc, err := policy.Parse(`{"Statement":{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}}`)
	if err != nil {
		t.Fatal(err)
	}
	p := &principal.Principal{
		Credentials: sigv4.Credentials{AccessKeyID: "AKIACALLERCALLERCALL", SecretAccessKey: errandSecret},
		ARN:         "arn:aws:iam::123456789012:user/caller", Policies: []*policy.Document{doc},
	}
	if property, err := p.Check(); err != nil {
		t.Fatal(property, err)
	}
	set := principal.New([]*principal.Principal{p})
	return func() *principal.Set { return set }
}

// TestA13SignedErrands: a signature goes through an edge to the gateway of
// another node, which alone knows the principals, and no answer is shared.
func TestA13SignedErrands(t *testing.T) {
	a, st := newApart(t), stackOf(t, "one")
	for _, r := range st.APIs[0].Routes {
		r.Authorization, r.APIKeyRequired = "AWS_IAM", false
	}
	for _, s := range []*Server{a.gateway, a.edge} {
		if err := s.Apply(t.Context(), []*model.Stack{st}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UTC()
	date := now.Format(sigv4.TimeFormat)
	ask := func(secret string) (int, string, http.Header) {
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.edge.Addr("http")+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Host = "www.example.com"
		if secret != "" {
			in := &sigv4.Request{Method: http.MethodGet, Path: "/prod/", PayloadHash: sigv4.Empty, Time: now, Fields: []sigv4.Field{
				{Name: "Host", Value: st.APIs[0].ID + ".execute-api.eu-west-1.amazonaws.com"}, {Name: "X-Amz-Date", Value: date},
			}}
			rq.Header.Set("X-Amz-Date", date)
			rq.Header.Set("Authorization", sigv4.Sign(in, &sigv4.Credentials{AccessKeyID: "AKIACALLERCALLERCALL", SecretAccessKey: secret}, sigv4.Scope{Region: "eu-west-1", Service: "execute-api"}))
		}
		rs, body := do(t, rq)
		return rs.StatusCode, body, rs.Header
	}
	for range 2 {
		if status, body, h := ask(errandSecret); status != 200 || body != "one" || h.Get("X-Cache") != "Miss from cloudfront" || h.Get("X-Edge-Identity") != "" {
			t.Errorf("signed: %d %s %v", status, body, h)
		}
		for _, secret := range []string{"", "a secret of somebody else"} {
			if status, body, _ := ask(secret); status != 403 {
				t.Errorf("by %q: %d %s", secret, status, body)
			}
		}
	}
}
