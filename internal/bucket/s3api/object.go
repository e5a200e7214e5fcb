// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/httpspec"
)

// kept are the fields that an object is served with as it was written, besides
// its metadata.
var kept = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Expires", bucket.RedirectField}

// fields are those of the request that belong to the object.
func (c *call) fields() ([]store.Field, error) {
	var out []store.Field
	for _, name := range kept {
		v := c.Header.Get(name)
		switch {
		case name == "Content-Encoding":
			v = withoutToken(v, "aws-chunked")
		case name == "Content-Type" && v == "":
			v = "binary/octet-stream"
		case name == bucket.RedirectField && v != "" && !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "http://") && !strings.HasPrefix(v, "https://"):
			return nil, errRedirectInvalid
		}
		if v != "" {
			out = append(out, store.Field{Name: name, Value: v})
		}
	}
	size := 0
	for name, values := range c.Header {
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, "x-amz-meta-"):
			v := strings.Join(values, ",")
			size += len(lower) - len("x-amz-meta-") + len(v)
			out = append(out, store.Field{Name: lower, Value: v})
		case strings.HasPrefix(lower, "x-amz-server-side-encryption-customer"), lower == "x-amz-tagging", strings.HasPrefix(lower, "x-amz-object-lock"):
			return nil, bucket.ErrNotImplemented // better than to forget it
		}
	}
	if size > maxMetadata {
		return nil, errMetadata
	}
	slices.SortFunc(out, func(a, b store.Field) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func withoutToken(list, token string) string {
	var rest []string
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimSpace(t); t != "" && !strings.EqualFold(t, token) {
			rest = append(rest, t)
		}
	}
	return strings.Join(rest, ",")
}

// condition is what If-Match and If-None-Match of a write ask of the object
// that is there (S3 User Guide, "Conditional writes"). Nil: nothing.
func (c *call) condition() (func() error, error) {
	match, none := c.Header.Get("If-Match"), c.Header.Get("If-None-Match")
	if match == "" && none == "" {
		return nil, nil
	}
	if match != "" && none != "" || none != "" && none != "*" {
		return nil, bucket.ErrNotImplemented
	}
	return func() error {
		now, err := c.b.Object(c.key)
		if err != nil {
			return err
		}
		if now != nil {
			defer now.Close()
		}
		switch {
		case none != "" && now != nil:
			return bucket.ErrPrecondition
		case match != "" && now == nil:
			return bucket.ErrNoSuchKey.Of(c.key)
		case match != "" && httpspec.Evaluate("PUT", httpspec.Conditions{IfMatch: match}, httpspec.Validators{ETag: now.ETag}) != httpspec.Proceed:
			return bucket.ErrPrecondition
		}
		return nil
	}, nil
}

func (c *call) putObject() (*http.Response, error) {
	fields, err := c.fields()
	if err != nil {
		return nil, err
	}
	when, err := c.condition()
	if err != nil {
		return nil, err
	}
	body, err := c.payload(maxPut)
	if err != nil {
		return nil, err
	}
	o, err := c.write(body, body.verify, &store.Object{Key: c.key, Fields: fields}, when)
	if err != nil {
		return nil, err
	}
	rs := bucket.Answer(c.Request, http.StatusOK)
	rs.Header.Set("ETag", `"`+o.ETag+`"`)
	return rs, nil
}

// write makes an object of what src gives, if it is what was promised.
func (c *call) write(src io.Reader, verify func() error, o *store.Object, when func() error) (*store.Object, error) {
	d, err := c.b.Written().Draft(c.key)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(d, src); err == nil && verify != nil {
		err = verify()
	}
	if err != nil {
		return nil, errors.Join(err, d.Discard())
	}
	return o, d.Commit(o, when)
}

