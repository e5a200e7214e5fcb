// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

func seed(f *testing.F) {
	for _, v := range vectors {
		if len(v.in) < 4096 {
			f.Add([]byte(v.in), uint16(len(v.in)/2))
		}
	}
	f.Add([]byte(browser), uint16(100))
}

// outcome is what parse makes of b, as text.
func outcome(p parser, b []byte) (string, int) {
	var rq httpmsg.Request
	var h head
	n, why := p.parse(b, &rq, &h)
	if why != ReasonNone {
		return why.String(), 0
	}
	if n == 0 {
		return "", 0
	}
	return fmt.Sprint(dump(&rq), h), n
}

// FuzzParse: a head is complete where it ends and nowhere before, and what is
// refused early is refused for the same reason late.
func FuzzParse(f *testing.F) {
	seed(f)
	limits := engine.Limits{Head: 600, Target: 100, Fields: 10}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		p := parser{limits: &limits, scheme: "http"}
		whole, n := outcome(p, in)
		if n > limits.Head || n > len(in) {
			t.Fatalf("a head of %d bytes", n)
		}
		at := min(int(cut), len(in))
		part := slices.Clip(slices.Clone(in[:at])) // reading on would be seen
		switch got, m := outcome(p, part); {
		case got == "" && n > 0 && at >= n:
			t.Errorf("complete at %d, but not with %d bytes: %q", n, at, in)
		case got != "" && (got != whole || m != n):
			t.Errorf("%q with %d bytes, %q with all: %q", got, at, whole, in)
		}
	})
}

// FuzzCuts: a conversation goes the same way however its bytes are cut.
func FuzzCuts(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		limits := engine.Limits{Head: 2000, Target: 500, Fields: 20}
		want := play(t, string(in), 0, limits)
		if got := play(t, string(in), 1+int(cut%64), limits); !slices.Equal(got, want) {
			t.Errorf("%q\ncut by %d: %q\nwhole: %q", in, 1+cut%64, got, want)
		}
	})
}

// FuzzChunks: what the chunk reader accepts, net/http's reader takes for the
// same data.
func FuzzChunks(f *testing.F) {
	for _, v := range vectors {
		if _, body, ok := strings.Cut(v.in, te); ok && len(body) < 4096 {
			f.Add([]byte(body), uint16(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		s := New(later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			var got []byte
			buf := make([]byte, 1+cut%100)
			for {
				n, err := rq.Body.Read(buf)
				got = append(got, buf[:n]...)
				if n > 0 && err == nil {
					continue
				}
				if errors.Is(err, io.EOF) {
					want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%q read as %q, by net/http as %q, %v", in, got, want, err)
					}
				} else if err == nil {
					t.Errorf("%q: nothing read", in)
				}
				break
			}
			_ = w.Whole(response(200, 0, "Connection", "close"), nil, nil)
		}), Options{})
		s.Serve(t.Context(), &script{in: append([]byte(post+te), in...), cut: int(cut % 9)}, Peer{})
	})
}

// stricter are the differences to net/http that are meant: messages that
// net/http takes and this package refuses, by reason, and why.
var stricter = map[string]string{
	"bare-lf":           "net/http takes a lone LF for a line end (RFC 9112 2.2 allows it)",
	"bare-cr":           "net/http lets a CR through in values that its server checks later",
	"request-line":      "net/http splits at the first and the last space, and passes over no empty line",
	"target":            "fragments, bytes beyond ASCII, schemes that are not the connection's, forms without a slash",
	"connect":           "net/http leaves CONNECT to its handler",
	"version":           "net/http leaves HTTP/0.x and 1.x above 1.1 to its server",
	"major-version":     "net/http leaves HTTP/2 and above to its server",
	"method":            "net/http reads the whole line first",
	"fold":              "net/http joins folded lines (RFC 9112 5.2 allows it)",
	"field-value":       "net/http's reader leaves values to its server",
	"field-name":        "net/http's reader leaves the names with odd bytes to its server",
	"field-space":       "net/http's reader leaves names with a space to its server",
	"host":              "net/http's reader takes any number of Hosts, and sub-delims in them",
	"content-length":    "net/http takes equal lengths twice, and 19 digits",
	"transfer-encoding": "net/http ignores a coding on HTTP/1.0",
	"framing":           "net/http drops Content-Length beside Transfer-Encoding (RFC 9112 6.3 allows it)",
	"expect":            "net/http leaves expectations to its server",
	"target-size":       "a bound of this package",
	"head-size":         "a bound of this package",
	"fields":            "a bound of this package",
}

