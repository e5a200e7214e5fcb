// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

func TestARequestArrivesAsItWasSent(t *testing.T) {
	p := serve(t, echo, engine.Limits{}).dial()
	p.uni(settings)
	for _, tt := range []struct{ name, in, want string }{
		{"order of fields", get("GET", "/a?b=c", "x-b", "1", "x-a", "2", "x-b", "3"), "GET https a /a b=c HTTP/3.0\nx-b=1\nx-a=2\nx-b=3"},
		{"crumbs", get("GET", "/", "cookie", "a=b", "x", "y", "cookie", "c=d"), "GET https a /  HTTP/3.0\ncookie=a=b; c=d\nx=y"},
		{"static table", get("GET", "/", "accept", "*/*", "accept-encoding", "gzip, deflate, br"), "GET https a /  HTTP/3.0\naccept=*/*\naccept-encoding=gzip, deflate, br"},
		{"unknown frame before", frame(0x21, "grease") + get("GET", "/"), "GET https a /  HTTP/3.0"},
		{"unknown frame after", get("GET", "/") + frame(0x21, "grease"), "GET https a /  HTTP/3.0"},
		{"empty DATA", get("GET", "/") + frame(frameData, ""), "GET https a /  HTTP/3.0"},
		{"body", get("POST", "/") + frame(frameData, "ab") + frame(frameData, "c"), "POST https a /  HTTP/3.0\n-1 \"abc\" <nil>"},
		{"body of known length", get("POST", "/", "content-length", "3") + frame(frameData, "abc"), "POST https a /  HTTP/3.0\n3 \"abc\" <nil>"},
		{"body of a GET", get("GET", "/") + frame(frameData, "ab"), "GET https a /  HTTP/3.0\n-1 \"ab\" <nil>"},
		{"grease in a body", get("POST", "/") + frame(frameData, "ab") + frame(0x40, "xyz") + frame(frameData, "c"), "POST https a /  HTTP/3.0\n-1 \"abc\" <nil>"},
		{"trailers are dropped", get("POST", "/") + frame(frameData, "ab") + head("x", "y"), "POST https a /  HTTP/3.0\n-1 \"ab\" <nil>"},
		{"trailers without a body", get("GET", "/", "cookie", "a=b", "cookie", "c=d") + head("x", "y"), "GET https a /  HTTP/3.0\ncookie=a=b; c=d"},
		{"no body", get("POST", "/"), "POST https a /  HTTP/3.0"},
	} {
		a := p.ask(tt.in)
		if a.String() != "200" || a.body != tt.want || a.field("x-a") != "b" {
			t.Errorf("%s: %v %q", tt.name, a, a.body)
		}
	}
}

