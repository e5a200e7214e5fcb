// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/model"
)

// nodeOf has buckets and counts who holds them.
type nodeOf struct {
	all  []*bucket.Bucket
	held int
}

func (n *nodeOf) Buckets() ([]*bucket.Bucket, func()) {
	n.held++
	return n.all, func() { n.held-- }
}

// newNode has the bucket "site" over a folder, and "other", which is empty.
func newNode(t *testing.T, files map[string]string) *nodeOf {
	t.Helper()
	dir, data := t.TempDir(), t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n := &nodeOf{}
	for _, m := range []*model.Bucket{
		{LogicalID: "Site", Name: "site", Region: "eu-west-1", Content: []model.Content{{Dir: dir}}}, {LogicalID: "Other", Name: "other", Region: "us-east-1"},
	} {
		b, err := bucket.Open(m, store.New(filepath.Join(data, m.Name), nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		n.all = append(n.all, b)
	}
	t.Cleanup(func() {
		if n.held != 0 {
			t.Errorf("%d answers did not let go of the buckets", n.held)
		}
	})
	return n
}

// ask sends one call; fields are "Name: value".
func ask(t *testing.T, n Node, method, target, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	rq := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:9900/s3"+target, strings.NewReader(body))
	for _, f := range fields {
		name, v, _ := strings.Cut(f, ": ")
		if name == "Host" {
			rq.Host = v
			continue
		}
		rq.Header.Set(name, v)
	}
	w := httptest.NewRecorder()
	New(n, Options{}).ServeHTTP(w, rq)
	rs := w.Result()
	text, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs, string(text)
}

func must(t *testing.T, n Node, status int, method, target, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	rs, text := ask(t, n, method, target, body, fields...)
	if rs.StatusCode != status {
		t.Fatalf("%s %s: %d %s, want %d", method, target, rs.StatusCode, text, status)
	}
	return rs, text
}

// list lists the bucket site.
func list(t *testing.T, n Node, query string) string {
	t.Helper()
	_, text := must(t, n, 200, "GET", "/site?list-type=2&"+query, "")
	var keys []string
	for _, m := range regexp.MustCompile(`<(Key|Prefix)>([^<]*)</`).FindAllStringSubmatch(strings.SplitN(text, "<KeyCount>", 2)[1], -1) {
		keys = append(keys, m[2])
	}
	return strings.Join(keys, " ")
}

func TestObjectsAreWrittenOverContents(t *testing.T) {
	n := newNode(t, map[string]string{"index.html": "from the folder", "old.txt": "old"})
	must(t, n, 200, "PUT", "/site/index.html", "written", "Content-Type: text/x-a", "Cache-Control: max-age=60", "X-Amz-Meta-Who: me", "Content-Encoding: gzip,aws-chunkedish")
	rs, text := must(t, n, 200, "GET", "/site/index.html", "")
	sum := md5.Sum([]byte("written"))
	if text != "written" || rs.Header.Get("Content-Type") != "text/x-a" || rs.Header.Get("Cache-Control") != "max-age=60" ||
		!hasField(rs, "x-amz-meta-who") || rs.Header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` {
		t.Errorf("%q %v", text, rs.Header)
	}
	if rs, text := must(t, n, 206, "GET", "/site/index.html", "", "Range: bytes=2-3"); text != "it" || rs.Header.Get("Content-Range") != "bytes 2-3/7" {
		t.Errorf("%q %v", text, rs.Header)
	}
	if rs, _ := must(t, n, 200, "HEAD", "/site/index.html", ""); rs.Header.Get("Content-Length") != "7" {
		t.Errorf("%v", rs.Header)
	}
	must(t, n, 304, "GET", "/site/index.html", "", "If-None-Match: "+rs.Header.Get("ETag"))
	must(t, n, 204, "DELETE", "/site/old.txt", "")
	must(t, n, 204, "DELETE", "/site/never", "")
	must(t, n, 404, "GET", "/site/old.txt", "")
	if got := list(t, n, ""); got != "index.html" {
		t.Errorf("keys %s", got)
	}
	must(t, n, 204, "DELETE", "/site/index.html", "")
	if rs, text := must(t, n, 404, "GET", "/site/index.html", ""); !strings.Contains(text, "<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>index.html</Key>") || rs.Header.Get("Content-Type") != "application/xml" {
		t.Errorf("%s", text)
	}
	must(t, n, 200, "PUT", "/site/old.txt", "")
	if got := list(t, n, ""); got != "old.txt" {
		t.Errorf("keys %s", got)
	}
}

// hasField tells a field by its spelling: metadata has small letters.
func hasField(rs *http.Response, name string) bool {
	_, ok := rs.Header[name]
	return ok
}

func TestListObjects(t *testing.T) {
	n := newNode(t, map[string]string{"a.txt": "", "a/1": "", "a/2": "", "a/b/c": "", "a0": "", "z": ""})
	for _, key := range []string{"a/1", "a/15", "b%20c/%C3%A9+x", "w/x"} {
		must(t, n, 200, "PUT", "/site/"+key, "text")
	}
	must(t, n, 204, "DELETE", "/site/a/2", "")
	all := "a.txt a/1 a/15 a/b/c a0 b c/é&#43;x w/x z"
	for query, want := range map[string]string{
		"":                         all,
		"prefix=a/":                "a/1 a/15 a/b/c",
		"prefix=a/b/":              "a/b/c",
		"prefix=q":                 "",
		"delimiter=/":              "a.txt a0 z a/ b c/ w/",
		"delimiter=/&prefix=a/":    "a/1 a/15 a/b/",
		"delimiter=/&prefix=a":     "a.txt a0 a/",
		"start-after=a/15":         "a/b/c a0 b c/é&#43;x w/x z",
		"start-after=zz":           "",
		"encoding-type=url":        "a.txt a/1 a/15 a/b/c a0 b+c/%C3%A9%2Bx w/x z",
		"max-keys=0":               "",
		"fetch-owner=true&prefix=": all,
	} {
		if got := list(t, n, query); strings.ReplaceAll(got, "&#43;", "+") != strings.ReplaceAll(want, "&#43;", "+") {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"", "delimiter=/&", "prefix=a&", "prefix=a/&delimiter=/&"} {
		for size := 1; size <= 4; size++ {
			if got, want := pages(t, n, query, size), list(t, n, query); !sameWords(got, want) {
				t.Errorf("%s by %d: %s, want %s", query, size, got, want)
			}
		}
	}
	_, text := must(t, n, 200, "GET", "/site?delimiter=/&max-keys=2&marker=a.txt", "")
	for _, want := range []string{"<Marker>a.txt</Marker>", "<NextMarker>a0</NextMarker>", "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>", "<IsTruncated>true</IsTruncated>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
	if _, text := must(t, n, 200, "GET", "/site?delimiter=/&marker=a/", ""); strings.Contains(text, "a/") && strings.Contains(text, "<Prefix>a/") {
		t.Errorf("a common prefix is told again: %s", text)
	}
	for _, query := range []string{"list-type=3", "max-keys=x", "max-keys=-1", "list-type=2&continuation-token=!", "encoding-type=base64", "prefix=" + strings.Repeat("a", 1025)} {
		must(t, n, 400, "GET", "/site?"+query, "")
	}
	must(t, n, 501, "GET", "/site?acl", "")
}

func sameWords(a, b string) bool {
	count := map[string]int{}
	for w := range strings.FieldsSeq(a) {
		count[w]++
	}
	for w := range strings.FieldsSeq(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func pages(t *testing.T, n Node, query string, size int) string {
	t.Helper()
	var out []string
	token := ""
	for range 50 {
		q := fmt.Sprintf("%smax-keys=%d", query, size)
		if token != "" {
			q += "&continuation-token=" + token
		}
		out = append(out, list(t, n, q))
		_, text := must(t, n, 200, "GET", "/site?list-type=2&"+q, "")
		m := regexp.MustCompile(`<NextContinuationToken>([^<]*)<`).FindStringSubmatch(text)
		if m == nil {
			return strings.Join(out, " ")
		}
		token = m[1]
	}
	t.Fatal("pages without end")
	return ""
}

func TestBodiesAreChecked(t *testing.T) {
	n := newNode(t, nil)
	sum := md5.Sum([]byte("data"))
	good, bad := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, 16))
	hash := sha256.Sum256([]byte("data"))
	const chunked = "4\r\ndata\r\n0\r\nx-amz-checksum-crc32:rfPzYw==\r\n\r\n"
	streaming := []string{"X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding: aws-chunked", "X-Amz-Trailer: x-amz-checksum-crc32"}
	for _, tt := range []struct {
		name, body string
		fields     []string
		status     int
		code       string
	}{
		{"md5", "data", []string{"Content-MD5: " + good}, 200, ""},
		{"wrong md5", "data", []string{"Content-MD5: " + bad}, 400, "BadDigest"},
		{"no md5", "data", []string{"Content-MD5: x"}, 400, "InvalidDigest"},
		{"sha256", "data", []string{"X-Amz-Content-Sha256: " + hex.EncodeToString(hash[:])}, 200, ""},
		{"wrong sha256", "data!", []string{"X-Amz-Content-Sha256: " + hex.EncodeToString(hash[:])}, 400, "XAmzContentSHA256Mismatch"},
		{"crc32", "data", []string{"X-Amz-Checksum-Crc32: rfPzYw=="}, 200, ""},
		{"wrong crc32", "date", []string{"X-Amz-Checksum-Crc32: rfPzYw=="}, 400, "BadDigest"},
		{"unknown checksum", "data", []string{"X-Amz-Checksum-Rot13: x"}, 501, "NotImplemented"},
		{"chunked", chunked, append(streaming, "X-Amz-Decoded-Content-Length: 4"), 200, ""},
		{"chunked, wrong checksum", strings.Replace(chunked, "data", "date", 1), append(streaming, "X-Amz-Decoded-Content-Length: 4"), 400, "BadDigest"},
		{"chunked, no checksum", "4\r\ndata\r\n0\r\n\r\n", append(streaming, "X-Amz-Decoded-Content-Length: 4"), 400, "BadDigest"},
		{"chunked, shorter than said", chunked, append(streaming, "X-Amz-Decoded-Content-Length: 5"), 400, "IncompleteBody"},
		{"chunked, longer than said", chunked, append(streaming, "X-Amz-Decoded-Content-Length: 3"), 400, "IncompleteBody"},
		{"chunked, no length", chunked, streaming, 411, "MissingContentLength"},
		{"no chunks", "data\r\n", append(streaming, "X-Amz-Decoded-Content-Length: 4"), 400, "InvalidRequest"},
		{"too large", "", append(streaming, "X-Amz-Decoded-Content-Length: 5368709121"), 400, "EntityTooLarge"},
		{"trailer without chunks", "data", []string{"X-Amz-Trailer: x-amz-checksum-crc32"}, 400, "InvalidRequest"},
		{"metadata", "data", []string{"X-Amz-Meta-A: " + strings.Repeat("x", 3000)}, 400, "MetadataTooLarge"},
		{"customer's keys", "data", []string{"X-Amz-Server-Side-Encryption-Customer-Algorithm: AES256"}, 501, "NotImplemented"},
		{"redirect", "data", []string{"X-Amz-Website-Redirect-Location: javascript:x"}, 400, "InvalidRedirectLocation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			must(t, n, 204, "DELETE", "/other/k", "")
			_, text := must(t, n, tt.status, "PUT", "/other/k", tt.body, tt.fields...)
			if tt.status != 200 {
				if !strings.Contains(text, "<Code>"+tt.code+"</Code>") {
					t.Errorf("%s", text)
				}
				must(t, n, 404, "GET", "/other/k", "")
				return
			}
			rs, text := must(t, n, 200, "GET", "/other/k", "")
			if text != "data" || rs.Header.Get("Content-Encoding") != "" {
				t.Errorf("%q %v", text, rs.Header)
			}
		})
	}
}

func TestConditionalWrites(t *testing.T) {
	n := newNode(t, map[string]string{"below": "x"})
	rs, _ := must(t, n, 200, "PUT", "/site/k", "1", "If-None-Match: *")
	must(t, n, 412, "PUT", "/site/k", "2", "If-None-Match: *")
	must(t, n, 412, "PUT", "/site/below", "2", "If-None-Match: *")
	must(t, n, 412, "PUT", "/site/k", "2", `If-Match: "x"`)
	must(t, n, 404, "PUT", "/site/none", "2", `If-Match: "x"`)
	must(t, n, 501, "PUT", "/site/k", "2", `If-None-Match: "x"`)
	must(t, n, 200, "PUT", "/site/k", "2", "If-Match: "+rs.Header.Get("ETag"))
	if _, text := must(t, n, 200, "GET", "/site/k", ""); text != "2" {
		t.Errorf("%q", text)
	}
}

func TestCopies(t *testing.T) {
	n := newNode(t, map[string]string{"a b.txt": "from the folder"})
	must(t, n, 200, "PUT", "/site/k", "data", "X-Amz-Meta-A: b", "Content-Type: text/x-a")
	must(t, n, 200, "PUT", "/other/copy", "", "X-Amz-Copy-Source: /site/k")
	if rs, text := must(t, n, 200, "GET", "/other/copy", ""); text != "data" || rs.Header.Get("Content-Type") != "text/x-a" || !hasField(rs, "x-amz-meta-a") {
		t.Errorf("%q %v", text, rs.Header)
	}
	_, text := must(t, n, 200, "PUT", "/site/copy", "", "X-Amz-Copy-Source: site/a%20b.txt", "X-Amz-Metadata-Directive: REPLACE", "Content-Type: text/x-b")
	if !strings.Contains(text, "<CopyObjectResult") || !strings.Contains(text, "<LastModified>") {
		t.Errorf("%s", text)
	}
	if rs, text := must(t, n, 200, "GET", "/site/copy", ""); text != "from the folder" || rs.Header.Get("Content-Type") != "text/x-b" {
		t.Errorf("%q %v", text, rs.Header)
	}
	must(t, n, 200, "PUT", "/site/k", "", "X-Amz-Copy-Source: site/k", "X-Amz-Metadata-Directive: REPLACE", "Content-Type: text/x-c")
	must(t, n, 400, "PUT", "/site/k", "", "X-Amz-Copy-Source: site/k")
	must(t, n, 404, "PUT", "/site/k", "", "X-Amz-Copy-Source: site/none")
	must(t, n, 404, "PUT", "/site/k", "", "X-Amz-Copy-Source: none/k")
	must(t, n, 400, "PUT", "/site/k", "", "X-Amz-Copy-Source: site")
	must(t, n, 412, "PUT", "/site/l", "", "X-Amz-Copy-Source: site/k", `X-Amz-Copy-Source-If-Match: "x"`)
}

func TestDeleteObjects(t *testing.T) {
	n := newNode(t, map[string]string{"a": "", "b": "", "c": ""})
	must(t, n, 200, "PUT", "/site/d", "")
	body := `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object><Object><Key>d</Key></Object><Object><Key></Key></Object></Delete>`
	_, text := must(t, n, 200, "POST", "/site?delete", body)
	if !strings.Contains(text, "<Deleted><Key>a</Key></Deleted><Deleted><Key>d</Key></Deleted><Error>") {
		t.Errorf("%s", text)
	}
	_, text = must(t, n, 200, "POST", "/site?delete", `<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>`)
	if strings.Contains(text, "Deleted>") {
		t.Errorf("%s", text)
	}
	if got := list(t, n, ""); got != "c" {
		t.Errorf("keys %s", got)
	}
	for _, body := range []string{"", "<Delete></Delete>", "<Delete><Object>", "<Delete>" + strings.Repeat("<Object><Key>x</Key></Object>", 1001) + "</Delete>"} {
		must(t, n, 400, "POST", "/site?delete", body)
	}
}

func TestMultipart(t *testing.T) {
	n := newNode(t, nil)
	_, text := must(t, n, 200, "POST", "/other/big?uploads", "", "Content-Type: video/mp4")
	id := regexp.MustCompile(`<UploadId>([0-9a-f]{32})</UploadId>`).FindStringSubmatch(text)[1]
	if _, text := must(t, n, 200, "GET", "/other?uploads", ""); !strings.Contains(text, "<Key>big</Key><UploadId>"+id) {
		t.Errorf("%s", text)
	}
	part := bytes.Repeat([]byte("p"), minPart)
	rs, _ := must(t, n, 200, "PUT", "/other/big?partNumber=1&uploadId="+id, string(part))
	one := rs.Header.Get("ETag")
	must(t, n, 200, "PUT", "/other/src", "0123456789")
	_, text = must(t, n, 200, "PUT", "/other/big?partNumber=2&uploadId="+id, "", "X-Amz-Copy-Source: /other/src", "X-Amz-Copy-Source-Range: bytes=2-4")
	two := regexp.MustCompile(`<ETag>([^<]*)<`).FindStringSubmatch(text)[1]
	if _, text := must(t, n, 200, "GET", "/other/big?uploadId="+id+"&max-parts=1", ""); strings.Count(text, "<Part>") != 1 || !strings.Contains(text, "<NextPartNumberMarker>1<") || !strings.Contains(text, "<IsTruncated>true<") {
		t.Errorf("%s", text)
	}
	must(t, n, 400, "PUT", "/other/big?partNumber=0&uploadId="+id, "x")
	must(t, n, 400, "PUT", "/other/big?partNumber=10001&uploadId="+id, "x")
	must(t, n, 404, "PUT", "/other/big?partNumber=1&uploadId="+strings.Repeat("0", 32), "x")
	must(t, n, 404, "PUT", "/other/another?partNumber=1&uploadId="+id, "x")
	list := func(parts ...string) string {
		var b strings.Builder
		for _, p := range parts {
			n, tag, _ := strings.Cut(p, " ")
			b.WriteString("<Part><ETag>" + tag + "</ETag><PartNumber>" + n + "</PartNumber></Part>")
		}
		return "<CompleteMultipartUpload>" + b.String() + "</CompleteMultipartUpload>"
	}
	for name, tt := range map[string][2]string{
		"order": {list("2 "+two, "1 "+one), "InvalidPartOrder"}, "twice": {list("1 "+one, "1 "+one), "InvalidPartOrder"},
		"unknown": {list("3 " + one), "InvalidPart"}, "tag": {list("1 " + two), "InvalidPart"}, "none": {list(), "MalformedXML"}, "no xml": {"x", "MalformedXML"},
	} {
		if _, text := must(t, n, 400, "POST", "/other/big?uploadId="+id, tt[0]); !strings.Contains(text, "<Code>"+tt[1]+"</Code>") {
			t.Errorf("%s: %s", name, text)
		}
	}
	small, _ := must(t, n, 200, "PUT", "/other/big?partNumber=1&uploadId="+id, "small")
	if _, text := must(t, n, 400, "POST", "/other/big?uploadId="+id, list("1 "+small.Header.Get("ETag"), "2 "+two)); !strings.Contains(text, "EntityTooSmall") {
		t.Errorf("%s", text)
	}
	must(t, n, 200, "PUT", "/other/big?partNumber=1&uploadId="+id, string(part))
	must(t, n, 200, "POST", "/other/big?uploadId="+id, list("1 "+one, "2 "+two), "X-Amz-Checksum-Crc64nvme: of-the-object")
	rs, _ = must(t, n, 200, "HEAD", "/other/big", "")
	if rs.Header.Get("Content-Length") != fmt.Sprint(minPart+3) || !strings.HasSuffix(rs.Header.Get("ETag"), `-2"`) || rs.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%v", rs.Header)
	}
	must(t, n, 404, "DELETE", "/other/big?uploadId="+id, "")
	_, text = must(t, n, 200, "POST", "/other/big?uploads", "")
	id = regexp.MustCompile(`<UploadId>([0-9a-f]{32})<`).FindStringSubmatch(text)[1]
	must(t, n, 204, "DELETE", "/other/big?uploadId="+id, "")
	must(t, n, 404, "POST", "/other/big?uploadId="+id, list("1 "+one))
}

