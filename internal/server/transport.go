// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/pattern"
)

// transport is the way to an origin: an override, a plane of this process when
// the name is one of ours, else the network.
func (s *Server) transport(snap *Snapshot, st *model.Stack, d *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
	rt, err := s.unsigned(snap, st, d, o)
	if _, moved := rt.(renamed); err != nil || o.Sign == nil || moved {
		return rt, err
	}
	return attest(rt, o.Sign), nil
}

func (s *Server) unsigned(snap *Snapshot, st *model.Stack, d *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
	if raw, ok := s.override(d, o); ok {
		return s.moved(&snap.origins, o, raw)
	}
	sp, err := s.spread(snap, &snap.origins, o)
	if err != nil {
		return nil, err
	}
	if sp != nil {
		snap.spreads = append(snap.spreads, sp)
		return sp, nil
	}
	if o.VPCOrigin != "" {
		host := strings.ToLower(o.DomainName)
		if rt := snap.door(host); rt != nil {
			return rt, nil
		}
		if rt, err := s.elsewhere(snap, host, true); rt != nil || err != nil {
			return rt, err
		}
		return s.private(snap, o, d.LogicalID+"/"+o.ID, o.VPCOrigin), nil
	}
	if rt, err := s.here(snap, d, o); rt != nil || err != nil {
		return rt, err
	}
	if name := endpointName(st, strings.ToLower(o.DomainName)); name != "" {
		return s.private(snap, o, d.LogicalID+"/"+o.ID, name), nil
	}
	return s.network(&snap.origins, o), nil
}

// moved is the way to an origin that has the address raw.
func (s *Server) moved(rest *ways, o *model.Origin, raw string) (http.RoundTripper, error) {
	moved, err := overridden(o, raw)
	if err != nil {
		return nil, err
	}
	if moved.Made != nil { // the operator gave the address, and it may be of this machine
		made := *moved.Made
		made.Foreign = false
		moved.Made = &made
	}
	if s.o.OriginSigner == nil { // a stand-in on this machine, most likely: nothing to tell
		moved.Access, moved.OAI = nil, ""
	}
	u, _ := url.Parse(raw) // overridden has read it
	var to askTripper = s.network(rest, moved)
	if o.Sign != nil { // under the name that it is asked by
		to = attestBoth(to, o.Sign)
	}
	return renamed{to, o.DomainName, u.Host, strings.TrimSuffix(u.EscapedPath(), "/")}, nil
}

// here is the way to an origin that is in this process, or on the node that has
// the gateway: a bucket, an API, a function URL. Nil: it is none.
func (s *Server) here(snap *Snapshot, d *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
	host := strings.ToLower(o.DomainName)
	for _, other := range snap.stacks {
		for _, m := range other.Buckets {
			rest, _ := bucket.Hosts(m, other.URLSuffix)
			for _, h := range rest {
				if h == host {
					return signed{snap.direct[host], originCaller(other, d, o)}, nil
				}
			}
		}
	}
	signs := o.Access != nil && o.Access.Type == "lambda" && o.Access.Signing != "never"
	if rt := snap.plane(host); rt != nil {
		if signs {
			return signing{rt}, nil
		}
		return rt, nil
	}
	rt, err := s.elsewhere(snap, host, false)
	if e, ok := rt.(errand); ok && signs {
		e.signer = signerName
		return e, err
	}
	return rt, err
}

// signing tells a function URL that the edge signs what it sends (row O7).
// That the function's permissions name the distribution is not checked.
type signing struct{ to http.RoundTripper }

const signerName = "cloudfront.amazonaws.com"

// RoundTrip asks as CloudFront.
func (t signing) RoundTrip(rq *http.Request) (*http.Response, error) {
	return t.to.RoundTrip(rq.WithContext(gateway.WithSigner(rq.Context(), signerName)))
}

// inside carries the HTTP integrations of APIs: to a plane of this process
// when the target's name is one of ours, else through the network.
type inside struct {
	snap *Snapshot
	out  http.RoundTripper
	// private is the way to a host of an interface endpoint; nil: it is none.
	private func(host string) http.RoundTripper
}

type hopsKey struct{}

// mostHops bounds how often requests of one viewer may pass from API to API:
// an API can name itself as its target.
const mostHops = 8

// RoundTrip asks the target.
func (t inside) RoundTrip(rq *http.Request) (*http.Response, error) {
	rt := t.snap.plane(hostname(rq.URL.Host))
	if rt == nil {
		if t.private != nil {
			if rt = t.private(hostname(rq.URL.Host)); rt != nil {
				return rt.RoundTrip(rq)
			}
		}
		return t.out.RoundTrip(rq)
	}
	hops, _ := rq.Context().Value(hopsKey{}).(int)
	if hops >= mostHops {
		return nil, fmt.Errorf("%s: a loop: the request passed through %d APIs of this process", rq.URL.Host, hops)
	}
	ctx := context.WithValue(rq.Context(), hopsKey{}, hops+1)
	ctx = gateway.WithCaller(ctx, gateway.Caller{Scheme: rq.URL.Scheme})
	return rt.RoundTrip(rq.WithContext(ctx))
}

