// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// How long CloudFront lets a function run, and how long its process may take
// to come up before. The runtime ends a run by the function's own timeout,
// which cannot be longer; this holds where it does not.
const (
	viewerTime = 5 * time.Second
	originTime = 30 * time.Second
	initTime   = 10 * time.Second
)

func (f *Function) time() time.Duration {
	if f.event == model.ViewerRequest || f.event == model.ViewerResponse {
		return viewerTime + initTime
	}
	return originTime + initTime
}

// ask invokes the function and returns what it returned.
func (f *Function) ask(ctx context.Context, ev *event) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(ev); err != nil {
		return nil, &Error{Execution, f.name, err.Error()}
	}
	inner, cancel := context.WithTimeout(ctx, f.time())
	defer cancel()
	res, err := f.invoke.Invoke(inner, &model.Invocation{Function: f.arn, Payload: bytes.TrimSuffix(buf.Bytes(), []byte("\n"))})
	if err != nil {
		return nil, f.refused(ctx, err)
	}
	if res.Body != nil {
		_ = res.Body.Close() // nothing of it is wanted
		return nil, &Error{Validation, f.name, "it streams its answer, which Lambda@Edge does not take"}
	}
	if res.Error != "" {
		return nil, f.failed(res.Payload)
	}
	return res.Payload, nil
}

// refused is the error of an invocation that did not happen, or took too long.
func (f *Function) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil { // nobody waits any more
		return ctx.Err()
	}
	e := &Error{Execution, f.name, err.Error()}
	var fault *model.InvokeError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Message = Limit, "it took longer than "+f.time().String()
	case errors.As(err, &fault) && fault.Fault == model.FaultThrottled:
		e.Kind = Limit
	}
	return e
}

// failed is the error of a function that ran and failed.
func (f *Function) failed(payload []byte) error {
	var object struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	_ = json.Unmarshal(payload, &object) // what is no error object has no words
	e := &Error{Execution, f.name, object.Type + ": " + clip(object.Message)}
	if object.Type == "Sandbox.Timedout" {
		e.Kind = Limit
	}
	return e
}
