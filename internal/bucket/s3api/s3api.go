// SPDX-License-Identifier: Apache-2.0

// Package s3api answers the calls of the S3 API that `aws s3 ls`, `cp`, `mv`,
// `rm` and `sync` make, for the buckets of a node, on its admin side.
//
// The flow: (1) Mine tells what is meant for S3: a request that is signed for
// the service s3, or one below /s3/; (2) guard refuses what a web page could
// have sent; (3) the bucket and the key are read from the path; (4) method and
// sub-resource name the call, and everything unknown is "not implemented"; (5)
// the call reads the body through its checks (payload.go) into the bucket's
// store, and answers in S3's XML.
//
//	ListBuckets  HeadBucket  GetBucketLocation  ListObjectsV2  ListObjects
//	GetObject  HeadObject  PutObject  CopyObject  DeleteObject  DeleteObjects
//	CreateMultipartUpload  UploadPart  UploadPartCopy  CompleteMultipartUpload
//	AbortMultipartUpload  ListParts  ListMultipartUploads
//
// What it does not do: without a Secret it checks no signature: it takes
// whoever reaches it for the owner, and then answers at loopback addresses only.
// With one, the pieces of an aws-chunked body are not checked by theirs. It
// makes no buckets, has no versions, no ACLs, no tags, and drops nothing from the edge's
// cache: that is what an invalidation is for, as with CloudFront.
//
// Concurrency: the handler may be called by many at once.
package s3api

import (
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/sigv4"
)

// Node has the buckets.
type Node interface {
	// Buckets are those of now; they stay open until release.
	Buckets() (all []*bucket.Bucket, release func())
}

// Options of the calls.
type Options struct {
	// Secret is the secret access key that requests must be signed with, under
	// whatever key id. Empty: signatures are not checked, and connections that
	// did not come to a loopback address are refused.
	Secret string
}

// Mine tells whether a request is meant for S3.
func Mine(rq *http.Request) bool {
	if rq.URL.Path == "/s3" || strings.HasPrefix(rq.URL.Path, prefix) {
		return true
	}
	c, ok := sigv4.Parse(rq.Header.Get("Authorization"))
	return ok && c.Service == "s3" || strings.Contains(rq.URL.RawQuery, "X-Amz-Credential=") && presigned(rq.URL)
}

const prefix = "/s3/"

// presigned tells an URL that `aws s3 presign` made. Its signature and its end
// are not looked at; with a Secret it is refused.
func presigned(u *url.URL) bool {
	return strings.HasSuffix(u.Query().Get("X-Amz-Credential"), "/s3/aws4_request")
}

// New makes the handler.
func New(n Node, o Options) http.Handler {
	return &api{n, o, time.Now()}
}

type api struct {
	node  Node
	o     Options
	begun time.Time
}

// call is one request.
type call struct {
	*http.Request
	b     *bucket.Bucket
	all   []*bucket.Bucket
	key   string
	query url.Values
}

// ServeHTTP answers.
func (a *api) ServeHTTP(w http.ResponseWriter, rq *http.Request) {
	rs := a.answer(rq)
	defer rs.Body.Close()
	h := w.Header()
	for name, values := range rs.Header {
		h[name] = values
	}
	if rs.StatusCode != http.StatusNoContent && rs.StatusCode != http.StatusNotModified {
		h.Set("Content-Length", strconv.FormatInt(rs.ContentLength, 10))
	}
	w.WriteHeader(rs.StatusCode)
	_, _ = io.Copy(w, rs.Body) // the caller is gone, or sees that it is too short
}