// The pieces of a request come one byte a packet.
func TestARequestInPieces(t *testing.T) {
	p := serve(t, echo, engine.Limits{}).dial()
	text := get("POST", "/a", "x", "y", "content-length", "5") + frame(frameData, "hel") + frame(frameData, "lo")
	str := p.bidi("", false)
	for i := range text {
		if _, err := io.WriteString(str, text[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = str.Close()
	if a := readAnswer(str); a.body != "POST https a /a  HTTP/3.0\nx=y\n5 \"hello\" <nil>" {
		t.Errorf("%v %q", a, a.body)
	}
}

// answers are the ways to answer, by path.
func answers(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
	rs := &httpmsg.Response{Status: 200, ContentLength: -1}
	switch rq.Path {
	case "/whole":
		_ = w.Whole(rs, [][]byte{[]byte("hel"), []byte("lo")}, nil)
	case "/large":
		_ = w.Whole(rs, [][]byte{big, big}, nil)
	case "/empty":
		_ = w.Whole(rs, nil, nil)
	case "/none":
		rs.Status = 204
		_ = w.Whole(rs, nil, nil)
	case "/not-modified":
		rs.Status, rs.ContentLength = 304, 5
		_ = w.Whole(rs, nil, nil)
	case "/status":
		rs.Status = 418
		_ = w.Whole(rs, nil, nil)
	case "/connection":
		rs.Header.Add("Connection", "close")
		rs.Header.Add("Keep-Alive", "x")
		rs.Header.Add("Server", "s")
		_ = w.Whole(rs, nil, nil)
	case "/bad-field":
		rs.Header.Add("X", "a\r\nb")
		_ = w.Whole(rs, nil, nil)
	case "/wide":
		rs.Header.Add("X-Wide", strings.Repeat("x", 20000))
		_ = w.Whole(rs, [][]byte{[]byte("hello")}, nil)
	case "/twice":
		_ = w.Whole(rs, nil, nil)
		_ = w.Whole(rs, nil, nil)
	case "/silence":
	case "/panic":
		panic("no")
	default:
		return func() { written(rq, w, rs, big) }
	}
	return nil
}

func written(rq *httpmsg.Request, w engine.Writer, rs *httpmsg.Response, big []byte) {
	switch rq.Path {
	case "/interim":
		early := &httpmsg.Response{Status: 103}
		early.Header.Add("Link", "</x>")
		_ = w.Head(early)
		_ = w.Whole(rs, [][]byte{[]byte("x")}, nil)
		return
	case "/short":
		rs.ContentLength = 10
	case "/known":
		rs.ContentLength = 5
	}
	_ = w.Head(rs)
	switch rq.Path {
	case "/write-large":
		for range 4 {
			if _, err := w.Write(big); err != nil {
				return
			}
		}
	case "/abort":
		_, _ = w.Write([]byte("part"))
		_ = w.Flush()
		w.Abort()
	default:
		_, _ = w.Write([]byte("hel"))
		_ = w.Flush()
		_, _ = w.Write([]byte("lo"))
	}
}

func TestAnswers(t *testing.T) {
	p := serve(t, answers, engine.Limits{}).dial()
	p.uni(settings)
	for _, tt := range []struct {
		method, path, want, length string
		size                       int
	}{
		{"GET", "/whole", "200", "5", 5},
		{"HEAD", "/whole", "200", "5", 0},
		{"GET", "/large", "200", "2097152", 2 << 20},
		{"GET", "/empty", "200", "0", 0},
		{"GET", "/none", "204", "", 0},
		{"GET", "/not-modified", "304", "", 0},
		{"GET", "/status", "418", "0", 0},
		{"GET", "/connection", "200", "0", 0},
		{"GET", "/bad-field", "reset H3_INTERNAL_ERROR", "", 0},
		{"GET", "/wide", "200", "5", 5},
		{"GET", "/twice", "200", "0", 0},
		{"GET", "/silence", "reset H3_INTERNAL_ERROR", "", 0},
		{"GET", "/panic", "reset H3_INTERNAL_ERROR", "", 0},
		{"GET", "/interim", "200", "1", 1},
		{"GET", "/pieces", "200", "", 5},
		{"HEAD", "/pieces", "200", "", 0},
		{"GET", "/known", "200", "5", 5},
		{"GET", "/short", "reset H3_INTERNAL_ERROR", "", -1},
		{"GET", "/abort", "reset H3_INTERNAL_ERROR", "", -1},
		{"GET", "/write-large", "200", "", 4 << 20},
	} {
		a := p.ask(get(tt.method, tt.path))
		if a.String() != tt.want || a.code == 0 && a.field("content-length") != tt.length || tt.size >= 0 && len(a.body) != tt.size {
			t.Errorf("%s %s: %v %v, %d bytes", tt.method, tt.path, a, a.fields, len(a.body))
		}
		switch tt.path {
		case "/interim":
			if strings.Join(a.interim, " ") != "103" || a.field("link") != "</x>" {
				t.Errorf("interim: %v %v", a.interim, a.fields)
			}
		case "/connection":
			if strings.Join(a.fields, ", ") != "content-length: 0, server: s" {
				t.Errorf("connection-specific fields: %v", a.fields)
			}
		}
	}
}

// RFC 9110 10.1.1: 100 is sent when the Handler wants the body, and only then.
func TestExpectContinue(t *testing.T) {
	p := serve(t, echo, engine.Limits{}).dial()
	str := p.bidi(get("POST", "/", "expect", "100-continue"), false)
	in := &source{from: str}
	if ft, n, err := in.header(); err != nil || ft != frameHeaders || n == 0 {
		t.Fatalf("%v %d %v", ft, n, err)
	} else if b, err := in.take(int(n)); err != nil || string(b) != section(":status", "100") {
		t.Fatalf("%x %v", b, err)
	}
	if _, err := io.WriteString(str, frame(frameData, "hello")); err != nil {
		t.Fatal(err)
	}
	_ = str.Close()
	if a := readAnswer(str); a.String() != "200" || !strings.Contains(a.body, `-1 "hello" <nil>`) {
		t.Errorf("%v %q", a, a.body)
	}
}
