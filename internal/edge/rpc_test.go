// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// allMethods is what a behavior for gRPC allows.
var allMethods = []string{"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}

// message is one of gRPC's, uncompressed.
func message(text string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))
	return append(b, text...)
}

func readMessage(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, b)
	return string(b), err
}

// grpcOrigin answers calls: /echo each message, /first before it has read any,
// /refuse without a body, /break in the middle, /wait until the viewer leaves.
func grpcOrigin(seen chan<- *http.Request, left chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, rq *http.Request) {
		if seen != nil {
			seen <- rq.Clone(rq.Context())
		}
		h, flush := w.Header(), http.NewResponseController(w).Flush
		h.Set("Content-Type", "application/grpc")
		h.Set("Cache-Control", "max-age=3600")
		status := func(code, text string) {
			h.Set(http.TrailerPrefix+"Grpc-Status", code)
			h.Set(http.TrailerPrefix+"Grpc-Message", text)
		}
		switch rq.URL.Path {
		case "/t.T/refuse":
			h.Set("Grpc-Status", "5")
			h.Set("Grpc-Message", "no such thing")
			return
		case "/t.T/break":
			_, _ = w.Write(message("half")[:7])
			_ = flush()
			panic(http.ErrAbortHandler)
		case "/t.T/wait":
			_ = flush()
			<-rq.Context().Done()
			close(left)
			return
		case "/t.T/first":
			_ = flush()
			_, _ = w.Write(message("server speaks first"))
			_ = flush()
		}
		for {
			m, err := readMessage(rq.Body)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					status("13", err.Error())
					return
				}
				break
			}
			_, _ = w.Write(message("got " + m))
			_ = flush()
		}
		status("0", "fine")
	}
}

// caller is a viewer that makes calls, over one version of HTTP.
type caller struct {
	t   *testing.T
	rt  http.RoundTripper
	url string
}

// begin sends the head of a call; what is written to the pipe is its body.
func (c caller) begin(path string, fields ...string) (*io.PipeWriter, <-chan *http.Response) {
	c.t.Helper()
	r, w := io.Pipe()
	got := make(chan *http.Response, 1)
	go func() {
		defer close(got)
		rs, err := c.do(path, r, fields...)
		if err != nil {
			c.t.Errorf("%s: %v", path, err)
			_ = r.CloseWithError(err)
			return
		}
		got <- rs
	}()
	return w, got
}

func (c caller) do(path string, body io.Reader, fields ...string) (*http.Response, error) {
	rq, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+path, body)
	if err != nil {
		return nil, err
	}
	rq.Header.Set("Content-Type", "application/grpc")
	rq.Header.Set("TE", "trailers")
	for i := 0; i+1 < len(fields); i += 2 {
		rq.Header.Set(fields[i], fields[i+1])
	}
	return c.rt.RoundTrip(rq)
}

// callers are TestC15's viewers, each before an edge of its own.
func callers(t *testing.T, h http.HandlerFunc, change func(*world), f func(t *testing.T, c caller, w *world)) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	for _, m := range []struct{ name, alpn string }{{"HTTP/2.0", "h2"}, {"HTTP/3.0", http3.NextProtoH3}} {
		t.Run(m.name, func(t *testing.T) {
			url, w := wiredBy(t, &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{m.alpn}}, h, func(w *world) {
				w.dist.HTTPVersion = "http2and3"
				b := w.behavior()
				b.GRPC, b.Allowed = true, allMethods
				if change != nil {
					change(w)
				}
			})
			f(t, caller{t, transport(t, m.name, true), url}, w)
		})
	}
}

func TestC15Unary(t *testing.T) {
	seen := make(chan *http.Request, 8)
	callers(t, grpcOrigin(seen, nil), func(w *world) {
		w.behavior().OriginRequest = &model.OriginRequestPolicy{Headers: model.Selection{Mode: model.SelectList, Names: []string{"X-Listed"}}}
	}, func(t *testing.T, c caller, w *world) {
		for range 2 { // a second one is asked again: nothing is cached
			rs, err := c.do("/t.T/echo", bytes.NewReader(message("hello")), "Grpc-Timeout", "5S", "X-Listed", "1", "X-Other", "2", "Authorization", "Bearer t")
			if err != nil {
				t.Fatal(err)
			}
			m, err := readMessage(rs.Body)
			if err != nil || m != "got hello" || rs.StatusCode != 200 || rs.Header.Get("Content-Type") != "application/grpc" || rs.Header.Get("X-Cache") != "Miss from cloudfront" {
				t.Errorf("%q %v %v", m, err, rs)
			}
			rest, err := io.ReadAll(rs.Body)
			if err != nil || len(rest) > 0 || rs.Trailer.Get("Grpc-Status") != "0" || rs.Trailer.Get("Grpc-Message") != "fine" {
				t.Errorf("end: %q %v %v", rest, err, rs.Trailer)
			}
			_ = rs.Body.Close()
			rq := <-seen
			if rq.ProtoMajor != 2 || rq.Header.Get("TE") != "trailers" || rq.Header.Get("Grpc-Timeout") != "5S" || rq.Header.Get("X-Listed") != "1" ||
				rq.Header.Get("X-Other") != "" || rq.Header.Get("Authorization") != "Bearer t" || rq.Header.Get("Accept-Encoding") != "" || rq.URL.Path != "/t.T/echo" {
				t.Errorf("the origin got %s %s %v", rq.Proto, rq.URL, rq.Header)
			}
		}
		w.wg.Wait()
		r := w.lastRecord()
		if r.Request.Scheme != "grpcs" || r.Result.Type != record.Miss || r.Cache.Status != record.CacheBypass || r.Cache.Reason != record.ReasonUpgrade || r.Response.Status != 200 {
			t.Errorf("record: %+v", r)
		}
	})
}