// Inside answers a call from within the process, which nobody guards, at another
// path than the request's. The caller closes the answer's body.
func Inside(n Node, rq *http.Request, path string) *http.Response {
	in := rq.Clone(rq.Context())
	in.URL.Path, in.URL.RawPath = path, path // read by its encoded form alone
	if plain, err := url.PathUnescape(path); err == nil {
		in.URL.Path = plain
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	return (&api{node: n, begun: time.Now()}).serve(in)
}

func (a *api) answer(rq *http.Request) *http.Response {
	if err := a.guard(rq); err != nil {
		return fault(rq, err)
	}
	return a.serve(rq)
}

func (a *api) serve(rq *http.Request) *http.Response {
	c := &call{Request: rq}
	name, key, ok := target(rq.URL)
	var err error
	if c.query, err = url.ParseQuery(rq.URL.RawQuery); err != nil || !ok {
		return fault(rq, bucket.ErrInvalidURI)
	}
	all, release := a.node.Buckets()
	if name == "" {
		defer release()
		return a.listBuckets(rq, all)
	}
	c.all, c.key = all, key
	if c.b = c.bucket(name); c.b == nil {
		release()
		return fault(rq, errNoSuchBucket)
	}
	rs := c.answer()
	rs.Body = &releasing{rs.Body, release}
	return rs
}

// bucket is the one of a name, or nil.
func (c *call) bucket(name string) *bucket.Bucket {
	for _, b := range c.all {
		if b.Name() == name {
			return b
		}
	}
	return nil
}

// releasing lets go of the buckets once the answer is sent.
type releasing struct {
	io.ReadCloser
	release func()
}

func (r *releasing) Close() error {
	defer r.release()
	return r.ReadCloser.Close()
}

// guard refuses who may not call.
func (a *api) guard(rq *http.Request) error {
	if rq.Header.Get("Origin") != "" {
		return errWebPage
	}
	if a.o.Secret != "" {
		if err := sigv4.Verify(rq, a.o.Secret, time.Now()); err != nil {
			return errSignature
		}
		return nil
	}
	if to, ok := rq.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && !to.IP.IsLoopback() {
		return errUnsigned
	}
	host := rq.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && host != "localhost" {
		return errWebPage
	}
	return nil
}

// target reads bucket and key of a path.
func target(u *url.URL) (name, key string, ok bool) {
	path := u.EscapedPath()
	if rest, cut := strings.CutPrefix(path, prefix); cut || path == "/s3" {
		path = "/" + rest
		if !cut {
			path = "/"
		}
	}
	name, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	name, err := url.PathUnescape(name)
	if err != nil {
		return "", "", false
	}
	key, err = url.PathUnescape(key)
	return name, key, err == nil && utf8.ValidString(key)
}

// answer finds the call by method and sub-resource.
func (c *call) answer() *http.Response {
	rs, err := c.dispatch()
	if err != nil {
		return fault(c.Request, err)
	}
	return rs
}

func (c *call) dispatch() (*http.Response, error) {
	if c.key == "" {
		return c.ofBucket()
	}
	if len(c.key) > bucket.MaxKey {
		return nil, errKeyTooLong
	}
	sub := c.sub("uploads", "uploadId", "partNumber")
	_, copies := c.Header["X-Amz-Copy-Source"]
	writes := c.Method == http.MethodPut || c.Method == http.MethodPost || c.Method == http.MethodDelete
	if writes && c.b.Written() == nil {
		return nil, bucket.ErrMethod
	}
	switch c.Method + " " + sub {
	case "GET ", "HEAD ":
		return c.b.AnswerObject(c.Request, c.key), nil
	case "PUT ":
		if copies {
			return c.copyObject()
		}
		return c.putObject()
	case "DELETE ":
		if err := c.b.Delete(c.key); err != nil {
			return nil, err
		}
		return bucket.Answer(c.Request, http.StatusNoContent), nil
	case "POST uploads":
		return c.beginUpload()
	case "PUT uploadId partNumber":
		return c.putPart(copies)
	case "POST uploadId":
		return c.completeUpload()
	case "DELETE uploadId":
		return c.abortUpload()
	case "GET uploadId":
		return c.listParts()
	}
	return nil, bucket.ErrNotImplemented
}

// sub names the sub-resources of a request, in the order of known; "?" stands
// for those that are not known.
func (c *call) sub(known ...string) string {
	var found []string
	for _, k := range known {
		if c.query.Has(k) {
			found = append(found, k)
		}
	}
	rest := len(c.query) - len(found)
	for name := range c.query {
		if name == "x-id" || strings.HasPrefix(name, "X-Amz-") {
			rest--
		}
	}
	parts := c.Method == http.MethodGet && c.query.Has("uploadId") // listed by pages
	if rest > 0 && !parts {
		found = append(found, "?")
	}
	return strings.Join(found, " ")
}

func (c *call) ofBucket() (*http.Response, error) {
	_, deletes := c.query["delete"]
	switch {
	case c.Method == http.MethodHead:
		rs := bucket.Answer(c.Request, http.StatusOK)
		rs.Header.Set("X-Amz-Bucket-Region", c.b.Region())
		return rs, nil
	case c.Method == http.MethodGet && c.query.Has("location"):
		return bucket.AnswerXML(c.Request, location(c.b.Region())), nil
	case c.Method == http.MethodGet && c.query.Has("versioning"):
		return bucket.AnswerXML(c.Request, struct {
			XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ VersioningConfiguration"`
		}{}), nil
	case c.Method == http.MethodGet && c.query.Has("uploads"):
		return c.listUploads()
	case c.Method == http.MethodGet:
		return c.b.AnswerList(c.Request), nil
	case c.Method == http.MethodPost && deletes:
		return c.deleteObjects()
	case c.Method == http.MethodPut && len(c.query) == 0:
		return nil, errExists
	case c.Method == http.MethodDelete && len(c.query) == 0:
		return nil, errTemplates
	}
	return nil, bucket.ErrNotImplemented
}

type locationXML struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Region  string   `xml:",chardata"`
}

func location(region string) locationXML {
	if region == "us-east-1" {
		region = ""
	}
	return locationXML{Region: region}
}

type bucketXML struct{ Name, CreationDate string }

func (a *api) listBuckets(rq *http.Request, all []*bucket.Bucket) *http.Response {
	if rq.Method != http.MethodGet && rq.Method != http.MethodHead {
		return fault(rq, bucket.ErrMethod)
	}
	out := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Owner   *bucket.OwnerXML
		Buckets []bucketXML `xml:"Buckets>Bucket"`
	}{Owner: bucket.Owner()}
	for _, b := range all {
		out.Buckets = append(out.Buckets, bucketXML{b.Name(), bucket.XMLTime(a.begun)})
	}
	return bucket.AnswerXML(rq, out)
}

// fault is the answer for an error; one that is not S3's is internal.
func fault(rq *http.Request, err error) *http.Response {
	var e bucket.Error
	if !errors.As(err, &e) {
		e = translate(err)
	}
	return e.Answer(rq)
}
