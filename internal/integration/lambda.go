// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// maxReply is the largest answer of a function that is not streamed (6 MB), and
// some room for its frame.
const maxReply = 6<<20 + 64<<10

// lambdaProxy hands the whole request to a function and takes the whole
// response from it.
type lambdaProxy struct {
	invoke   Invoker
	function string
	format1  bool // payload 1.0
	stream   bool
	timeout  time.Duration
	request  requestMapping
	response []statusMapping
}

// Run invokes the function.
func (l *lambdaProxy) Run(ctx context.Context, c *Call) (*Answer, error) {
	if c.Kept != nil {
		c.closeBody()
		return l.buffered(c, c.Kept.body)
	}
	body, err := c.readBody()
	if err != nil {
		return nil, err
	}
	if err := l.request.apply(c, body); err != nil {
		return nil, err
	}
	// One buffer for the event, made once and never used again: a function that
	// outlives its timeout may still be reading it.
	payload := make([]byte, 0, eventSize(c, len(body)))
	if l.format1 {
		payload = appendEvent1(payload, c, body)
	} else {
		payload = appendEvent2(payload, c, body)
	}
	begun, cancel := time.Now(), func() {}
	if l.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, l.timeout)
	}
	res, err := l.invoke.Invoke(ctx, &model.Invocation{
		Function: l.function, Payload: payload, Stream: l.stream, TraceID: c.TraceID,
	})
	if err != nil {
		cancel()
		return nil, invokeFault(ctx, err)
	}
	c.EndpointStatus, c.EndpointID = http.StatusOK, res.RequestID
	a, err := l.answer(c, res, cancel)
	if err != nil {
		cancel()
		if res.Body != nil {
			_ = res.Body.Close() // the answer is already a fault
		}
		return nil, err
	}
	if l.timeout > 0 && res.Body != nil && a.Length < 0 {
		a.Body = newStream(a.Body, begun, l.timeout, c.API.idle())
	}
	return mapResponse(l.response, c, a)
}

// eventSize guesses the length of an event, a little too large.
func eventSize(c *Call, body int) int {
	n := 1600 + 3*len(c.Path) + 3*len(c.Query) + body*4/3
	for name, values := range c.Header {
		n += 2*len(name) + 16
		for _, v := range values {
			n += 2 * len(v)
		}
	}
	return n
}

// invokeFault is the fault of an invocation that did not happen.
func invokeFault(ctx context.Context, err error) *Fault {
	var refused *model.InvokeError
	switch {
	case errors.As(err, &refused):
		switch refused.Fault {
		case model.FaultThrottled:
			return &Fault{FaultThrottled, err}
		case model.FaultTooLarge:
			return &Fault{FaultTooLarge, err}
		case model.FaultNotFound, model.FaultBroken:
		}
		return &Fault{FaultRefused, err}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Fault{FaultTimeout, err}
	case ctx.Err() != nil:
		return &Fault{FaultGone, err}
	}
	return &Fault{FaultRefused, err}
}

// answer makes the response; it calls done when the function is done with.
func (l *lambdaProxy) answer(c *Call, res *model.InvocationResult, done func()) (*Answer, error) {
	if res.Error != "" {
		done()
		return nil, faultf(FaultFunction, "%s: %s", res.Error, clip(res.Payload))
	}
	if res.Body == nil && len(res.Head) == 0 {
		done()
		a, err := l.buffered(c, res.Payload)
		if err == nil {
			c.keep(Kept{body: res.Payload}, a)
		}
		return a, err
	}
	if !l.stream && res.Body != nil {
		data, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
		_ = res.Body.Close() // everything that is wanted has been read
		done()
		if err != nil {
			return nil, faultf(FaultFunction, "reading the streamed answer: %w", err)
		}
		if len(data) > maxReply {
			return nil, faultf(FaultMalformed, "the answer is above 6 MB and this integration does not stream")
		}
		if len(res.Head) == 0 {
			return l.buffered(c, data)
		}
		return streamed(c, res.Head, io.NopCloser(bytes.NewReader(data)), int64(len(data)))
	}
	if res.Body == nil {
		done()
		return streamed(c, res.Head, io.NopCloser(bytes.NewReader(res.Payload)), int64(len(res.Payload)))
	}
	return streamed(c, res.Head, &closer{res.Body, done}, -1)
}

// closer calls done when the body is closed.
type closer struct {
	io.ReadCloser
	done func()
}

