// SPDX-License-Identifier: Apache-2.0

// Package sigv4 signs requests with AWS Signature Version 4, and checks such
// signatures.
//
// The flow: (1) the caller fills a Request with what is sent, X-Amz-Date and
// X-Amz-Content-Sha256 among its fields; (2) Sign makes the canonical request,
// (3) the string to sign, (4) the key of day, region and service, and returns
// the Authorization field; Verify does the same for what came and compares.
// What viewers send is read by Present, in both forms, and checked in turn by
// Fits (where and when it is valid) and Presented.Verify (present.go).
//
//	canonical request   method \n path \n query \n fields \n names \n payload hash
//	string to sign      AWS4-HMAC-SHA256 \n time \n scope \n hash of the above
//	key                 HMAC of date, region, service, "aws4_request", one after another
//
// Source: AWS IAM User Guide, "Create a signed AWS API request".
//
// What it does not do: it reads no body, knows no clock and no credentials of
// its own, and makes no presigned URLs and no SigV4A.
//
// Concurrency: functions only.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Payload hashes that are no hash of a body.
const (
	// Unsigned says that the body is not signed. S3 takes it, Lambda does not.
	Unsigned = "UNSIGNED-PAYLOAD"
	// Empty is the hash of no body.
	Empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	// TimeFormat is the form of X-Amz-Date.
	TimeFormat = "20060102T150405Z"
)

// Credentials are who signs. They print as their key id alone.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // of temporary credentials; it is sent, and signed
}

// String tells no secret.
func (c Credentials) String() string { return "credentials of " + c.AccessKeyID }

// GoString tells no secret.
func (c Credentials) GoString() string { return c.String() }

// LogValue tells no secret.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Scope is where a signature is valid.
type Scope struct{ Region, Service string }

// Field is a header field that is signed, its name in any case.
type Field struct{ Name, Value string }

// Request is what is signed of a request.
type Request struct {
	Method string
	Path   string // as it is sent, percent-encoded
	Query  string // as it is sent
	Fields []Field
	// PayloadHash is the value of X-Amz-Content-Sha256, or of the body's SHA-256
	// in hex.
	PayloadHash string
	Time        time.Time
}

// Sign returns the Authorization field. All of rq.Fields are signed; Host and
// X-Amz-Date must be among them, and X-Amz-Security-Token with a session.
func Sign(rq *Request, c *Credentials, s Scope) string {
	names, signature := sign(rq, c.SecretAccessKey, s)
	return algorithm + " Credential=" + c.AccessKeyID + "/" + scope(rq.Time, s) +
		", SignedHeaders=" + names + ", Signature=" + signature
}

func sign(rq *Request, secret string, s Scope) (names, signature string) {
	canonical, names := canonicalRequest(rq, s.Service)
	hash := sha256.Sum256([]byte(canonical))
	return names, hex.EncodeToString(mac(key(secret, rq.Time, s), stringToSign(rq.Time, s, hash[:])))
}

func stringToSign(t time.Time, s Scope, hash []byte) string {
	return algorithm + "\n" + t.UTC().Format(TimeFormat) + "\n" + scope(t, s) + "\n" + hex.EncodeToString(hash)
}

func scope(t time.Time, s Scope) string {
	return t.UTC().Format("20060102") + "/" + s.Region + "/" + s.Service + "/" + terminator
}

func key(secret string, t time.Time, s Scope) []byte {
	k := mac([]byte("AWS4"+secret), t.UTC().Format("20060102"))
	return mac(mac(mac(k, s.Region), s.Service), terminator)
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text)) // does not fail
	return h.Sum(nil)
}

func canonicalRequest(rq *Request, service string) (text, names string) {
	fields, names := canonicalFields(rq.Fields)
	return strings.Join([]string{rq.Method, canonicalPath(rq.Path, service), canonicalQuery(rq.Query), fields, names, rq.PayloadHash}, "\n"), names
}

// canonicalFields are the lines of the fields and the list of their names.
// Fields of one name are one line; runs of spaces are one space.
func canonicalFields(in []Field) (lines, names string) {
	fields := make([]Field, 0, len(in))
	for _, f := range in {
		fields = append(fields, Field{strings.ToLower(f.Name), strings.Join(strings.Fields(f.Value), " ")})
	}
	slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	var text, list strings.Builder
	for i, f := range fields {
		if i > 0 && fields[i-1].Name == f.Name {
			text.WriteString("," + f.Value)
			continue
		}
		if i > 0 {
			text.WriteByte('\n')
			list.WriteByte(';')
		}
		text.WriteString(f.Name + ":" + f.Value)
		list.WriteString(f.Name)
	}
	return text.String() + "\n", list.String()
}

// canonicalPath encodes the path once for S3, whose keys are paths as they
// are; for all else the encoded path is put in its shortest form (no dots, no
// double slashes) and encoded once more.
func canonicalPath(path, service string) string {
	if service == "s3" {
		if plain, err := url.PathUnescape(path); err == nil {
			path = plain
		}
		return encode(path, true)
	}
	return encode(shortest(path), true)
}

// shortest is RFC 3986 6.2.2.3 with single slashes.
func shortest(path string) string {
	var kept []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, part)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if out != "/" && (strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..")) {
		out += "/"
	}
	return out
}

// canonicalQuery sorts parameters by name and value in their strict encoding.
// A plus sign is a space, as services read it.
func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{encode(unescape(name), false), encode(unescape(value), false)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p.name + "=" + p.value
	}
	return strings.Join(out, "&")
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// encode percent-encodes all but RFC 3986's unreserved characters, and slashes
// unless they are to be kept.
func encode(s string, slash bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~', c == '/' && slash:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
