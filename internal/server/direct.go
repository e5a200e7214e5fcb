// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/trace"
	"github.com/forelane/forelane/internal/viewer"
)

// serveDirect lets a plane behind the edge answer a viewer without an edge, as
// AWS does for an API's own address.
func serveDirect(ctx context.Context, t *trace.Tracer, rt http.RoundTripper, rq *httpmsg.Request, w viewer.Writer) {
	answerDirect(gateway.WithCaller(ctx, caller(rq)), t, rt, rq, w)
}

// answerDirect is serveDirect for a caller that ctx names.
func answerDirect(ctx context.Context, t *trace.Tracer, rt http.RoundTripper, rq *httpmsg.Request, w viewer.Writer) {
	rq.Header.Del(edge.DebugHeader) // the token is nobody's business behind here
	span := rootSpan(t, rq)
	defer span.End()
	ctx = trace.With(ctx, span)
	hr, err := httpRequest(ctx, rq)
	if err != nil {
		text(w, http.StatusBadRequest, "Bad Request\n")
		return
	}
	rs, err := rt.RoundTrip(hr)
	if err != nil {
		text(w, http.StatusBadGateway, "Bad Gateway\n")
		return
	}
	defer rs.Body.Close()
	if span.Int("http.response.status_code", int64(rs.StatusCode)); rs.StatusCode >= 500 {
		span.Fail("")
	}
	out := &httpmsg.Response{Status: rs.StatusCode, ContentLength: rs.ContentLength}
	for name, values := range rs.Header {
		for _, v := range values {
			if name != gateway.IdentityField && !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Transfer-Encoding") {
				out.Header.Add(name, v)
			}
		}
	}
	if w.Head(out) != nil || rq.Method == http.MethodHead {
		return
	}
	if err := stream(w, rs.Body); err != nil {
		w.Abort()
	}
}

// caller is the viewer as the last hop.
func caller(rq *httpmsg.Request) gateway.Caller {
	c := gateway.Caller{SourceIP: rq.Viewer.Addr.Addr().Unmap(), Protocol: rq.Proto.String(), Scheme: rq.Scheme}
	if t := rq.Viewer.TLS; t != nil {
		c.TLSVersion, c.TLSCipher, c.Mutual = t.Version, t.Cipher, t.Mutual
		if len(t.Certificates) > 0 {
			c.Certificate = t.Certificates[0]
		}
	}
	if _, port, err := net.SplitHostPort(rq.Host); err == nil {
		c.Port, _ = strconv.Atoi(port) // 0 means the scheme's own
	}
	return c
}

// stream copies a body and flushes each piece, so that what a function streams
// is seen when it comes.
func stream(w interface {
	io.Writer
	Flush() error
}, body io.Reader,
) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
			if ferr := w.Flush(); ferr != nil {
				return ferr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// httpRequest carries a viewer request over to net/http. The target stays as
// it was sent.
func httpRequest(ctx context.Context, rq *httpmsg.Request) (*http.Request, error) {
	u, err := url.ParseRequestURI(rq.Target())
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = rq.Scheme, rq.Host
	hr := (&http.Request{
		Method: rq.Method, URL: u, Host: rq.Host, Header: make(http.Header, rq.Header.Len()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: rq.ContentLength, Body: rq.Body,
	}).WithContext(ctx)
	for _, f := range rq.Header.Fields() {
		hr.Header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
	}
	return hr, nil
}

// unknownHost lists what there is, for a Host that nothing answers to.
func unknownHost(snap *Snapshot, w viewer.Writer) {
	var b strings.Builder
	b.WriteString("Nothing answers to this Host. There are:\n")
	for _, u := range snap.units {
		for _, h := range u.edge.Hosts() {
			b.WriteString("  " + h + "\n")
		}
	}
	text(w, http.StatusNotFound, b.String())
}

func text(w viewer.Writer, status int, s string) {
	rs := &httpmsg.Response{Status: status, ContentLength: int64(len(s))}
	rs.Header.Add("Content-Type", "text/plain; charset=utf-8")
	_ = w.Whole(rs, [][]byte{[]byte(s)}, nil) // the viewer is gone if this fails
}
