// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"
	"time"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/signature"
)

// attest signs what goes to an origin (RFC 9421): method, host, path and query.
// The gateway's demand is the other half. A transport with a second face keeps
// it.
func attest(rt http.RoundTripper, m *model.SignatureKey) http.RoundTripper {
	if both, ok := rt.(askTripper); ok {
		return attestBoth(both, m)
	}
	return attested{rt, signer(m)}
}

func attestBoth(to askTripper, m *model.SignatureKey) askTripper {
	return attestedAsker{attested{to, signer(m)}, to}
}

func signer(m *model.SignatureKey) *signature.Key {
	return &signature.Key{ID: m.ID, Secret: m.Secret, Private: m.Private}
}

type attested struct {
	to  http.RoundTripper
	key *signature.Key
}

func (t attested) sign(m *signature.Message) (input, value string, err error) {
	return signature.Sign(m, t.key, signature.Params{
		Components: []string{"@method", "@authority", "@path", "@query"}, Created: time.Now().Unix(), Alg: t.key.Algorithm(),
	})
}

// RoundTrip signs and asks.
func (t attested) RoundTrip(rq *http.Request) (*http.Response, error) {
	path := rq.URL.EscapedPath()
	if rq.URL.Opaque != "" {
		path = rq.URL.Opaque
	}
	host := rq.Host
	if host == "" {
		host = rq.URL.Host
	}
	input, value, err := t.sign(&signature.Message{Method: rq.Method, Scheme: rq.URL.Scheme, Authority: host, Path: path, Query: rq.URL.RawQuery})
	if err != nil {
		return nil, err
	}
	signed := rq.Clone(rq.Context())
	signed.Header.Set("Signature-Input", input)
	signed.Header.Set("Signature", value)
	return t.to.RoundTrip(signed)
}

type attestedAsker struct {
	attested
	asker edge.Asker
}

// Ask signs and asks.
func (t attestedAsker) Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	if err := t.attest(rq); err != nil {
		return err
	}
	return t.asker.Ask(ctx, rq, rs, interim)
}

// Stream signs and asks.
func (t attestedAsker) Stream(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response) error {
	to, ok := t.asker.(edge.Caller)
	if !ok {
		return edge.ErrNoStream
	}
	if err := t.attest(rq); err != nil {
		return err
	}
	return to.Stream(ctx, rq, rs)
}

func (t attestedAsker) attest(rq *httpmsg.Request) error {
	input, value, err := t.sign(&signature.Message{Method: rq.Method, Scheme: rq.Scheme, Authority: rq.Host, Path: rq.Path, Query: rq.Query})
	if err != nil {
		return err
	}
	rq.Header.Set("Signature-Input", input)
	rq.Header.Set("Signature", value)
	return nil
}