func TestBucketsAndRefusals(t *testing.T) {
	n := newNode(t, nil)
	if _, text := must(t, n, 200, "GET", "/", ""); !strings.Contains(text, "<Bucket><Name>site</Name>") || !strings.Contains(text, "<Bucket><Name>other</Name>") {
		t.Errorf("%s", text)
	}
	if _, text := must(t, n, 200, "GET", "/site?location", ""); !strings.Contains(text, ">eu-west-1</LocationConstraint>") {
		t.Errorf("%s", text)
	}
	if _, text := must(t, n, 200, "GET", "/other?location", ""); !strings.Contains(text, "></LocationConstraint>") {
		t.Errorf("%s", text)
	}
	if rs, _ := must(t, n, 200, "HEAD", "/site", ""); rs.Header.Get("X-Amz-Bucket-Region") != "eu-west-1" {
		t.Errorf("%v", rs.Header)
	}
	for _, tt := range []struct {
		method, target string
		fields         []string
		status         int
		code           string
	}{
		{"GET", "/none", nil, 404, "NoSuchBucket"},
		{"GET", "/none/key", nil, 404, "NoSuchBucket"},
		{"HEAD", "/none", nil, 404, ""},
		{"PUT", "/site", nil, 409, "BucketAlreadyOwnedByYou"},
		{"DELETE", "/site", nil, 403, "AccessDenied"},
		{"POST", "/", nil, 405, "MethodNotAllowed"},
		{"PUT", "/site/k?acl", nil, 501, "NotImplemented"},
		{"GET", "/site/k?tagging", nil, 501, "NotImplemented"},
		{"PATCH", "/site/k", nil, 501, "NotImplemented"},
		{"PUT", "/site/" + strings.Repeat("k", 1025), nil, 400, "KeyTooLongError"},
		{"PUT", "/site/%ff", nil, 400, "InvalidURI"},
		{"GET", "/site/k", []string{"Host: evil.example"}, 403, "AccessDenied"},
		{"PUT", "/site/k", []string{"Origin: http://evil.example"}, 403, "AccessDenied"},
	} {
		if _, text := must(t, n, tt.status, tt.method, tt.target, "", tt.fields...); !strings.Contains(text, tt.code) {
			t.Errorf("%s %s: %s", tt.method, tt.target, text)
		}
	}
	must(t, n, 200, "PUT", "/site/../../etc/x", "y")
	if _, text := must(t, n, 200, "GET", "/site/../../etc/x", ""); text != "y" {
		t.Errorf("%q", text)
	}
}