// network is the way through it; rest takes the connections.
func (s *Server) network(rest *ways, o *model.Origin) *origin.Transport {
	if o.Made == nil {
		s.tellUnarmed(o)
	}
	t := origin.New(o, origin.Options{Roots: s.o.Roots, Sign: s.o.OriginSigner, ClientCert: s.o.OriginCert})
	*rest = append(*rest, t)
	return t
}

// tellUnarmed says what an origin of the network is not given.
func (s *Server) tellUnarmed(o *model.Origin) {
	if o.Access != nil && o.Access.Signing != "never" && s.o.OriginSigner == nil {
		s.log.Warn("requests to origin "+o.ID+" are not signed, though it has an access control: give credentials with --origin-credentials", "host", o.DomainName)
	}
	if o.ClientCert == "" {
		return
	}
	if s.o.OriginCert != nil {
		if c, err := s.o.OriginCert(o.ClientCert); c != nil || err != nil {
			return
		}
	}
	s.log.Warn("no certificate is shown to origin "+o.ID+", though it has OriginMtlsConfig: give it with --origin-cert "+o.ClientCert+"=CERT.pem,KEY.pem", "host", o.DomainName)
}

// override finds the URL given for an origin, the most exact key first.
func (s *Server) override(d *model.Distribution, o *model.Origin) (string, bool) {
	for _, key := range []string{d.LogicalID + "/" + o.ID, o.ID, strings.ToLower(o.DomainName), o.VPCOrigin} {
		if u, ok := s.o.Origins[key]; ok {
			return u, true
		}
	}
	return "", false
}

// overridden is o at another address. The origin's path in the template stays;
// a path of the URL comes before it. With credentials it is signed for as the
// template says: it may be an S3-compatible server.
func overridden(o *model.Origin, raw string) (*model.Origin, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("origin %s: %q is no http or https URL", o.ID, raw)
	}
	moved := *o
	moved.DomainName, moved.S3 = u.Hostname(), false
	port := 0
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, fmt.Errorf("origin %s: port of %q: %w", o.ID, raw, err)
		}
	}
	if u.Scheme == "https" {
		moved.Protocol, moved.HTTPSPort = model.OriginHTTPSOnly, port
	} else {
		moved.Protocol, moved.HTTPPort = model.OriginHTTPOnly, port
	}
	return &moved, nil
}

// askTripper is a transport with both faces.
type askTripper interface {
	edge.Asker
	http.RoundTripper
}

// renamed asks an overridden origin by its own name where the edge asks by the
// template's; a Host that the behavior forwards stays.
type renamed struct {
	to           askTripper
	before, name string
	path         string // put before the request's path
}

// Ask asks by the new name.
func (t renamed) Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	if rq.Host == t.before {
		rq.Host = t.name
	}
	rq.Path = t.path + rq.Path
	return t.to.Ask(ctx, rq, rs, interim)
}

// Stream asks by the new name.
func (t renamed) Stream(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response) error {
	to, ok := t.to.(edge.Caller)
	if !ok {
		return edge.ErrNoStream
	}
	if rq.Host == t.before {
		rq.Host = t.name
	}
	rq.Path = t.path + rq.Path
	return to.Stream(ctx, rq, rs)
}

// RoundTrip asks by the new name.
func (t renamed) RoundTrip(rq *http.Request) (*http.Response, error) {
	moved := *rq
	if rq.Host == t.before {
		moved.Host = t.name
	}
	if t.path != "" {
		u := *rq.URL
		u.Opaque = t.path + cmp.Or(u.Opaque, u.EscapedPath())
		moved.URL = &u
	}
	return t.to.RoundTrip(&moved)
}

// originCaller is who a bucket sees: the distribution when the origin signs by
// an origin access control, the identity for a legacy OAI, else nobody (AWS:
// "Restrict access to an Amazon S3 origin").
func originCaller(st *model.Stack, d *model.Distribution, o *model.Origin) *bucket.Caller {
	switch {
	case o.Access != nil && o.Access.Signing != "never":
		return &bucket.Caller{
			Principals: []string{"Service:cloudfront.amazonaws.com"},
			Context:    map[string]string{"aws:sourcearn": d.ARN, "aws:sourceaccount": st.AccountID, "aws:securetransport": "true"},
		}
	case o.OAI != "":
		return &bucket.Caller{Principals: []string{
			"AWS:arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity " + o.OAI,
			"CanonicalUser:" + o.OAICanonical,
		}}
	}
	return nil
}

// signed tells a bucket who asks.
type signed struct {
	to     http.RoundTripper
	caller *bucket.Caller
}

// RoundTrip asks as the caller.
func (t signed) RoundTrip(rq *http.Request) (*http.Response, error) {
	if t.caller == nil {
		return t.to.RoundTrip(rq)
	}
	return t.to.RoundTrip(rq.WithContext(bucket.WithCaller(rq.Context(), t.caller)))
}

// hostname is a Host without port, in lower case.
func hostname(host string) string {
	host = pattern.TrimPort(host)
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
