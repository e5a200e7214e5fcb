// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

var (
	errTooLarge = errors.New("body above the limit")
	errTimeout  = errors.New("no response within the integration's timeout")
)

// httpProxy passes the request on to a URL and its response back. Bodies
// stream both ways; the timeout is for the response's head.
type httpProxy struct {
	client   http.RoundTripper
	uri      uriTemplate
	method   string // empty: the viewer's
	timeout  time.Duration
	rest     bool
	stream   bool
	wholeURL bool // $default: the request's path goes behind the URI's
	arn      bool // the target is behind a VPC link: it sees the request's host and path, stage included
	request  requestMapping
	response []statusMapping
}

// uriTemplate is a URI with {variables}.
type uriTemplate []uriPart

type uriPart struct {
	text     string // literal text, or the variable's name
	variable bool
	place    uriPlace // where the variable stands
}

type uriPlace uint8

const (
	uriHost uriPlace = iota
	uriPath
	uriQuery
)

func parseURI(uri string) (uriTemplate, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("integration URI %q: want http:// or https://", uri)
	}
	var t uriTemplate
	text := scheme + "://"
	place := uriHost
	for rest != "" {
		i := strings.IndexByte(rest, '{')
		j := strings.IndexByte(rest, '}')
		if i < 0 || j < i {
			text += rest
			break
		}
		text += rest[:i]
		switch {
		case strings.Contains(rest[:i], "?"):
			place = uriQuery
		case place == uriHost && strings.Contains(rest[:i], "/"):
			place = uriPath
		}
		t = append(t, uriPart{text: text}, uriPart{strings.TrimSuffix(rest[i+1:j], "+"), true, place})
		text, rest = "", rest[j+1:]
	}
	if text != "" {
		t = append(t, uriPart{text: text})
	}
	return t, nil
}

// expand writes the values in, so that they stay in their place: a viewer
// chooses neither another host, nor a query string from within the path, nor
// a second parameter from within the first.
func (t uriTemplate) expand(value func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for _, p := range t {
		if !p.variable {
			b.WriteString(p.text)
			continue
		}
		v, ok := value(p.text)
		if !ok {
			return "", faultf(FaultConfig, "integration URI: nothing gives {%s} a value", p.text)
		}
		if p.place == uriHost && strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" {
			return "", faultf(FaultConfig, "integration URI: the value of {%s} is no host name", p.text)
		}
		switch p.place {
		case uriPath:
			v = escapePath(v)
		case uriQuery:
			v = url.QueryEscape(unescapePath(v))
		case uriHost:
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// escapePath encodes what would end a path or is not allowed in one, and leaves
// slashes and what is encoded already.
func escapePath(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		bad := c <= ' ' || c >= 0x7f || strings.IndexByte("?#\"<>\\^`{|}", c) >= 0 ||
			c == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]))
		if bad && b == nil {
			b = append(make([]byte, 0, len(s)+8), s[:i]...)
		}
		switch {
		case bad:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		case b != nil:
			b = append(b, c)
		}
	}
	if b == nil {
		return s
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// Run sends the request and returns the response, its body still arriving.
func (h *httpProxy) Run(ctx context.Context, c *Call) (*Answer, error) {
	if c.Kept != nil {
		c.closeBody()
		return c.Kept.answer(), nil
	}
	if c.Length > c.limit() {
		c.closeBody()
		return nil, &Fault{Kind: FaultTooLarge}
	}
	if h.request.needsBody() {
		body, err := c.readBody()
		if err != nil {
			return nil, err
		}
		if err := h.request.apply(c, body); err != nil {
			return nil, err
		}
		c.Body, c.Length = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
	} else if err := h.request.apply(c, nil); err != nil {
		c.closeBody()
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := h.outgoing(ctx, c)
	if err != nil {
		cancel(nil)
		c.closeBody()
		return nil, err
	}
	begun := time.Now()
	timer := time.AfterFunc(h.timeout, func() { cancel(errTimeout) })
	resp, err := h.client.RoundTrip(req)
	timer.Stop()
	if err != nil {
		defer cancel(nil)
		return nil, proxyFault(ctx, err)
	}
	c.answered(resp)
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, Length: resp.ContentLength}
	a.Body = &closer{resp.Body, func() { cancel(nil) }}
	dropHop(a.Header)
	a.Header.Del("Content-Length")
	if err := a.retain(c); err != nil {
		fault := proxyFault(ctx, err)
		_ = a.Body.Close() // the answer is already a fault
		return nil, fault
	}
	if h.stream {
		a.Body = newStream(a.Body, begun, h.timeout, c.API.idle())
	}
	return mapResponse(h.response, c, a)
}

func proxyFault(ctx context.Context, err error) *Fault {
	switch {
	case errors.Is(err, errTooLarge):
		return &Fault{FaultTooLarge, err}
	case errors.Is(context.Cause(ctx), errTimeout):
		return &Fault{FaultTimeout, errTimeout}
	case ctx.Err() != nil:
		return &Fault{FaultGone, err}
	}
	return &Fault{FaultConnect, err}
}

// outgoing makes the request to the target.
func (h *httpProxy) outgoing(ctx context.Context, c *Call) (*http.Request, error) {
	target, err := h.target(c)
	if err != nil {
		return nil, err
	}
	method := h.method
	if method == "" {
		method = c.Method
	}
	var body io.ReadCloser
	if c.Body != nil && c.Body != http.NoBody && c.Length != 0 {
		body = &limited{c.Body, c.limit()}
	}
	out := c.ownHeader()
	dropHop(out)
	out.Del("Content-Length")
	out.Del("Host")
	h.ownHeaders(out, c)
	req := (&http.Request{
		Method: method, URL: target, Host: target.Host, Header: out,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: body, ContentLength: c.Length,
	}).WithContext(ctx)
	if body == nil {
		req.ContentLength = 0
		c.closeBody()
	}
	return req, nil
}

func (h *httpProxy) target(c *Call) (*url.URL, error) {
	s := &scope{call: c}
	raw, err := h.uri.expand(func(name string) (string, bool) {
		if h.rest { // a REST API says where each variable comes from
			for _, r := range h.request {
				if r.place == inPathVar && r.name == name {
					return r.value.eval(s)
				}
			}
			return "", false
		}
		return exprPart{requestPathVar, name}.eval(s)
	})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return nil, faultf(FaultConfig, "invalid endpoint address %q", raw)
	}
	if h.arn {
		u.Host = c.Domain
	}
	switch {
	case c.pathMapped:
		setPath(u, c.mappedPath)
	case h.arn:
		setPath(u, c.Path)
	case h.wholeURL:
		setPath(u, strings.TrimSuffix(u.EscapedPath(), "/")+c.RoutePath)
	case u.Path == "":
		u.Path = "/"
	}
	if c.Query != "" {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += c.Query
	}
	return u, nil
}

