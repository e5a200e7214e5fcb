// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

// TestCutter cuts "hello" however it arrives, and reads the outcome with the
// standard library's reader of multipart bodies.
func TestCutter(t *testing.T) {
	const text = "hello, several ranges"
	size := int64(len(text))
	for _, c := range []struct {
		name  string
		spans []Span
	}{
		{"two", []Span{{First: 0, Last: 0}, {First: 2, Last: 3}}},
		{"adjacent", []Span{{First: 1, Last: 4}, {First: 5, Last: 9}}},
		{"to the end", []Span{{First: 3, Last: 3}, {First: 7, Last: 8}, {First: 20, Last: 20}}},
	} {
		for step := 1; step <= len(text); step++ {
			p := &Cutter{}
			p.Boundary, p.Type, p.Size, p.Spans = "b0undary", "text/plain", size, c.spans
			var got strings.Builder
			for at := int(c.spans[0].First); at < len(text); at += step {
				if err := p.Write([]byte(text[at:min(at+step, len(text))]), func(b []byte) error {
					_, err := got.Write(b)
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			if n := int64(got.Len()); n != p.Length() {
				t.Fatalf("%s in steps of %d: %d bytes, Length says %d", c.name, step, n, p.Length())
			}
			checkParts(t, p.ContentType(), got.String(), text, c.spans)
		}
	}
}

func checkParts(t *testing.T, contentType, body, text string, spans []Span) {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for _, s := range spans {
		part, err := r.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		got, size, ok := ParseContentRange(part.Header.Get("Content-Range"))
		if string(b) != text[s.First:s.Last+1] || !ok || got != s || size != int64(len(text)) {
			t.Errorf("part %q of %v/%d, want %v", b, got, size, s)
		}
	}
	if _, err := r.NextRawPart(); err != io.EOF { //nolint:errorlint // a wrapped end is no end
		t.Errorf("behind the last part: %v", err)
	}
}

// FuzzCutter cuts what ParseRange reads; the standard library must find it.
func FuzzCutter(f *testing.F) {
	f.Add("bytes=0-0,2-3,-1", 21, 3)
	f.Add("bytes=0-,20-", 21, 1)
	f.Fuzz(func(t *testing.T, field string, size, step int) {
		if size < 1 || size > 1<<12 || step < 1 {
			return
		}
		text := strings.Repeat("ranges ", size/7+1)[:size]
		spans, kind := ParseRange(field, int64(size), nil)
		if kind != RangeSatisfiable || !Ascending(spans) {
			return
		}
		c := &Cutter{Multipart: Multipart{Boundary: "b0undary", Size: int64(size), Spans: spans}}
		var got strings.Builder
		for at := int(spans[0].First); at < size; at += min(step, size) {
			if err := c.Write([]byte(text[at:min(at+min(step, size), size)]), func(b []byte) error {
				_, err := got.Write(b)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if n := int64(got.Len()); n != c.Length() {
			t.Fatalf("%d bytes, Length says %d", n, c.Length())
		}
		checkParts(t, c.ContentType(), got.String(), text, spans)
	})
}