// TestC15StreamsBothWays: each message is answered before the next is sent.
func TestC15StreamsBothWays(t *testing.T) {
	callers(t, grpcOrigin(nil, nil), nil, func(t *testing.T, c caller, w *world) {
		for _, path := range []string{"/t.T/echo", "/t.T/first"} {
			body, got := c.begin(path)
			if path == "/t.T/echo" {
				_, _ = body.Write(message("zero"))
			}
			rs := <-got
			if rs == nil {
				t.FailNow()
			}
			if m, err := readMessage(rs.Body); err != nil || m != map[string]string{"/t.T/echo": "got zero", "/t.T/first": "server speaks first"}[path] {
				t.Fatalf("%s: %q %v", path, m, err)
			}
			for i := range 50 {
				text := strings.Repeat("x", i*i*20)
				if _, err := body.Write(message(text)); err != nil {
					t.Fatal(err)
				}
				if m, err := readMessage(rs.Body); err != nil || m != "got "+text {
					t.Fatalf("message %d: %.20q %v", i, m, err)
				}
			}
			_ = body.Close()
			if rest, err := io.ReadAll(rs.Body); err != nil || len(rest) > 0 || rs.Trailer.Get("Grpc-Status") != "0" {
				t.Errorf("end: %q %v %v", rest, err, rs.Trailer)
			}
			_ = rs.Body.Close()
		}
	})
}

// TestC15AnswerWithoutBody: its status stands in the head, which has no length.
func TestC15AnswerWithoutBody(t *testing.T) {
	callers(t, grpcOrigin(nil, nil), nil, func(t *testing.T, c caller, _ *world) {
		rs, err := c.do("/t.T/refuse", bytes.NewReader(message("x")))
		if err != nil {
			t.Fatal(err)
		}
		defer rs.Body.Close()
		b, err := io.ReadAll(rs.Body)
		if err != nil || len(b) > 0 || rs.Header.Get("Grpc-Status") != "5" || rs.Header.Get("Grpc-Message") != "no such thing" || rs.Header.Get("Content-Length") != "" || len(rs.Trailer) > 0 {
			t.Errorf("%q %v %v", b, err, rs)
		}
	})
}

// TestC15BrokenOff: what the origin breaks off is no end to the viewer.
func TestC15BrokenOff(t *testing.T) {
	callers(t, grpcOrigin(nil, nil), nil, func(t *testing.T, c caller, w *world) {
		rs, err := c.do("/t.T/break", bytes.NewReader(message("x")))
		if err != nil { // a reset may overtake the head
			return
		}
		defer rs.Body.Close()
		if b, err := io.ReadAll(rs.Body); err == nil {
			t.Errorf("half a message (%q) looks whole: %v", b, rs.Trailer)
		}
	})
}

// TestC15ViewerLeaves: the origin learns that nobody waits for it.
func TestC15ViewerLeaves(t *testing.T) {
	for _, m := range []string{"body", "answer"} {
		left := make(chan struct{})
		certs := httptest.NewTLSServer(http.NotFoundHandler())
		defer certs.Close()
		t.Run(m, func(t *testing.T) {
			url, _ := wiredBy(t, &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{"h2"}}, grpcOrigin(nil, left), func(w *world) {
				w.behavior().GRPC, w.behavior().Allowed = true, allMethods
			})
			c := caller{t, transport(t, "HTTP/2.0", true), url}
			body, got := c.begin("/t.T/wait")
			rs := <-got
			if rs == nil {
				t.FailNow()
			}
			if m == "body" {
				_ = body.CloseWithError(errors.New("changed its mind"))
			} else {
				_ = rs.Body.Close()
			}
			<-left
			_ = body.Close()
			_ = rs.Body.Close()
		})
	}
}

