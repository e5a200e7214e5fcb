// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/httpmsg"
)

// ViewerRequest runs f at viewer-request. It returns an answer when the
// function made one; else nil, and rq is as the function changed it. On an
// error (always an *Error, but when ctx ends while waiting for a machine) rq
// is unchanged.
//
// Strings of rq may come from the message that was there before: they live as
// long.
func (f *Function) ViewerRequest(ctx context.Context, ev *Event, rq *httpmsg.Request) (*httpmsg.Response, Outcome, error) {
	var answer *httpmsg.Response
	outcome, err := f.exec(ctx, run{fn: f, ev: ev, query: rq.Query, viewer: true}, func(m *machine) (bool, error) {
		e := m.newExchange(rq, nil)
		v, err := e.handle(f)
		if err != nil {
			return false, err
		}
		o, ok := v.(*goja.Object)
		if !ok {
			return false, invalid("the function returned %s instead of a request or a response", clip(fmt.Sprint(v), 60))
		}
		if code := o.Get("statusCode"); code != nil && !goja.IsUndefined(code) {
			answer, err = e.answer(o)
			return false, err
		}
		return e.applyRequest(o, rq)
	})
	if err != nil {
		return nil, outcome, err
	}
	return answer, outcome, nil
}

// ViewerResponse runs f at viewer-response and changes rs. rq is shown to the
// function; changes of it are ignored. On an error rs is unchanged.
//
// The caller does not run it when the origin answered with 400 or above.
func (f *Function) ViewerResponse(ctx context.Context, ev *Event, rq *httpmsg.Request, rs *httpmsg.Response) (Outcome, error) {
	body := false
	outcome, err := f.exec(ctx, run{fn: f, ev: ev, query: rq.Query}, func(m *machine) (changed bool, err error) {
		e := m.newExchange(rq, rs)
		v, err := e.handle(f)
		if err != nil {
			return false, err
		}
		o, ok := v.(*goja.Object)
		if !ok {
			return false, invalid("the function returned %s instead of a response", clip(fmt.Sprint(v), 60))
		}
		changed, body, err = e.applyResponse(o, rs)
		return changed, err
	})
	outcome.Body = body && err == nil
	return outcome, err
}

// exec runs work on a machine under the watch.
func (f *Function) exec(ctx context.Context, r run, work func(*machine) (bool, error)) (Outcome, error) {
	m, err := f.pool.get(ctx, f.fresh)
	if err != nil {
		return Outcome{}, err
	}
	r.start = time.Now()
	m.begin(r, f.opts.Timeout)
	changed, err := guarded(m, work)
	out := Outcome{Elapsed: time.Since(r.start), Changed: changed && err == nil, Origin: m.origin}
	reusable := m.end() && !f.fresh
	if err != nil {
		out.Origin = nil
		reusable = reusable && clean(err)
		err = f.failure(err)
	}
	f.pool.put(m, reusable)
	out.Utilization = min(100, int(out.Elapsed*100/f.opts.Budget))
	return out, err
}

// clean tells whether a machine is as good as before after an error: a rule
// was broken, or the code threw and nobody caught it. After anything else it
// is not used again.
func clean(err error) bool {
	switch err.(type) {
	case *Error, *goja.Exception:
		return true
	}
	return false
}

// guarded turns a panic of the engine into an error: it throws that way when
// Go code touches an object whose accessors throw, or when it is stopped.
func guarded(m *machine, work func(*machine) (bool, error)) (changed bool, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("%w", r) // not clean
		default:
			err = fmt.Errorf("the engine failed: %v", r)
		}
	}()
	return work(m)
}

var promiseType = reflect.TypeFor[*goja.Promise]()

// exchange is the event of a run: the bags in it, and the arguments of invoke.
type exchange struct {
	m                       *machine
	method, uri             string
	query, headers, cookies *bag
	setCookies              *bag
	response                *bag // headers
	args                    [15]goja.Value
	n                       int
}

// newExchange builds the event; rs is nil at viewer-request.
func (m *machine) newExchange(rq *httpmsg.Request, rs *httpmsg.Response) *exchange {
	e := &exchange{m: m, method: rq.Method, uri: utf8Text(rq.Path)}
	e.query = m.newBag(querySource(rq.Query), false)
	e.headers = m.newBag(headerSource{header: &rq.Header}, false)
	e.cookies = m.newBag(cookieSource(rq.Header.Join("Cookie")), false)
	kind := "viewer-request"
	if rs != nil {
		kind = "viewer-response"
	}
	text := m.vm.ToValue
	e.args = [15]goja.Value{
		1: text(kind), 2: text(m.ev.DistributionDomain), 3: text(m.ev.DistributionID), 4: text(m.ev.RequestID),
		5: text(rq.Viewer.Addr.Addr().Unmap().WithZone("").String()), 6: text(rq.Method), 7: text(e.uri),
		8: e.query.object, 9: e.headers.object, 10: e.cookies.object,
	}
	e.n = 11
	if rs != nil {
		e.response = m.newBag(headerSource{header: &rs.Header, response: true, length: lengthText(rs.ContentLength)}, false)
		e.setCookies = m.newBag(setCookieSource{&rs.Header}, true)
		e.args[11], e.args[12] = text(rs.Status), text(http.StatusText(rs.Status))
		e.args[13], e.args[14] = e.response.object, e.setCookies.object
		e.n = 15
	}
	return e
}

// handle evaluates the code, calls its handler, and takes the result out of
// its promise, which is settled when the call returns or never: nothing else
// could do it.
func (e *exchange) handle(f *Function) (goja.Value, error) {
	m := e.m
	outer := m.outer[f]
	if outer == nil {
		var err error
		if outer, err = m.vm.RunProgram(f.program); err != nil {
			return nil, err
		}
		if len(m.outer) < 256 {
			m.outer[f] = outer
		}
	}
	e.args[0] = outer
	v, err := m.make.invoke(goja.Undefined(), e.args[:e.n]...)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*goja.Object)
	if !ok || o.ExportType() != promiseType {
		return v, nil // Export would copy a plain object
	}
	p, ok := o.Export().(*goja.Promise)
	if !ok {
		return v, nil
	}
	switch p.State() {
	case goja.PromiseStateFulfilled:
		return p.Result(), nil
	case goja.PromiseStateRejected:
		return nil, &Error{Kind: Execution, Message: describe(p.Result())}
	}
	return nil, errors.New("the handler's promise is never settled")
}
