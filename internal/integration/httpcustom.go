// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// httpCustom asks a URL with what the mappings say, and no more of the
// viewer's request than its content type.
type httpCustom struct {
	client http.RoundTripper
	uri    uriTemplate
	method string // empty: the viewer's
}

func compileHTTPCustom(in *model.Integration, stage *Stage, d Deps) (*httpCustom, error) {
	uri, err := substitute(in.URI, stage)
	if err != nil {
		return nil, err
	}
	client, uri, err := d.private(in, uri, stage)
	if err != nil {
		return nil, err
	}
	h := &httpCustom{client: client}
	if in.Method != "ANY" {
		h.method = strings.ToUpper(in.Method)
	}
	h.uri, err = parseURI(uri)
	return h, err
}

func (h *httpCustom) ask(ctx context.Context, c *Call, out *outbound) (*inbound, error) {
	req, err := h.request(ctx, c, out)
	if err != nil {
		return nil, err
	}
	resp, body, err := exchange(ctx, h.client, req, c)
	if err != nil {
		return nil, err
	}
	return &inbound{selection: strconv.Itoa(resp.StatusCode), header: resp.Header, body: body, passing: !keepable(resp.StatusCode)}, nil
}

// exchange sends a request and reads the whole answer, up to the limit. Its
// error is a *Fault.
func exchange(ctx context.Context, client http.RoundTripper, req *http.Request, c *Call) (*http.Response, []byte, error) {
	resp, err := client.RoundTrip(req)
	if err != nil {
		return nil, nil, customFault(ctx, err)
	}
	c.answered(resp)
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxPayload+1))
	_ = resp.Body.Close() // everything that is wanted has been read
	switch {
	case err != nil:
		return nil, nil, customFault(ctx, err)
	case len(body) > MaxPayload:
		return nil, nil, faultf(FaultMalformed, "the response is above %d bytes", MaxPayload)
	}
	dropHop(resp.Header)
	return resp, body, nil
}

// customFault tells a timeout from a viewer that left and a target that is not
// there.
func customFault(ctx context.Context, err error) *Fault {
	var f *Fault
	switch ctx.Err() {
	case context.DeadlineExceeded:
		return &Fault{FaultTimeout, errTimeout}
	case nil:
		if errors.As(err, &f) { // the way to a service knows more
			return f
		}
		return &Fault{FaultConnect, err}
	}
	return &Fault{FaultGone, err}
}

func (h *httpCustom) request(ctx context.Context, c *Call, out *outbound) (*http.Request, error) {
	raw, err := h.uri.expand(func(name string) (string, bool) {
		v, ok := out.path[name]
		return v, ok
	})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return nil, faultf(FaultConfig, "invalid endpoint address %q", raw)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	for _, q := range out.query {
		for _, v := range q.values {
			if u.RawQuery != "" {
				u.RawQuery += "&"
			}
			u.RawQuery += url.QueryEscape(q.name) + "=" + url.QueryEscape(v)
		}
	}
	method := h.method
	if method == "" {
		method = c.Method
	}
	req := (&http.Request{
		Method: method, URL: u, Host: u.Host, Header: h.fields(c, out, method),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if host := out.header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	if len(out.body) > 0 && !bodyless(method) {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(out.body)), int64(len(out.body))
	}
	return req, nil
}

// fields are the mapped ones and those that API Gateway adds.
func (h *httpCustom) fields(c *Call, out *outbound, method string) http.Header {
	header := out.header.Clone()
	dropHop(header)
	for _, name := range [...]string{"Expect", "Proxy-Authenticate", "Via"} {
		header.Del(name)
	}
	add := func(name, value string) {
		if header[name] == nil && value != "" {
			header[name] = []string{value}
		}
	}
	add("Accept", "application/json")
	add("User-Agent", "AmazonAPIGateway_"+c.API.ID)
	if !bodyless(method) {
		add("Content-Type", first(c.Header["Content-Type"]))
	}
	header["X-Amzn-Trace-Id"] = []string{c.TraceID}
	header["X-Amzn-Apigateway-Api-Id"] = []string{c.API.ID}
	return header
}

func bodyless(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
