// SPDX-License-Identifier: Apache-2.0

package border

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

type plane func(*http.Request) (*http.Response, error)

func (p plane) RoundTrip(rq *http.Request) (*http.Response, error) { return p(rq) }

// TestPathsStayAsWritten: a plane sees the path of the viewer, byte for byte.
func TestPathsStayAsWritten(t *testing.T) {
	for _, path := range []string{"/", "/a%20b", "/a%2Fb", "/a%zz", "//a.example/b", "*"} {
		var got string
		p := plane(func(rq *http.Request) (*http.Response, error) {
			if got = rq.URL.Opaque; got == "" {
				got = rq.URL.EscapedPath()
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		})
		if err := RoundTrip(t.Context(), p, &httpmsg.Request{Method: "GET", Path: path}, new(httpmsg.Response), nil); err != nil {
			t.Fatal(err)
		}
		if got != path {
			t.Errorf("%q became %q", path, got)
		}
	}
}

func TestAnswersComeBack(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		answer       http.Response
		length       int64
		fields       string
	}{
		{
			"fields by name", "GET",
			http.Response{ContentLength: 2, Header: http.Header{"X-B": {"1", "2"}, "Etag": {"t"}, "Content-Length": {"2"}, "Transfer-Encoding": {"x"}}},
			2, "ETag: t|X-B: 1|X-B: 2",
		},
		{"the length of a HEAD", "HEAD", http.Response{ContentLength: 0, Header: http.Header{"Content-Length": {"70"}}}, 70, ""},
		{"not of a GET", "GET", http.Response{ContentLength: -1, Header: http.Header{"Content-Length": {"70"}}}, -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.answer
			in.StatusCode, in.Body = 200, io.NopCloser(strings.NewReader("hi"))
			var rs httpmsg.Response
			p := plane(func(*http.Request) (*http.Response, error) { return &in, nil })
			if err := RoundTrip(t.Context(), p, &httpmsg.Request{Method: tt.method, Path: "/"}, &rs, nil); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range rs.Header.Fields() {
				got = append(got, f.Name+": "+f.Value)
			}
			if rs.Status != 200 || rs.ContentLength != tt.length || strings.Join(got, "|") != tt.fields {
				t.Errorf("%d %d %q", rs.Status, rs.ContentLength, got)
			}
		})
	}
}

// TestInterimAnswers are told while the answer is waited for, and not behind it.
func TestInterimAnswers(t *testing.T) {
	broken := errors.New("broken")
	var late func(int, textproto.MIMEHeader) error
	p := plane(func(rq *http.Request) (*http.Response, error) {
		late = httptrace.ContextClientTrace(rq.Context()).Got1xxResponse
		return nil, errors.Join(broken, late(103, textproto.MIMEHeader{"Link": {"</a>"}}))
	})
	var told []string
	err := RoundTrip(t.Context(), p, &httpmsg.Request{Method: "GET", Path: "/"}, new(httpmsg.Response), func(rs *httpmsg.Response) {
		told = append(told, rs.Header.Get("Link"))
	})
	if !errors.Is(err, broken) || late(103, nil) != nil || len(told) != 1 || told[0] != "</a>" {
		t.Errorf("%v, told %q", err, told)
	}
}
