// SPDX-License-Identifier: Apache-2.0

// Signatures as viewers present them to a service, in one of two forms:
//
//	Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…   with X-Amz-Date
//	?X-Amz-Algorithm=…&X-Amz-Credential=…&X-Amz-Date=…&X-Amz-SignedHeaders=…&X-Amz-Signature=…
//
// What could be read in two ways (both forms at once, a field or a parameter
// that is there twice) is refused. The words of a Fault are those that AWS's
// services answer with; they hold nothing that the viewer has not sent.
//
// Source: AWS IAM User Guide, "Create a signed AWS API request", "Troubleshoot
// Signature Version 4 signing".

package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind is why a presented signature is not taken: a closed list.
type FaultKind uint8

// The kinds of faults.
const (
	Absent     FaultKind = iota // the request is not signed
	Incomplete                  // something is missing or malformed
	Scoped                      // it is for another service, region or day
	Untimely                    // it is too old, or not yet valid
	Mismatched                  // it is not that of the request
)

// String is the name of the exception that AWS answers with.
func (k FaultKind) String() string {
	switch k {
	case Absent:
		return "MissingAuthenticationTokenException"
	case Incomplete:
		return "IncompleteSignatureException"
	case Scoped, Untimely, Mismatched:
		return "InvalidSignatureException"
	}
	return "?"
}

// Fault is why a presented signature is not taken.
type Fault struct {
	Kind    FaultKind
	Message string // in AWS's words
}

// Error is the exception and its message.
func (f *Fault) Error() string { return "sigv4: " + f.Kind.String() + ": " + f.Message }

func incomplete(message string) *Fault { return &Fault{Incomplete, message} }

// Incoming is a request as it came.
type Incoming struct {
	Method string
	Host   string              // as it was sent
	Path   string              // still percent-encoded
	Query  string              // as it was sent
	Header map[string][]string // canonical names; without Host
	Length int64               // of the body; below zero: not known
}

// Life is how long a signature can be used, and how far ahead of ours the
// signer's clock may be. Services other than S3 keep to it whatever a presigned
// URL's X-Amz-Expires says; one that says less is taken at its word.
const Life = 5 * time.Minute

const (
	maxSigned  = 64     // names in SignedHeaders
	maxExpires = 604800 // seconds, a week
)

// Presented is a signature that a request brought. Nothing of it is proven
// before Verify says nil.
type Presented struct {
	Claim
	Token     string // X-Amz-Security-Token; empty: none
	Time      time.Time
	Presigned bool          // it came in the query
	Expires   time.Duration // presigned only; 0: it does not say
	query     string        // what is signed of the query
}

// Present reads the signature of a request. Its error is a *Fault.
func Present(in *Incoming) (*Presented, error) {
	auth, params := in.Header["Authorization"], presignedParams(in.Query)
	var p *Presented
	var f *Fault
	switch {
	case len(auth) == 0 && len(params) == 0:
		return nil, &Fault{Absent, "Missing Authentication Token"}
	case len(auth) > 1 || len(auth) == 1 && len(params["X-Amz-Signature"])+len(params["X-Amz-Algorithm"]) > 0:
		return nil, incomplete("The request is signed more than once.")
	case len(auth) == 1:
		p, f = fromHeader(in, auth[0])
	default:
		p, f = fromQuery(in, params)
	}
	if f == nil {
		f = p.covers(in)
	}
	if f != nil {
		return nil, f
	}
	return p, nil
}

// presignedParams are the parameters of the query form, decoded.
func presignedParams(query string) map[string][]string {
	if !strings.Contains(strings.ToLower(query), "amz") {
		return nil
	}
	out := map[string][]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		switch name = unescape(name); name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token":
			out[name] = append(out[name], unescape(value))
		}
	}
	return out
}

