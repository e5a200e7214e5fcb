// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpspec"
)

// RoundTrip is the REST endpoint: GET and HEAD of an object, and listings.
func (b *Bucket) RoundTrip(rq *http.Request) (*http.Response, error) {
	if rq.Body != nil {
		defer rq.Body.Close()
	}
	key, ok := objectKey(rq.URL)
	switch {
	case !ok:
		return ErrInvalidURI.Answer(rq), nil
	case rq.Method != http.MethodGet && rq.Method != http.MethodHead:
		if !b.may(rq, "s3:PutObject", key) {
			return ErrAccessDenied.Answer(rq), nil
		}
		return ErrMethod.Answer(rq), nil
	case key == "":
		if !b.may(rq, "s3:ListBucket", "") {
			b.tellDenied(rq)
			return ErrAccessDenied.Answer(rq), nil
		}
		return b.AnswerList(rq), nil
	case !b.may(rq, "s3:GetObject", key):
		b.tellDenied(rq)
		return ErrAccessDenied.Answer(rq), nil
	}
	o, err := b.find(key)
	if err != nil {
		return nil, err
	}
	if o == nil {
		// S3 tells a missing key only to those who may list (row S1).
		if !b.may(rq, "s3:ListBucket", "") {
			return ErrAccessDenied.Answer(rq), nil
		}
		return ErrNoSuchKey.Of(key).Answer(rq), nil
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
	for _, f := range o.fields {
		h[f.Name] = []string{f.Value} // metadata has small letters, as S3 sends it
	}
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
		return ErrPrecondition.Answer(rq)
	case httpspec.Proceed:
	}
	span := httpspec.Span{First: 0, Last: o.size - 1}
	if r := rq.Header.Get("Range"); r != "" && rq.Method == http.MethodGet && ifRange(rq, v) {
		spans, kind := httpspec.ParseRange(r, o.size, make([]httpspec.Span, 0, 1))
		switch {
		case kind == httpspec.RangeUnsatisfiable:
			_ = o.file.Close()
			rs := ErrRange.Answer(rq)
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

func withBody(rq *http.Request, rs *http.Response, ctype string, body []byte) *http.Response {
	rs.Header.Set("Content-Type", ctype)
	rs.ContentLength = int64(len(body))
	if rq.Method != http.MethodHead {
		rs.Body = io.NopCloser(bytes.NewReader(body))
	}
	return rs
}
