// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
)

// RoundTrip is Ask for those who speak net/http. The authority of rq.URL is
// not looked at; rq.Host stays what the edge decided.
func (t *Transport) RoundTrip(rq *http.Request) (*http.Response, error) { return roundTrip(t.Ask, rq) }

type ask func(context.Context, *httpmsg.Request, *httpmsg.Response, func(*httpmsg.Response)) error

func roundTrip(ask ask, rq *http.Request) (*http.Response, error) {
	in, err := fromHTTP(rq)
	if err != nil {
		if rq.Body != nil {
			_ = rq.Body.Close()
		}
		return nil, err
	}
	var interim func(*httpmsg.Response)
	if trace := httptrace.ContextClientTrace(rq.Context()); trace != nil && trace.Got1xxResponse != nil {
		interim = func(rs *httpmsg.Response) {
			_ = trace.Got1xxResponse(rs.Status, textproto.MIMEHeader(toHTTP(&rs.Header))) // nothing depends on it
		}
	}
	var out httpmsg.Response
	if err := ask(rq.Context(), in, &out, interim); err != nil {
		return nil, err
	}
	rs := &http.Response{
		StatusCode: out.Status, Status: strconv.Itoa(out.Status) + " " + http.StatusText(out.Status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: toHTTP(&out.Header), Body: out.Body, ContentLength: out.ContentLength, Request: rq,
	}
	if rs.Body == nil {
		rs.Body = http.NoBody
	}
	return rs, nil
}

var errNoURL = errors.New("origin: a request without a URL")

func fromHTTP(rq *http.Request) (*httpmsg.Request, error) {
	if rq.URL == nil {
		return nil, errNoURL
	}
	in := &httpmsg.Request{
		Method: or(rq.Method, "GET"), Scheme: rq.URL.Scheme, Host: or(rq.Host, rq.URL.Host),
		Path: or(rq.URL.EscapedPath(), "/"), Query: rq.URL.RawQuery, Body: rq.Body, ContentLength: rq.ContentLength,
	}
	if rq.URL.Opaque != "" {
		in.Path = rq.URL.Opaque
	}
	if rq.Body == http.NoBody {
		in.Body = nil
	}
	if in.Body != nil && in.ContentLength == 0 { // net/http: not known
		in.ContentLength = -1
	}
	for _, name := range slices.Sorted(maps.Keys(rq.Header)) {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		for _, v := range rq.Header[name] {
			in.Header.Add(name, v)
		}
	}
	if rq.Close {
		in.Header.Set("Connection", "close")
	}
	return in, nil
}

func toHTTP(h *httpmsg.Header) http.Header {
	out := make(http.Header, h.Len())
	for _, f := range h.Fields() {
		out.Add(f.Name, f.Value)
	}
	return out
}
