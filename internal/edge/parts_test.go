// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpspec"
)

// TestParts cuts "hello" however it arrives, and reads the outcome with the
// standard library's reader of multipart bodies.
func TestParts(t *testing.T) {
	const text = "hello, several ranges"
	size := int64(len(text))
	for _, c := range []struct {
		name  string
		spans []httpspec.Span
	}{
		{"two", []httpspec.Span{{First: 0, Last: 0}, {First: 2, Last: 3}}},
		{"adjacent", []httpspec.Span{{First: 1, Last: 4}, {First: 5, Last: 9}}},
		{"to the end", []httpspec.Span{{First: 3, Last: 3}, {First: 7, Last: 8}, {First: 20, Last: 20}}},
	} {
		for step := 1; step <= len(text); step++ {
			p := &parts{at: c.spans[0].First}
			p.Boundary, p.Type, p.Size, p.Spans = "b0undary", "text/plain", size, c.spans
			var got strings.Builder
			for at := int(c.spans[0].First); at < len(text); at += step {
				if err := p.write([]byte(text[at:min(at+step, len(text))]), func(b []byte) error {
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

func checkParts(t *testing.T, contentType, body, text string, spans []httpspec.Span) {
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
		got, size, ok := httpspec.ParseContentRange(part.Header.Get("Content-Range"))
		if string(b) != text[s.First:s.Last+1] || !ok || got != s || size != int64(len(text)) {
			t.Errorf("part %q of %v/%d, want %v", b, got, size, s)
		}
	}
	if _, err := r.NextRawPart(); err != io.EOF { //nolint:errorlint // a wrapped end is no end
		t.Errorf("behind the last part: %v", err)
	}
}
