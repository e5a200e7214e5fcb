// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// The sizes of bodies and answers (row E5; "Quotas on Lambda@Edge").
const (
	viewerSize = 40 << 10
	originSize = 1 << 20
)

// size bounds the body of a request that a function sees or returns, and an
// answer of its own with its head.
func (f *Function) size() int {
	if f.event == model.ViewerRequest || f.event == model.ViewerResponse {
		return viewerSize
	}
	return originSize
}

// body is that of a request, in an event.
type body struct {
	Action         string `json:"action"`
	Data           string `json:"data"`
	Encoding       string `json:"encoding"`
	InputTruncated bool   `json:"inputTruncated"`
}

const (
	readOnlyAction = "read-only"
	replaceAction  = "replace"
	asText         = "text"
	asBase64       = "base64"
)

// readBody reads as much of the body as a function may see, and puts it back.
func (f *Function) readBody(rq *httpmsg.Request) (*body, error) {
	b := &body{Action: readOnlyAction, Encoding: asBase64}
	if rq.Body == nil || rq.ContentLength == 0 {
		return b, nil
	}
	limit := f.size()
	have, err := io.ReadAll(io.LimitReader(rq.Body, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	rest := rq.Body
	rq.Body = again{io.MultiReader(bytes.NewReader(have), rest), rest}
	if len(have) > limit {
		b.InputTruncated, have = true, have[:limit]
	}
	b.Data = base64.StdEncoding.EncodeToString(have)
	return b, nil
}

// again is a body whose beginning has been read before.
type again struct {
	io.Reader
	io.Closer
}

// replacement is the body that a function put in place of the request's.
func (f *Function) replacement(raw json.RawMessage, method string) (data []byte, replaced bool, err error) {
	if raw == nil {
		return nil, false, nil
	}
	o, err := object(raw, "request.body")
	if err != nil {
		return nil, false, err
	}
	r := reader{o, "request.body", nil}
	action, encoding, text := r.text("action"), r.text("encoding"), r.text("data")
	switch {
	case r.err != nil:
		return nil, false, r.err
	case action == "" || action == readOnlyAction:
		return nil, false, nil
	case action != replaceAction:
		return nil, false, invalid("request.body.action %q is neither read-only nor replace", clip(action))
	}
	if data, err = decode(text, or(encoding, asBase64), "request.body"); err != nil {
		return nil, false, err
	}
	switch {
	case len(data) > f.size():
		return nil, false, invalid("request.body has %d bytes; at %s it has at most %d", len(data), f.event, f.size())
	case len(data) > 0 && (method == "GET" || method == "HEAD"):
		return nil, false, invalid("a %s request has no body", method)
	}
	return data, true, nil
}

// decode reads a body in one of the two encodings.
func decode(text, encoding, at string) ([]byte, error) {
	switch encoding {
	case asText:
		return []byte(text), nil
	case asBase64:
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, invalid("%s is not valid base64", at)
		}
		return data, nil
	}
	return nil, invalid("%s: encoding %q is neither text nor base64", at, clip(encoding))
}