// setPath sets a path that is still percent-encoded.
func setPath(u *url.URL, escaped string) {
	escaped = escapePath(escaped)
	if !strings.HasPrefix(escaped, "/") {
		escaped = "/" + escaped
	}
	u.Path, u.RawPath = unescapePath(escaped), escaped
}

// ownHeaders adds what API Gateway adds: a REST API writes X-Forwarded-*, an
// HTTP API turns them into Forwarded ("important notes" of the guide).
func (h *httpProxy) ownHeaders(out http.Header, c *Call) {
	for _, name := range [...]string{"Expect", "Te", "Trailer", "Proxy-Authenticate", "Proxy-Authorization"} {
		out.Del(name)
	}
	out["X-Amzn-Trace-Id"] = []string{c.TraceID}
	if h.rest {
		out["X-Forwarded-For"] = []string{c.forwardedFor()}
		out["X-Forwarded-Port"] = []string{c.port()}
		out["X-Forwarded-Proto"] = []string{c.scheme()}
		out["X-Amzn-Apigateway-Api-Id"] = []string{c.API.ID}
		out.Del("Via")
		if out["User-Agent"] == nil {
			out["User-Agent"] = []string{"AmazonAPIGateway_" + c.API.ID}
		}
		return
	}
	var b strings.Builder
	for ip := range strings.SplitSeq(c.forwardedFor(), ",") {
		b.WriteString("for=" + forwardedNode(strings.TrimSpace(ip)) + ";")
	}
	b.WriteString("host=" + c.Domain + ";proto=" + c.scheme())
	out["Forwarded"] = append(out["Forwarded"], b.String())
	for _, name := range [...]string{"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Host"} {
		out.Del(name)
	}
	out["Via"] = append(out["Via"], "HTTP/1.1 AmazonAPIGateway")
	if out["User-Agent"] == nil {
		out["User-Agent"] = []string{""} // none came in, none goes out
	}
}

// forwardedNode is an address as RFC 7239 section 6 writes it.
func forwardedNode(ip string) string {
	addr, err := netip.ParseAddr(ip)
	switch {
	case err != nil:
		return "unknown"
	case addr.Is6():
		return `"[` + addr.String() + `]"`
	}
	return addr.String()
}

// dropHop removes the fields that belong to one connection.
func dropHop(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range [...]string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "Trailer", "Te"} {
		h.Del(name)
	}
}

// limited fails when more than the limit comes through.
type limited struct {
	io.ReadCloser
	left int64
}

// Read reads on, up to the limit.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
