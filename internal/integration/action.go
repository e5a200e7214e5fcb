// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// First-class actions of HTTP APIs (row A6): the request parameters are those of
// the action, their values mapped from the request. The service's answer passes.
//
//	SQS                        Query protocol, version 2012-11-05: XML comes back
//	EventBridge Kinesis States JSON protocol
//	AppConfig                  GET with the parameters in path and query
//
// A mapping whose source has no value, or an empty one, is answered with 400, as
// AWS does for Kinesis-PutRecord.

// action is the Runner of a first-class action.
type action struct {
	client   http.RoundTripper
	timeout  time.Duration
	values   []parameter
	response []statusMapping
	body     bool // some value is taken out of the request's body
	uri      model.ServiceURI
	encode   encoder
}

// parameter is one of the action's, and where its value comes from.
type parameter struct {
	name  string
	value expr
}

// argument is a parameter with its value.
type argument struct{ name, value string }

// encoder makes the call of it.
type encoder func(u *model.ServiceURI, args []argument) (*callForm, error)

// callForm is a call in its protocol.
type callForm struct {
	method, path, query string
	contentType, target string
	body                []byte
}

func compileAction(in *model.Integration, api *API, stage *Stage, d Deps) (Runner, error) {
	if in.Subtype == "" {
		return nil, fmt.Errorf("%q is no function, and IntegrationSubtype names no action of a service", in.URI)
	}
	def := model.FindServiceAction(in.Subtype)
	if def == nil {
		return nil, fmt.Errorf("IntegrationSubtype %s is not known", in.Subtype)
	}
	if err := def.Check(in.Payload, in.RequestParameters); err != nil {
		return nil, err
	}
	a := &action{timeout: timeout(in, api)}
	a.uri.Service, a.encode = protocolOf(in.Subtype)
	_, a.uri.Action, _ = strings.Cut(in.Subtype, "-")
	for _, m := range in.RequestParameters {
		p := parameter{m.To, parseExpr(m.From)}
		if err := (&mapRule{value: p.value}).checkSources(m, false); err != nil {
			return nil, err
		}
		if m.To == "Region" {
			var err error
			if a.uri.Region, err = regionOf(p.value, stage); err != nil {
				return nil, err
			}
			continue
		}
		a.body = a.body || p.value.uses(requestBody)
		a.values = append(a.values, p)
	}
	var err error
	if _, a.response, err = compileMappings(&model.Integration{ResponseParameters: in.ResponseParameters}); err != nil {
		return nil, err
	}
	a.client, err = d.service(&a.uri)
	return a, err
}

// regionOf is a region that the definition names by itself or by the stage's
// variables: no viewer chooses it.
func regionOf(e expr, stage *Stage) (string, error) {
	name := ""
	for _, p := range e {
		switch p.source {
		case literal:
			name += p.name
		case stageVar:
			name += stage.Variables[p.name]
		default:
			return "", errors.New("the request parameter Region is a text, or of stage variables")
		}
	}
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", fmt.Errorf("%q is no region", name)
	}
	return name, nil
}

// Run calls the action.
func (a *action) Run(ctx context.Context, c *Call) (*Answer, error) {
	body, err := c.readBody()
	if err != nil {
		c.closeBody()
		return nil, err
	}
	s := &scope{call: c, body: body}
	args := make([]argument, 0, len(a.values))
	for _, p := range a.values {
		v, ok := p.value.eval(s)
		if !ok || v == "" {
			return a.refuse(), nil
		}
		args = append(args, argument{p.name, v})
	}
	form, err := a.encode(&a.uri, args)
	if err != nil { // a value has not the form that its parameter has
		return a.refuse(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	resp, reply, err := exchange(ctx, a.client, form.request(ctx, c, &a.uri), c)
	if err != nil {
		return nil, err
	}
	resp.Header.Del("Content-Length")
	out := &Answer{Status: resp.StatusCode, Header: resp.Header}
	out.setBody(reply)
	return mapResponse(a.response, c, out)
}

// refuse answers for a parameter without a value.
func (a *action) refuse() *Answer {
	out := &Answer{Status: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}}
	out.setBody([]byte(`{"message":"Bad Request"}`))
	return out
}

// request is the HTTP request of a call.
func (f *callForm) request(ctx context.Context, c *Call, u *model.ServiceURI) *http.Request {
	host := u.Service + ".amazonaws.com"
	if u.Region != "" {
		host = u.Service + "." + u.Region + ".amazonaws.com"
	}
	header := http.Header{"User-Agent": {"AmazonAPIGateway_" + c.API.ID}, "X-Amzn-Trace-Id": {c.TraceID}}
	if f.contentType != "" {
		header["Content-Type"] = []string{f.contentType}
	}
	if f.target != "" {
		header["X-Amz-Target"] = []string{f.target}
	}
	target := &url.URL{Scheme: "https", Host: host, RawQuery: f.query, RawPath: f.path, Path: unescapePath(f.path)}
	req := &http.Request{
		Method: f.method, URL: target, Host: host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(f.body) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(f.body)), int64(len(f.body))
	}
	return req.WithContext(ctx)
}