// TestC15EdgesOwnErrors are answers of HTTP, and no custom error page.
func TestC15EdgesOwnErrors(t *testing.T) {
	callers(t, grpcOrigin(nil, nil), func(w *world) {
		w.dist.CustomErrors = []model.CustomError{{Code: 502, ResponseCode: 200, PagePath: "/oops.html"}}
		w.dist.Origins = append(w.dist.Origins, &model.Origin{ID: "down", DomainName: "127.0.0.1", HTTPPort: 1, Attempts: 1})
		b := *w.behavior()
		b.PathPattern, b.Target = "/down/*", "down"
		w.dist.Behaviors = append([]*model.Behavior{&b}, w.dist.Behaviors...)
	}, func(t *testing.T, c caller, w *world) {
		rs, err := c.do("/down/x", bytes.NewReader(message("x")))
		if err != nil {
			t.Fatal(err)
		}
		defer rs.Body.Close()
		if rs.StatusCode != 502 || rs.Header.Get("X-Cache") != "Error from cloudfront" {
			t.Errorf("%v", rs)
		}
	})
}

// TestC15WebACL: what it reads of a call's messages reaches the origin all the
// same, and what it blocks does not.
func TestC15WebACL(t *testing.T) {
	seen := make(chan *http.Request, 8)
	callers(t, grpcOrigin(seen, nil), func(w *world) {
		shieldedBy(w.t, w, "        - {Name: body, Priority: 1, Action: {Block: {}}, VisibilityConfig: {SampledRequestsEnabled: false, CloudWatchMetricsEnabled: false, MetricName: m}, "+
			"Statement: {ByteMatchStatement: {FieldToMatch: {Body: {}}, SearchString: attack, PositionalConstraint: CONTAINS, TextTransformations: [{Priority: 0, Type: NONE}]}}}\n")
	}, func(t *testing.T, c caller, _ *world) {
		for _, text := range []string{"short", strings.Repeat("long ", 10000)} {
			rs, err := c.do("/t.T/echo", bytes.NewReader(message(text)))
			if err != nil {
				t.Fatal(err)
			}
			<-seen
			if m, err := readMessage(rs.Body); err != nil || m != "got "+text {
				t.Errorf("%.20q %v", m, err)
			}
			if _, err := io.ReadAll(rs.Body); err != nil || rs.Trailer.Get("Grpc-Status") != "0" {
				t.Errorf("%v %v", err, rs.Trailer)
			}
			_ = rs.Body.Close()
		}
		rs, err := c.do("/t.T/echo", bytes.NewReader(message("an attack")))
		if err != nil {
			t.Fatal(err)
		}
		_ = rs.Body.Close()
		if rs.StatusCode != 403 || len(seen) != 0 {
			t.Errorf("%d, %d requests to the origin", rs.StatusCode, len(seen))
		}
	})
}

// TestC15OtherRequests go on as they did: other content types, and any where the
// behavior has no GrpcConfig.
func TestC15OtherRequests(t *testing.T) {
	seen := make(chan *http.Request, 8)
	for _, enabled := range []bool{true, false} {
		callers(t, func(w http.ResponseWriter, rq *http.Request) {
			seen <- rq.Clone(rq.Context())
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.Copy(w, rq.Body)
			w.Header().Set("Grpc-Status", "0")
		}, func(w *world) { w.behavior().GRPC = enabled }, func(t *testing.T, c caller, _ *world) {
			for _, content := range []string{"application/grpc-web", "application/json", "application/grpcx", "application/grpc"} {
				if enabled && content == "application/grpc" {
					continue
				}
				t.Run(fmt.Sprint(enabled, content), func(t *testing.T) {
					rs, err := c.do("/a", strings.NewReader("data"), "Content-Type", content)
					if err != nil {
						t.Fatal(err)
					}
					defer rs.Body.Close()
					b, err := io.ReadAll(rs.Body)
					if rq := <-seen; err != nil || string(b) != "data" || rq.ProtoMajor != 1 || rq.Header.Get("TE") != "" || len(rs.Trailer) > 0 {
						t.Errorf("%q %v, the origin got %s %v", b, err, rq.Proto, rq.Header)
					}
				})
			}
		})
	}
}

func TestC15ContentType(t *testing.T) {
	for text, want := range map[string]bool{
		"application/grpc": true, "Application/gRPC+proto": true, "application/grpc;charset=x": true, "application/grpc ; x": true,
		"application/grpc-web": false, "application/grpc-web+proto": false, "application/grp": false, "": false, "text/plain": false,
	} {
		if ofGRPC(text) != want {
			t.Errorf("%q is not %v", text, want)
		}
	}
}
