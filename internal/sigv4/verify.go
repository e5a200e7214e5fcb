// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Claim is what an Authorization field says.
type Claim struct {
	AccessKeyID string
	Date        string // of the scope, 20060102
	Scope
	Signed    []string // names of fields, in lower case
	Signature string
}

// Parse reads an Authorization field of this version. False: it is none.
func Parse(authorization string) (c Claim, ok bool) {
	rest, ok := strings.CutPrefix(authorization, algorithm+" ")
	if !ok {
		return c, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			p := strings.Split(value, "/")
			if len(p) < 5 || p[len(p)-1] != terminator { // a key id may have slashes
				return Claim{}, false
			}
			n := len(p)
			c.AccessKeyID, c.Date, c.Scope = strings.Join(p[:n-4], "/"), p[n-4], Scope{p[n-3], p[n-2]}
		case "SignedHeaders":
			c.Signed = strings.Split(value, ";")
		case "Signature":
			c.Signature = value
		}
	}
	return c, c.AccessKeyID != "" && len(c.Signed) > 0 && c.Signature != ""
}

// Skew is how far the clocks of signer and verifier may be apart.
const Skew = 15 * time.Minute

// Why a signature is not taken.
var (
	ErrNone     = errors.New("sigv4: the request is not signed")
	ErrSkewed   = errors.New("sigv4: the time of the signature is too far from now")
	ErrWrong    = errors.New("sigv4: the signature does not match")
	ErrUncovers = errors.New("sigv4: Host, X-Amz-Date or an X-Amz- field is not signed")
)

// Verify checks the signature of a request that came, against the secret of
// its access key. The payload hash is taken from X-Amz-Content-Sha256: that the
// body has it is for the reader of the body to see.
func Verify(rq *http.Request, secret string, now time.Time) error {
	hash := rq.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = Empty
	}
	return VerifyPayload(rq, hash, secret, now)
}

// VerifyPayload is Verify for a request whose body has the SHA-256 hash, in
// hex. Services other than S3 are sent no hash beside the signature.
func VerifyPayload(rq *http.Request, hash, secret string, now time.Time) error {
	c, ok := Parse(rq.Header.Get("Authorization"))
	if !ok {
		return ErrNone
	}
	t, err := time.Parse(TimeFormat, rq.Header.Get("X-Amz-Date"))
	if err != nil || t.Format("20060102") != c.Date || t.Sub(now).Abs() > Skew {
		return ErrSkewed
	}
	if !slices.Contains(c.Signed, "host") || !slices.Contains(c.Signed, "x-amz-date") {
		return ErrUncovers
	}
	for name := range rq.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(c.Signed, lower) {
			return ErrUncovers
		}
	}
	in := &Request{Method: rq.Method, Path: rq.URL.EscapedPath(), Query: rq.URL.RawQuery, PayloadHash: hash, Time: t}
	from := &Incoming{Host: rq.Host, Header: rq.Header, Length: rq.ContentLength}
	for _, name := range c.Signed {
		in.Fields = append(in.Fields, Field{name, from.value(name)})
	}
	_, want := sign(in, secret, c.Scope)
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.Signature)) != 1 {
		return ErrWrong
	}
	return nil
}