func fromHeader(in *Incoming, authorization string) (*Presented, *Fault) {
	if !strings.HasPrefix(authorization, algorithm+" ") {
		hash := sha256.Sum256([]byte(authorization))
		return nil, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '" +
			base64.StdEncoding.EncodeToString(hash[:]) + "'.")
	}
	c, f := claim(authorization)
	if f != nil {
		return nil, f
	}
	p := &Presented{Claim: c, query: in.Query}
	date := in.Header["X-Amz-Date"]
	if len(date) != 1 {
		return nil, incomplete("Authorization header requires existence of one 'X-Amz-Date' header.")
	}
	if token := in.Header["X-Amz-Security-Token"]; len(token) > 1 {
		return nil, incomplete("The request has more than one 'X-Amz-Security-Token' header.")
	} else if len(token) == 1 {
		p.Token = token[0]
	}
	return p, p.dated(date[0])
}

// claim reads an Authorization field more strictly than Parse: each of its three
// parameters once, and nothing else.
func claim(authorization string) (Claim, *Fault) {
	params := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(authorization, algorithm+" "), ",") {
		name, value, _ := strings.Cut(strings.Trim(part, " "), "=")
		if _, before := params[name]; before || len(params) == 3 {
			return Claim{}, incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters once each.")
		}
		params[name] = value
	}
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if params[name] == "" {
			return Claim{}, incomplete("Authorization header requires '" + name + "' parameter.")
		}
	}
	return credential(params["Credential"], params["SignedHeaders"], params["Signature"])
}

func credential(text, signed, signature string) (Claim, *Fault) {
	p := strings.Split(text, "/")
	if len(p) != 5 || p[0] == "" || p[4] != terminator {
		return Claim{}, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	return Claim{AccessKeyID: p[0], Date: p[1], Scope: Scope{p[2], p[3]}, Signed: strings.Split(signed, ";"), Signature: signature}, nil
}

func fromQuery(in *Incoming, params map[string][]string) (*Presented, *Fault) {
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date"} {
		if len(params[name]) == 0 || params[name][0] == "" {
			return nil, incomplete("AWS query-string parameters must include '" + name + "'. Re-examine the query-string parameters.")
		}
	}
	for name, values := range params {
		if len(values) > 1 {
			return nil, incomplete("The query-string parameter '" + name + "' is there more than once.")
		}
	}
	if params["X-Amz-Algorithm"][0] != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm'.")
	}
	c, f := credential(params["X-Amz-Credential"][0], params["X-Amz-SignedHeaders"][0], params["X-Amz-Signature"][0])
	if f != nil {
		return nil, f
	}
	p := &Presented{Claim: c, Presigned: true, query: unsignedQuery(in.Query)}
	if t := params["X-Amz-Security-Token"]; len(t) == 1 {
		p.Token = t[0]
	}
	if e := params["X-Amz-Expires"]; len(e) == 1 {
		seconds, err := strconv.Atoi(e[0])
		switch {
		case err != nil:
			return nil, incomplete("X-Amz-Expires should be a number")
		case seconds < 0:
			return nil, incomplete("X-Amz-Expires must be non-negative")
		case seconds > maxExpires:
			return nil, incomplete("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
		}
		p.Expires = time.Duration(max(seconds, 1)) * time.Second // nothing is valid for no time at all
	}
	return p, p.dated(params["X-Amz-Date"][0])
}

// unsignedQuery is a query without its signature.
func unsignedQuery(query string) string {
	parts := strings.Split(query, "&")
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool {
		name, _, _ := strings.Cut(part, "=")
		return unescape(name) == "X-Amz-Signature"
	}), "&")
}

