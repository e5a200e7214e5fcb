// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxKey is the longest key, in bytes.
const MaxKey = 1024

// listXML is the answer of ListObjectsV2 and ListObjects; what the other has is
// left out by omitempty and pointers.
type listXML struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Xmlns                 string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Marker                *string
	NextMarker            string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              *int
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []contentXML
	CommonPrefixes        []prefixXML
}

type contentXML struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	Owner        *OwnerXML
}

type prefixXML struct{ Prefix string }

// OwnerXML is who owns everything here.
type OwnerXML struct{ ID, DisplayName string }

// Owner is the only owner.
func Owner() *OwnerXML { return &OwnerXML{"forelane", "forelane"} }

// XMLTime is how S3 writes times in documents.
func XMLTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// listParams are what a listing may be asked with; x-id names the call.
var listParams = []string{"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "marker", "encoding-type", "fetch-owner", "x-id"}

// AnswerList answers ListObjectsV2 (list-type=2) and ListObjects.
func (b *Bucket) AnswerList(rq *http.Request) *http.Response {
	in, err := url.ParseQuery(rq.URL.RawQuery)
	if err != nil {
		return ErrInvalidURI.Answer(rq)
	}
	for name := range in {
		if !slices.Contains(listParams, name) && !strings.HasPrefix(name, "X-Amz-") {
			return ErrNotImplemented.Answer(rq)
		}
	}
	q, out, ok := listQuery(in)
	if !ok {
		return ErrArgument.Answer(rq)
	}
	got := &Listing{}
	if q.Max > 0 {
		if got, err = b.List(q); err != nil {
			b.log.Error("a bucket cannot be listed", "bucket", b.m.LogicalID, "error", err)
			return ErrInternal.Answer(rq)
		}
	}
	out.fill(b.m.Name, q, got, in.Get("fetch-owner") == "true" || out.Marker != nil)
	return AnswerXML(rq, out)
}

// listQuery reads the parameters of a listing.
func listQuery(in url.Values) (q ListQuery, out *listXML, ok bool) {
	q = ListQuery{Prefix: in.Get("prefix"), Delimiter: in.Get("delimiter"), Max: 1000}
	out = &listXML{EncodingType: in.Get("encoding-type")}
	if out.EncodingType != "" && out.EncodingType != "url" {
		return q, out, false
	}
	if text := in.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return q, out, false
		}
		q.Max = min(n, 1000)
	}
	out.MaxKeys = q.Max
	if len(q.Prefix) > MaxKey || len(q.Delimiter) > MaxKey {
		return q, out, false
	}
	switch v := in.Get("list-type"); v {
	case "", "1":
		marker := in.Get("marker")
		out.Marker = &marker
		q.From = behindMarker(q, marker)
		return q, out, len(marker) <= MaxKey
	case "2":
		out.StartAfter, out.ContinuationToken = in.Get("start-after"), in.Get("continuation-token")
		if out.StartAfter != "" {
			q.From = out.StartAfter + "\x00"
		}
		if out.ContinuationToken != "" {
			from, err := base64.URLEncoding.DecodeString(out.ContinuationToken)
			if err != nil || len(from) == 0 {
				return q, out, false
			}
			q.From = string(from)
		}
		return q, out, len(q.From) <= MaxKey+1
	}
	return q, out, false
}

// behindMarker is where ListObjects goes on: a marker that is a common prefix
// was told with all keys below it.
func behindMarker(q ListQuery, marker string) string {
	if marker == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(marker, q.Prefix); ok && q.Delimiter != "" && strings.HasSuffix(rest, q.Delimiter) {
		return behind(marker)
	}
	return marker + "\x00"
}

// fill writes what was found.
func (out *listXML) fill(name string, q ListQuery, got *Listing, owner bool) {
	code := func(s string) string { return s }
	if out.EncodingType == "url" {
		code = func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }
	}
	out.Xmlns, out.Name = Namespace, name
	out.Prefix, out.Delimiter, out.StartAfter = code(q.Prefix), code(q.Delimiter), code(out.StartAfter)
	for _, e := range got.Entries {
		c := contentXML{Key: code(e.Key), LastModified: XMLTime(e.Modified), ETag: e.ETag, Size: e.Size, StorageClass: "STANDARD"}
		if owner {
			c.Owner = Owner()
		}
		out.Contents = append(out.Contents, c)
	}
	for _, p := range got.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, prefixXML{code(p)})
	}
	out.IsTruncated = got.Next != ""
	if out.Marker == nil {
		n := len(got.Entries) + len(got.Prefixes)
		out.KeyCount = &n
		if got.Next != "" {
			out.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(got.Next))
		}
		return
	}
	*out.Marker = code(*out.Marker)
	if got.Next != "" {
		out.NextMarker = code(got.last())
	}
}

// last is the last key or common prefix of a page.
func (l *Listing) last() string {
	last := ""
	if n := len(l.Entries); n > 0 {
		last = l.Entries[n-1].Key
	}
	if n := len(l.Prefixes); n > 0 {
		last = max(last, l.Prefixes[n-1])
	}
	return last
}