// source opens what x-amz-copy-source names, if the conditions about it hold.
func (c *call) source() (*bucket.Object, error) {
	raw, query, versions := strings.Cut(c.Header.Get("X-Amz-Copy-Source"), "?")
	path, err := url.PathUnescape(raw)
	if err != nil || versions && !strings.HasPrefix(query, "versionId=null") {
		return nil, bucket.ErrArgument
	}
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || key == "" {
		return nil, bucket.ErrArgument
	}
	b := c.bucket(name)
	if b == nil {
		return nil, errNoSuchBucket
	}
	o, err := b.Object(key)
	switch {
	case err != nil:
		return nil, err
	case o == nil:
		return nil, bucket.ErrNoSuchKey.Of(key)
	}
	const f = "X-Amz-Copy-Source-If-"
	outcome := httpspec.Evaluate("PUT", httpspec.Conditions{
		IfMatch: c.Header.Get(f + "Match"), IfNoneMatch: c.Header.Get(f + "None-Match"),
		IfUnmodifiedSince: c.Header.Get(f + "Unmodified-Since"),
	}, httpspec.Validators{ETag: o.ETag, LastModified: httpspec.FormatDate(o.Modified)})
	if outcome != httpspec.Proceed {
		return nil, errors.Join(bucket.ErrPrecondition, o.Close())
	}
	return o, nil
}

type copyXML struct {
	XMLName      xml.Name
	LastModified string
	ETag         string
}

func copied(rq *http.Request, name string, at time.Time, etag string) *http.Response {
	return bucket.AnswerXML(rq, copyXML{xml.Name{Space: bucket.Namespace, Local: name}, bucket.XMLTime(at), `"` + etag + `"`})
}

func (c *call) copyObject() (*http.Response, error) {
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	fields := src.Fields
	switch c.Header.Get("X-Amz-Metadata-Directive") {
	case "REPLACE":
		if fields, err = c.fields(); err != nil {
			return nil, err
		}
	case "", "COPY":
		if src.Key == c.key && strings.HasPrefix(strings.TrimPrefix(c.Header.Get("X-Amz-Copy-Source"), "/"), c.b.Name()+"/") {
			return nil, errCopyOntoItself
		}
		fields = slices.DeleteFunc(slices.Clone(fields), func(f store.Field) bool { return f.Name == bucket.RedirectField })
	default:
		return nil, bucket.ErrArgument
	}
	when, err := c.condition()
	if err != nil {
		return nil, err
	}
	if src.Size > maxPut {
		return nil, errTooLarge
	}
	o, err := c.write(io.NewSectionReader(src, 0, src.Size), nil, &store.Object{Key: c.key, Fields: fields}, when)
	if err != nil {
		return nil, err
	}
	return copied(c.Request, "CopyObjectResult", o.Modified, o.ETag), nil
}

type deleteXML struct {
	Quiet  bool
	Object []struct {
		Key     string
		Version string `xml:"VersionId"`
	}
}

type deletedXML struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []struct{ Key string }
	Error   []deleteErrorXML
}

type deleteErrorXML struct{ Key, Code, Message string }

func (c *call) deleteObjects() (*http.Response, error) {
	if c.b.Written() == nil {
		return nil, bucket.ErrMethod
	}
	var in deleteXML
	if err := c.document(&in); err != nil {
		return nil, err
	}
	if len(in.Object) == 0 || len(in.Object) > 1000 {
		return nil, errMalformed
	}
	var out deletedXML
	for _, o := range in.Object {
		var e bucket.Error
		switch {
		case o.Key == "" || len(o.Key) > bucket.MaxKey:
			e = errKeyTooLong
		case o.Version != "" && o.Version != "null":
			e = bucket.ErrNotImplemented
		default:
			if err := c.b.Delete(o.Key); err != nil {
				e = translate(err)
			}
		}
		switch {
		case e.Code != "":
			out.Error = append(out.Error, deleteErrorXML{o.Key, e.Code, e.Message})
		case !in.Quiet:
			out.Deleted = append(out.Deleted, struct{ Key string }{o.Key})
		}
	}
	return bucket.AnswerXML(c.Request, out), nil
}