// dated takes the time of the signature.
func (p *Presented) dated(text string) *Fault {
	t, err := time.Parse(TimeFormat, text)
	if err != nil || t.Format(TimeFormat) != text {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '" + printable(text) + "'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	p.Time = t
	return nil
}

// printable is a text of the viewer's that can stand in a message.
func printable(s string) string {
	s = s[:min(len(s), 64)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// covers tells whether what must be signed is said to be.
func (p *Presented) covers(in *Incoming) *Fault {
	if len(p.Signed) > maxSigned {
		return incomplete("There are too many 'SignedHeaders'.")
	}
	for i, name := range p.Signed {
		if name == "" || name != strings.ToLower(name) || i > 0 && p.Signed[i-1] >= name {
			return incomplete("'SignedHeaders' must be names in lower case, in order, each once.")
		}
	}
	if !slices.Contains(p.Signed, "host") {
		return &Fault{Scoped, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
	}
	need := []string{"X-Amz-Date", "X-Amz-Security-Token"}
	if p.Presigned {
		need = nil // they are in the query, which is signed
	}
	for _, name := range need {
		if len(in.Header[name]) > 0 && !slices.Contains(p.Signed, strings.ToLower(name)) {
			return &Fault{Scoped, "'" + name + "' must be a 'SignedHeader' in the AWS Authorization."}
		}
	}
	return nil
}

// Fits tells whether the signature is for a service and a region, and for now.
func (p *Presented) Fits(s Scope, now time.Time) error {
	day := p.Time.Format("20060102")
	switch {
	case p.Service != s.Service:
		return &Fault{Scoped, "Credential should be scoped to correct service: '" + s.Service + "'. "}
	case p.Region != s.Region:
		return &Fault{Scoped, "Credential should be scoped to a valid region. "}
	case p.Date != day:
		return &Fault{Scoped, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + printable(p.Date) + "' != '" + day + "', from '" + p.Time.Format(TimeFormat) + "'."}
	}
	life, unit := Life, "5 min."
	if p.Expires > 0 && p.Expires < life {
		life, unit = p.Expires, strconv.Itoa(int(p.Expires/time.Second))+" s"
	}
	now = now.UTC()
	stamp := func(t time.Time) string { return t.Format(TimeFormat) }
	switch {
	case p.Time.Before(now.Add(-life)):
		return &Fault{Untimely, "Signature expired: " + stamp(p.Time) + " is now earlier than " + stamp(now.Add(-life)) + " (" + stamp(now) + " - " + unit + ")"}
	case p.Time.After(now.Add(Life)):
		return &Fault{Untimely, "Signature not yet current: " + stamp(p.Time) + " is still later than " + stamp(now.Add(Life)) + " (" + stamp(now) + " + 5 min.)"}
	}
	return nil
}

// Verify tells whether the signature is that of the request, whose body has the
// SHA-256 hash, under the secret of the access key. It takes as long for every
// wrong signature.
func (p *Presented) Verify(in *Incoming, hash [sha256.Size]byte, secret string) error {
	rq := &Request{Method: in.Method, Path: in.Path, Query: p.query, PayloadHash: hex.EncodeToString(hash[:]), Time: p.Time}
	for _, name := range p.Signed {
		rq.Fields = append(rq.Fields, Field{name, in.value(name)})
	}
	_, want := sign(rq, secret, p.Scope)
	if subtle.ConstantTimeCompare([]byte(want), []byte(p.Signature)) == 1 {
		return nil
	}
	canonical, _ := canonicalRequest(rq, p.Service)
	digest := sha256.Sum256([]byte(canonical))
	return &Fault{Mismatched, Mismatch + "\n\nThe Canonical String for this request should have been\n'" + canonical +
		"'\n\nThe String-to-Sign should have been\n'" + stringToSign(p.Time, p.Scope, digest[:]) + "'\n"}
}

// Mismatch is what is said first of a signature that is not that of the request.
const Mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Plain is a message without what it shows of the request.
func (f *Fault) Plain() string {
	if f.Kind == Mismatched {
		return Mismatch
	}
	return f.Message
}

// value is what a signed field has, in lower case its name.
func (in *Incoming) value(name string) string {
	switch name {
	case "host":
		return in.Host
	case "content-length": // servers take it out of the fields
		if in.Length >= 0 {
			return strconv.FormatInt(in.Length, 10)
		}
		return ""
	}
	for have, values := range in.Header {
		if strings.EqualFold(have, name) {
			return strings.Join(values, ",")
		}
	}
	return ""
}
