// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/httpspec"
)

func (c *call) beginUpload() (*http.Response, error) {
	fields, err := c.fields()
	if err != nil {
		return nil, err
	}
	id, err := c.b.Written().Begin(store.Upload{Key: c.key, Fields: fields})
	if err != nil {
		return nil, err
	}
	return bucket.AnswerXML(c.Request, struct {
		XMLName     xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
		Bucket, Key string
		UploadID    string `xml:"UploadId"`
	}{Bucket: c.b.Name(), Key: c.key, UploadID: id}), nil
}

// putPart is UploadPart and UploadPartCopy.
func (c *call) putPart(copies bool) (*http.Response, error) {
	number, err := strconv.Atoi(c.query.Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return nil, errPartNumber
	}
	id := c.query.Get("uploadId")
	if !copies {
		body, err := c.payload(maxPut)
		if err != nil {
			return nil, err
		}
		part, err := c.b.Written().PutPart(c.key, id, number, body, func(string) error { return body.verify() })
		if err != nil {
			return nil, err
		}
		rs := bucket.Answer(c.Request, http.StatusOK)
		rs.Header.Set("ETag", `"`+part.ETag+`"`)
		return rs, nil
	}
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	span := httpspec.Span{First: 0, Last: src.Size - 1}
	if r := c.Header.Get("X-Amz-Copy-Source-Range"); r != "" {
		spans, kind := httpspec.ParseRange(r, src.Size, nil)
		if kind != httpspec.RangeSatisfiable || len(spans) != 1 {
			return nil, bucket.ErrArgument
		}
		span = spans[0]
	}
	if span.Len() > maxPut {
		return nil, errTooLarge
	}
	part, err := c.b.Written().PutPart(c.key, id, number, io.NewSectionReader(src, span.First, span.Len()), nil)
	if err != nil {
		return nil, err
	}
	return copied(c.Request, "CopyPartResult", part.Modified, part.ETag), nil
}

func (c *call) completeUpload() (*http.Response, error) {
	var in struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := c.document(&in); err != nil {
		return nil, err
	}
	if len(in.Part) == 0 || len(in.Part) > maxParts {
		return nil, errMalformed
	}
	for i := 1; i < len(in.Part); i++ {
		if in.Part[i].PartNumber <= in.Part[i-1].PartNumber {
			return nil, errPartOrder
		}
	}
	when, err := c.condition()
	if err != nil {
		return nil, err
	}
	w := c.b.Written()
	u, have, err := w.Parts(c.key, c.query.Get("uploadId"))
	if err != nil {
		return nil, err
	}
	byNumber := map[int]store.Part{}
	for _, p := range have {
		byNumber[p.Number] = p
	}
	var chosen []store.Part
	for i, want := range in.Part {
		p, ok := byNumber[want.PartNumber]
		switch {
		case !ok || strings.Trim(want.ETag, `"`) != p.ETag:
			return nil, errInvalidPart
		case i < len(in.Part)-1 && p.Size < minPart:
			return nil, errTooSmall
		}
		chosen = append(chosen, p)
	}
	o, err := w.Complete(u, chosen, when)
	if err != nil {
		return nil, err
	}
	return bucket.AnswerXML(c.Request, struct {
		XMLName                     xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
		Location, Bucket, Key, ETag string
	}{Location: "http://" + c.Host + c.URL.EscapedPath(), Bucket: c.b.Name(), Key: c.key, ETag: `"` + o.ETag + `"`}), nil
}

func (c *call) abortUpload() (*http.Response, error) {
	if err := c.b.Written().Abort(c.key, c.query.Get("uploadId")); err != nil {
		return nil, err
	}
	return bucket.Answer(c.Request, http.StatusNoContent), nil
}

type partXML struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
}

// listParts lists all parts: there are at most 10,000, and callers take a page
// that is longer than they asked for only when it is cut, so it is cut.
func (c *call) listParts() (*http.Response, error) {
	most, after := 1000, 0
	for name, to := range map[string]*int{"max-parts": &most, "part-number-marker": &after} {
		if text := c.query.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return nil, bucket.ErrArgument
			}
			*to = n
		}
	}
	u, have, err := c.b.Written().Parts(c.key, c.query.Get("uploadId"))
	if err != nil {
		return nil, err
	}
	out := struct {
		XMLName                                xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
		Bucket, Key                            string
		UploadID                               string `xml:"UploadId"`
		Initiator, Owner                       *bucket.OwnerXML
		StorageClass                           string
		PartNumberMarker, NextPartNumberMarker int
		MaxParts                               int
		IsTruncated                            bool
		Part                                   []partXML
	}{
		Bucket: c.b.Name(), Key: c.key, UploadID: u.ID, Initiator: bucket.Owner(), Owner: bucket.Owner(), StorageClass: "STANDARD",
		PartNumberMarker: after, MaxParts: min(most, 1000),
	}
	for _, p := range have {
		if p.Number <= after {
			continue
		}
		if len(out.Part) >= out.MaxParts {
			out.IsTruncated = true
			break
		}
		out.Part = append(out.Part, partXML{p.Number, bucket.XMLTime(p.Modified), `"` + p.ETag + `"`, p.Size})
		out.NextPartNumberMarker = p.Number
	}
	return bucket.AnswerXML(c.Request, out), nil
}

type uploadXML struct {
	Key              string
	UploadID         string `xml:"UploadId"`
	Initiator, Owner *bucket.OwnerXML
	StorageClass     string
	Initiated        string
}

// listUploads lists the uploads under way, all at once: there are at most 1,000.
func (c *call) listUploads() (*http.Response, error) {
	all, err := c.b.Written().Uploads()
	if err != nil {
		return nil, err
	}
	out := struct {
		XMLName           xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
		Bucket, KeyMarker string
		UploadIDMarker    string `xml:"UploadIdMarker"`
		Prefix            string
		MaxUploads        int
		IsTruncated       bool
		Upload            []uploadXML
	}{Bucket: c.b.Name(), Prefix: c.query.Get("prefix"), MaxUploads: 1000}
	for _, u := range all {
		if strings.HasPrefix(u.Key, out.Prefix) {
			out.Upload = append(out.Upload, uploadXML{u.Key, u.ID, bucket.Owner(), bucket.Owner(), "STANDARD", bucket.XMLTime(u.Initiated)})
		}
	}
	return bucket.AnswerXML(c.Request, out), nil
}