// Close ends the stream and the invocation's deadline.
func (b *closer) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// streamed makes the answer of a streaming function: its head is a JSON object
// like the one of a proxy answer, without the body.
func streamed(c *Call, head []byte, body io.ReadCloser, length int64) (*Answer, error) {
	a := &Answer{Status: http.StatusOK, Header: http.Header{}, Body: body, Length: length}
	if len(head) > 0 {
		v, err := parseValue(head)
		if err != nil || !v.isObject() {
			return nil, faultf(FaultMalformed, "the head of the streamed answer is no JSON object: %s", clip(head))
		}
		r, err := readReply(v)
		if err != nil {
			return nil, faultf(FaultMalformed, "the head of the streamed answer: %w", err)
		}
		if r.status != 0 {
			a.Status = r.status
		}
		a.Header = r.fields()
	}
	if a.Header["Content-Type"] == nil {
		a.Header["Content-Type"] = []string{"application/octet-stream"}
		if c.API.Style == RESTAPI {
			a.Header["Content-Type"] = []string{"application/json"}
		}
	}
	return a, nil
}

// buffered makes the answer from a whole payload.
func (l *lambdaProxy) buffered(c *Call, payload []byte) (*Answer, error) {
	v, err := parseValue(payload)
	if err != nil {
		return nil, faultf(FaultMalformed, "the function's answer is no JSON: %s", clip(payload))
	}
	if !l.format1 && !hasStatus(v) {
		return inferred(v), nil
	}
	if !v.isObject() {
		return nil, faultf(FaultMalformed, "the function's answer is no object: %s", clip(payload))
	}
	r, err := readReply(v)
	if err != nil {
		return nil, &Fault{FaultMalformed, err}
	}
	if !l.format1 {
		r.multi = nil // format 2.0 has no multiValueHeaders
	}
	switch {
	case c.API.Style == RESTAPI && (r.unknown != "" || len(r.cookies) > 0):
		if r.unknown == "" {
			r.unknown = "cookies"
		}
		return nil, faultf(FaultMalformed, "the answer of a REST API's function may not hold %q", r.unknown)
	case r.status == 0 && c.API.Style != RESTAPI:
		return nil, faultf(FaultMalformed, "the function's answer has no statusCode")
	case r.status == 0:
		r.status = http.StatusOK
	}
	body, err := r.bytes(c)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: r.status, Header: r.fields()}
	a.setBody(body)
	if a.Header["Content-Type"] == nil {
		a.Header["Content-Type"] = []string{defaultType(c.API.Style)}
	}
	return a, nil
}

// defaultType is the Content-Type of an answer that names none.
func defaultType(s Style) string {
	if s == HTTPAPI {
		return "text/plain; charset=utf-8"
	}
	return "application/json"
}

// bytes is the body as it goes out. HTTP APIs and function URLs decode what is
// said to be base64; a REST API does so when the first type of Accept is among
// its binary media types.
func (r *reply) bytes(c *Call) ([]byte, error) {
	if !r.base64 || c.API.Style == RESTAPI && !acceptsBinary(c) {
		return []byte(r.body), nil
	}
	body, err := decodeBase64(r.body)
	if err != nil {
		kind := FaultMalformed
		if c.API.Style == RESTAPI {
			kind = FaultConfig
		}
		return nil, faultf(kind, "isBase64Encoded is true and the body is no base64: %w", err)
	}
	return body, nil
}

func acceptsBinary(c *Call) bool {
	accept, _, _ := strings.Cut(first(c.Header["Accept"]), ",")
	return matchesMediaTypes(c.API.BinaryMediaTypes, accept)
}

// hasStatus tells whether the value is an object with a statusCode.
func hasStatus(v rawValue) bool {
	found := false
	if v.isObject() {
		_ = v.members(func(name string, value rawValue) error { // the callback never fails
			if name == "statusCode" {
				found = !value.isNull()
			}
			return nil
		})
	}
	return found
}

// inferred is format 2.0's answer for JSON without a statusCode: 200, and the
// value itself is the body; a string stands without its quotes.
func inferred(v rawValue) *Answer {
	a := &Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}
	if v.isString() {
		a.setBody([]byte(v.str()))
	} else {
		a.setBody(v)
	}
	return a
}

func (a *Answer) setBody(body []byte) {
	a.Length = int64(len(body))
	if len(body) > 0 {
		a.Body = io.NopCloser(bytes.NewReader(body))
	}
}
