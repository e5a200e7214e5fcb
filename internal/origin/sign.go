// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"fmt"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/sigv4"
)

// Signing by an origin access control (row O7). CloudFront signs with
// credentials of its own that AWS gives rights to by bucket policy; here they
// are the operator's.
//
//	never         nothing is signed
//	always        an Authorization of the viewer is overwritten
//	no-override   an Authorization that the behavior forwards stays, and then
//	              nothing is signed
//
// Signed are Host and every X-Amz- field, those of the viewer too, for S3
// demands it. The body is signed when the viewer says its hash in
// X-Amz-Content-Sha256. Otherwise it is not: S3 takes that, a function URL
// answers 403 (row N23).

// Signer is what an operator gives to sign with.
type Signer struct {
	// Credentials are asked for before each signature: they may be renewed.
	Credentials func() (sigv4.Credentials, error)
	// Region is that of hosts whose name tells none. Empty: us-east-1.
	Region string
	// Now is a clock. Nil: time.Now.
	Now func() time.Time
}

// signature signs for one origin.
type signature struct {
	signer   *Signer
	scope    sigv4.Scope
	override bool // of a viewer's Authorization
}

// streamed is the only form of a body in signed pieces that signs none of them.
const streamed = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// signing is how requests to o are signed, or nil. A legacy origin access
// identity signs always.
func signing(o *model.Origin, s *Signer) *signature {
	if s == nil || s.Credentials == nil {
		return nil
	}
	out := &signature{signer: s, override: true, scope: sigv4.Scope{Service: "s3"}}
	switch {
	case o.Access != nil:
		if o.Access.Signing == "never" {
			return nil
		}
		out.override = o.Access.Signing != "no-override"
		out.scope.Service = or(o.Access.Type, "s3")
	case o.OAI == "":
		return nil
	}
	out.scope.Region = or(regionOf(o.DomainName), or(s.Region, "us-east-1"))
	return out
}

// regionOf reads the region of a host in AWS's forms:
//
//	NAME.s3.REGION.amazonaws.com  NAME.s3-REGION.…  NAME.s3.dualstack.REGION.…
//	NAME.s3-accesspoint.REGION.…  NAME.s3.amazonaws.com (us-east-1)
//	ID.lambda-url.REGION.on.aws  ID.data.mediastore.REGION.…
//	ID.egress.X.mediapackagev2.REGION.…
//
// Empty: it tells none.
func regionOf(host string) string {
	host = strings.ToLower(host)
	suffix := ""
	for _, s := range []string{".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws"} {
		if strings.HasSuffix(host, s) {
			suffix = s
		}
	}
	if suffix == "" {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(host, suffix), ".")
	for i := len(labels) - 1; i >= 0; i-- { // names of buckets may look like anything: the last one counts
		label, rest := labels[i], labels[i+1:]
		switch label {
		case "s3", "s3-accesspoint", "s3-fips", "lambda-url", "mediastore", "mediapackagev2":
			if len(rest) > 0 && rest[0] == "dualstack" {
				rest = rest[1:]
			}
			if len(rest) > 0 {
				return rest[0]
			}
			return "us-east-1"
		}
		if region, ok := strings.CutPrefix(label, "s3-"); ok && len(rest) == 0 {
			return region
		}
	}
	return ""
}

// sign makes rq a signed request.
func (g *signature) sign(rq *httpmsg.Request) error {
	if !g.override && rq.Header.Has("Authorization") {
		return nil
	}
	c, err := g.signer.Credentials()
	if err != nil {
		return fmt.Errorf("origin: credentials: %w", err)
	}
	now := time.Now
	if g.signer.Now != nil {
		now = g.signer.Now
	}
	at := now().UTC()
	h := &rq.Header
	hash := g.payload(rq)
	h.Set("X-Amz-Date", at.Format(sigv4.TimeFormat))
	h.Set("X-Amz-Content-Sha256", hash)
	h.Del("X-Amz-Security-Token")
	if c.SessionToken != "" {
		h.Set("X-Amz-Security-Token", c.SessionToken)
	}
	in := &sigv4.Request{
		Method: rq.Method, Path: rq.Path, Query: rq.Query, PayloadHash: hash, Time: at,
		Fields: []sigv4.Field{{Name: "Host", Value: rq.Host}},
	}
	for _, f := range h.Fields() {
		if len(f.Name) > len("x-amz-") && httpmsg.EqualFold(f.Name[:len("x-amz-")], "x-amz-") {
			in.Fields = append(in.Fields, sigv4.Field{Name: f.Name, Value: f.Value})
		}
	}
	h.Set("Authorization", sigv4.Sign(in, &c, g.scope))
	return nil
}

// payload is what is signed of the body.
func (g *signature) payload(rq *httpmsg.Request) string {
	if rq.Body == nil || rq.ContentLength == 0 {
		return sigv4.Empty
	}
	said := rq.Header.Get("X-Amz-Content-Sha256")
	if hexHash(said) || said == streamed && g.scope.Service == "s3" {
		return said
	}
	return sigv4.Unsigned
}

func hexHash(s string) bool {
	if len(s) != len(sigv4.Empty) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