// FuzzDifferential compares one message with what net/http makes of it. Only
// the differences of stricter are allowed, and these in what both accept:
// net/http takes Pragma: no-cache for Cache-Control; it joins nothing else.
func FuzzDifferential(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte, _ uint16) {
		limits := engine.Defaults()
		p := parser{limits: &limits, scheme: "http"}
		var rq httpmsg.Request
		var h head
		n, why := p.parse(in, &rq, &h)
		r := bufio.NewReader(bytes.NewReader(in))
		hr, err := http.ReadRequest(r)
		switch {
		case why != ReasonNone:
			if _, ok := stricter[why.String()]; !ok && err == nil {
				t.Errorf("refused for %s, net/http takes it: %q", why, in)
			}
			return
		case n == 0:
			// net/http may take a head that ends in LF LF; ours waits for CRLF.
			if err == nil && bytes.Contains(in, []byte("\r\n\r\n")) && !bytes.Contains(in, []byte("\n\n")) {
				t.Errorf("not complete, net/http takes it: %q", in)
			}
			return
		case err != nil:
			t.Errorf("taken, net/http refuses it: %v: %q", err, in)
			return
		}
		compare(t, in[:n], &rq, hr)
		rest := len(in) - n
		if h.length == 0 && r.Buffered() != min(rest, 4096-n) && n < 4096 && len(in) < 4096 {
			t.Errorf("ends elsewhere: %d bytes left, net/http has %d: %q", rest, r.Buffered(), in)
		}
	})
}

func compare(t *testing.T, in []byte, rq *httpmsg.Request, hr *http.Request) {
	t.Helper()
	if rq.Method != hr.Method || rq.Host != hr.Host || rq.ContentLength != hr.ContentLength {
		t.Errorf("%s %q %d, net/http: %s %q %d: %q", rq.Method, rq.Host, rq.ContentLength, hr.Method, hr.Host, hr.ContentLength, in)
	}
	if want := pathOf(hr); rq.Path != want {
		t.Errorf("path %q, net/http: %q: %q", rq.Path, want, in)
	}
	if rq.Query != hr.URL.RawQuery {
		t.Errorf("query %q, net/http: %q: %q", rq.Query, hr.URL.RawQuery, in)
	}
	if (rq.Proto == httpmsg.HTTP10) != (hr.ProtoMinor == 0) {
		t.Errorf("version %s, net/http: %s: %q", rq.Proto, hr.Proto, in)
	}
	got, want := map[string][]string{}, map[string][]string{}
	for _, f := range rq.Header.Fields() {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		got[name] = append(got[name], f.Value)
	}
	for name, values := range hr.Header {
		want[name] = values
	}
	delete(want, "Content-Length")
	if hr.Trailer != nil || got["Trailer"] != nil { // net/http keeps it elsewhere
		delete(got, "Trailer")
		delete(want, "Trailer")
	}
	if got["Cache-Control"] == nil && got["Pragma"] != nil {
		delete(want, "Cache-Control")
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("fields %q, net/http: %q: %q", got, want, in)
	}
}

// pathOf is the path as it was sent, of either form.
func pathOf(hr *http.Request) string {
	path, _, _ := strings.Cut(hr.RequestURI, "?")
	if i := strings.Index(path, "://"); i > 0 && path[0] != '/' {
		_, path, _ = strings.Cut(path[i+3:], "/")
		path = "/" + path
		if hr.Method == "OPTIONS" && hr.URL.Path == "" && hr.URL.RawQuery == "" && !hr.URL.ForceQuery {
			path = "*"
		}
	}
	return path
}
