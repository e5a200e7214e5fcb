// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpspec"
)

// RoundTrip is the REST endpoint: GET and HEAD of an object.
func (b *Bucket) RoundTrip(rq *http.Request) (*http.Response, error) {
	if rq.Body != nil {
		defer rq.Body.Close()
	}
	key, ok := objectKey(rq.URL)
	switch {
	case !ok:
		return fault(rq, errInvalidURI), nil
	case rq.Method != http.MethodGet && rq.Method != http.MethodHead:
		if !b.may(rq, "s3:PutObject", key) {
			return fault(rq, errAccessDenied), nil
		}
		return fault(rq, errMethod), nil
	case key == "": // a listing
		if !b.may(rq, "s3:ListBucket", "") {
			b.tellDenied(rq)
			return fault(rq, errAccessDenied), nil
		}
		return fault(rq, errNotImplemented), nil
	case !b.may(rq, "s3:GetObject", key):
		b.tellDenied(rq)
		return fault(rq, errAccessDenied), nil
	}
	o := b.find(key)
	if o == nil {
		// S3 tells a missing key only to those who may list (row S1).
		if !b.may(rq, "s3:ListBucket", "") {
			return fault(rq, errAccessDenied), nil
		}
		return fault(rq, errNoSuchKey.of(key)), nil
	}
	return serve(rq, o), nil
}

// objectKey is the decoded path without its first slash.
func objectKey(u *url.URL) (string, bool) {
	key, err := url.PathUnescape(u.EscapedPath())
	if err != nil {
		return "", false
	}
	return strings.TrimPrefix(key, "/"), true
}

// serve answers with o by preconditions and range, and closes o with the body.
func serve(rq *http.Request, o *object) *http.Response {
	rs := answer(rq, http.StatusOK)
	h := rs.Header
	lastModified := httpspec.FormatDate(o.mod)
	h.Set("Content-Type", o.ctype)
	h.Set("ETag", o.etag)
	h.Set("Last-Modified", lastModified)
	h.Set("Accept-Ranges", "bytes")
	v := httpspec.Validators{ETag: o.etag, LastModified: lastModified, Date: h.Get("Date")}
	c := httpspec.Conditions{
		IfMatch: rq.Header.Get("If-Match"), IfNoneMatch: rq.Header.Get("If-None-Match"),
		IfModifiedSince: rq.Header.Get("If-Modified-Since"), IfUnmodifiedSince: rq.Header.Get("If-Unmodified-Since"),
	}
	switch httpspec.Evaluate(rq.Method, c, v) {
	case httpspec.NotModified:
		_ = o.file.Close()
		rs.StatusCode, rs.ContentLength, rs.Body = http.StatusNotModified, 0, http.NoBody
		h.Del("Content-Type")
		return rs
	case httpspec.PreconditionFailed:
		_ = o.file.Close()
		return fault(rq, errPrecondition)
	case httpspec.Proceed:
	}
	span := httpspec.Span{First: 0, Last: o.size - 1}
	if r := rq.Header.Get("Range"); r != "" && rq.Method == http.MethodGet && ifRange(rq, v) {
		spans, kind := httpspec.ParseRange(r, o.size, make([]httpspec.Span, 0, 1))
		switch {
		case kind == httpspec.RangeUnsatisfiable:
			_ = o.file.Close()
			rs := fault(rq, errRange)
			rs.Header.Set("Content-Range", string(httpspec.AppendUnsatisfied(nil, o.size)))
			return rs
		case kind == httpspec.RangeSatisfiable && len(spans) == 1: // S3 answers several ranges with the whole
			span = spans[0]
			rs.StatusCode = http.StatusPartialContent
			h.Set("Content-Range", string(httpspec.AppendContentRange(nil, span, o.size)))
		}
	}
	rs.ContentLength = span.Len()
	h.Set("Content-Length", strconv.FormatInt(rs.ContentLength, 10))
	if rq.Method == http.MethodHead {
		_ = o.file.Close()
		rs.Body = http.NoBody
		return rs
	}
	rs.Body = &objectBody{io.NewSectionReader(o.read, span.First, span.Len()), o.file}
	return rs
}

func ifRange(rq *http.Request, v httpspec.Validators) bool {
	f := rq.Header.Get("If-Range")
	return f == "" || httpspec.IfRange(f, v)
}

// objectBody reads a span of a file and closes the file.
type objectBody struct {
	*io.SectionReader
	file io.Closer
}

func (o *objectBody) Close() error { return o.file.Close() }

// answer is an empty answer with the fields that every answer of S3 has.
func answer(rq *http.Request, status int) *http.Response {
	var id [8]byte
	var id2 [57]byte
	_, _ = rand.Read(id[:]) // does not fail
	_, _ = rand.Read(id2[:])
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: rq, Body: http.NoBody,
		Header: http.Header{
			"Date": {httpspec.FormatDate(time.Now())}, "Server": {"AmazonS3"},
			"X-Amz-Request-Id": {strings.ToUpper(hex.EncodeToString(id[:]))},
			"X-Amz-Id-2":       {base64.StdEncoding.EncodeToString(id2[:])},
		},
	}
}

// s3Error is one of S3's error answers (S3 API Reference, "Error responses").
type s3Error struct {
	status int
	code   string
	msg    string
	key    string
}

func (e s3Error) of(key string) s3Error {
	e.key = key
	return e
}

var (
	errAccessDenied   = s3Error{status: 403, code: "AccessDenied", msg: "Access Denied"}
	errNoSuchKey      = s3Error{status: 404, code: "NoSuchKey", msg: "The specified key does not exist."}
	errInvalidURI     = s3Error{status: 400, code: "InvalidURI", msg: "Couldn't parse the specified URI."}
	errMethod         = s3Error{status: 405, code: "MethodNotAllowed", msg: "The specified method is not allowed against this resource."}
	errNotImplemented = s3Error{status: 501, code: "NotImplemented", msg: "A header you provided implies functionality that is not implemented"}
	errPrecondition   = s3Error{status: 412, code: "PreconditionFailed", msg: "At least one of the pre-conditions you specified did not hold"}
	errRange          = s3Error{status: 416, code: "InvalidRange", msg: "The requested range is not satisfiable"}
)

// fault is S3's XML error answer.
func fault(rq *http.Request, e s3Error) *http.Response {
	rs := answer(rq, e.status)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<Error><Code>%s</Code><Message>%s</Message>", e.code, escape(e.msg))
	if e.key != "" {
		fmt.Fprintf(&b, "<Key>%s</Key>", escape(e.key))
	}
	fmt.Fprintf(&b, "<RequestId>%s</RequestId><HostId>%s</HostId></Error>", rs.Header.Get("X-Amz-Request-Id"), rs.Header.Get("X-Amz-Id-2"))
	return withBody(rq, rs, "application/xml", b.Bytes())
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

func withBody(rq *http.Request, rs *http.Response, ctype string, body []byte) *http.Response {
	rs.Header.Set("Content-Type", ctype)
	rs.ContentLength = int64(len(body))
	if rq.Method != http.MethodHead {
		rs.Body = io.NopCloser(bytes.NewReader(body))
	}
	return rs
}