func TestMineIsWhatIsSignedForS3(t *testing.T) {
	for _, tt := range []struct {
		path, authorization string
		want                bool
	}{
		{"/s3", "", true},
		{"/s3/b/k", "", true},
		{"/s3x", "", false},
		{"/b/k", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0", true},
		{"/2020-05-31/distribution", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/cloudfront/aws4_request, SignedHeaders=host, Signature=0", false},
		{"/v1/status", "", false},
		{"/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", "", true},
		{"/b/k?X-Amz-Credential=A%2F20260101%2Fus-east-1%2Flambda%2Faws4_request", "", false},
	} {
		rq := httptest.NewRequest("GET", tt.path, nil)
		rq.Header.Set("Authorization", tt.authorization)
		if got := Mine(rq); got != tt.want {
			t.Errorf("%s %s: %v", tt.path, tt.authorization, got)
		}
	}
}

func TestSecretMustSign(t *testing.T) {
	n := newNode(t, nil)
	w := httptest.NewRecorder()
	New(n, Options{Secret: "x"}).ServeHTTP(w, httptest.NewRequest("GET", "/s3/", nil))
	if w.Code != 403 || !strings.Contains(w.Body.String(), "SignatureDoesNotMatch") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestUnsignedOnLoopbackOnly(t *testing.T) {
	n := newNode(t, nil)
	for addr, want := range map[string]int{"127.0.0.1": 200, "::1": 200, "192.0.2.1": 403} {
		rq := httptest.NewRequest("GET", "http://192.0.2.1/s3/", nil)
		rq = rq.WithContext(context.WithValue(rq.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(addr)}))
		w := httptest.NewRecorder()
		New(n, Options{}).ServeHTTP(w, rq)
		if w.Code != want {
			t.Errorf("%s: %d", addr, w.Code)
		}
	}
}

func FuzzListParameters(f *testing.F) {
	f.Add("list-type=2&prefix=a&delimiter=/&max-keys=2")
	f.Add("marker=%00&max-keys=1&encoding-type=url")
	f.Add("list-type=2&continuation-token=YQ==")
	b, err := bucket.Open(&model.Bucket{Name: "site", Content: []model.Content{{Dir: "."}}}, store.New(f.TempDir(), nil), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		rq := httptest.NewRequest("GET", "http://127.0.0.1/s3/site", nil)
		rq.URL.RawQuery = query
		w := httptest.NewRecorder()
		New(&nodeOf{all: []*bucket.Bucket{b}}, Options{}).ServeHTTP(w, rq)
		if w.Code == 500 || w.Code == 200 && strings.Count(w.Body.String(), "<Contents>") > 1000 {
			t.Errorf("%s: %d", query, w.Code)
		}
	})
}
