// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
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
	outcome, err := f.exec(ctx, run{fn: f, ev: ev, query: rq.Query, header: &rq.Header, viewer: true}, func(m *machine) (bool, error) {
		e := m.newExchange(rq, nil)
		v, err := e.handle(f)
		if err != nil {
			return false, err
		}
		o, ok := v.(*goja.Object)
		if !ok {
			return false, invalid("the function returned %s instead of a request or a response", clip(fmt.Sprint(v), 60))
		}
		if code := e.request.peek(o, "statusCode"); code != nil && !goja.IsUndefined(code) {
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

// exec runs work on a machine. Code that failed because a global is frozen
// here, which is not so at CloudFront, gets a second run with globals of its
// own, and all later ones too when that helps.
func (f *Function) exec(ctx context.Context, r run, work func(*machine) (bool, error)) (Outcome, error) {
	fresh := f.fresh.Load()
	out, err := f.once(ctx, r, fresh, work)
	if err != nil && !fresh && metFrozen(err) {
		if again, err := f.once(ctx, r, true, work); err == nil {
			f.fresh.Store(true)
			return again, nil
		}
	}
	return out, err
}

// metFrozen tells the engine's words about frozen objects.
func metFrozen(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == Execution && strings.HasPrefix(e.Message, "TypeError") &&
		(strings.Contains(e.Message, "read only property") || strings.Contains(e.Message, "not extensible"))
}

// once runs work on a machine under the watch.
func (f *Function) once(ctx context.Context, r run, fresh bool, work func(*machine) (bool, error)) (Outcome, error) {
	m, err := f.pool.get(ctx, fresh)
	if err != nil {
		return Outcome{}, err
	}
	r.start = time.Now()
	m.begin(r, f.opts.Timeout)
	changed, err := guarded(m, work)
	out := Outcome{Elapsed: time.Since(r.start), Changed: changed && err == nil, Origin: m.origin, words: m.words}
	reusable := m.end() && !fresh
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

// exchange is the event of a run and the bags in it.
type exchange struct {
	m                       *machine
	event                   *lazy
	request, response       *lazy
	method, uri             string
	status                  int
	query, headers, cookies bag
	sent, setCookies        bag // headers and cookies of the response
}

// newExchange builds the event; rs is nil at viewer-request.
func (m *machine) newExchange(rq *httpmsg.Request, rs *httpmsg.Response) *exchange {
	e := &exchange{m: m, method: rq.Method, uri: utf8Text(rq.Path)}
	text := func(s string) func() goja.Value { return func() goja.Value { return m.vm.ToValue(s) } }
	e.query = bag{m: m, src: querySource(rq.Query)}
	e.headers = bag{m: m, src: headerSource{header: &rq.Header}}
	e.cookies = bag{m: m, src: cookieSource(rq.Header.Join("Cookie"))}
	e.request = m.newLazy([]member{
		{name: "method", make: text(e.method)},
		{name: "uri", make: text(e.uri)},
		{name: "querystring", make: e.query.value},
		{name: "headers", make: e.headers.value},
		{name: "cookies", make: e.cookies.value},
	})
	if m.shared != nil {
		_ = e.request.object.SetPrototype(m.shared)
	}
	kind := "viewer-request"
	if rs != nil {
		kind = "viewer-response"
	}
	members := []member{
		{name: "version", make: text("1.0")},
		{name: "context", make: func() goja.Value {
			return m.newLazy([]member{
				{name: "distributionDomainName", make: text(m.ev.DistributionDomain)},
				{name: "distributionId", make: text(m.ev.DistributionID)},
				{name: "eventType", make: text(kind)},
				{name: "requestId", make: text(m.ev.RequestID)},
			}).object
		}},
		{name: "viewer", make: func() goja.Value {
			return m.newLazy([]member{{name: "ip", make: text(rq.Viewer.Addr.Addr().Unmap().WithZone("").String())}}).object
		}},
		{name: "request", now: e.request.object},
	}
	if rs != nil {
		e.addResponse(rs)
		members = append(members, member{name: "response", now: e.response.object})
	}
	e.event = m.newLazy(members)
	return e
}

func (e *exchange) addResponse(rs *httpmsg.Response) {
	e.status = rs.Status
	e.sent = bag{m: e.m, src: headerSource{header: &rs.Header, response: true, length: lengthText(rs.ContentLength)}}
	e.setCookies = bag{m: e.m, src: setCookieSource{&rs.Header}, cookie: true}
	e.response = e.m.newLazy([]member{
		{name: "statusCode", make: func() goja.Value { return e.m.vm.ToValue(e.status) }},
		{name: "statusDescription", make: func() goja.Value { return e.m.vm.ToValue(http.StatusText(e.status)) }},
		{name: "headers", make: e.sent.value},
		{name: "cookies", make: e.setCookies.value},
	})
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
	v, err := m.make.invoke(goja.Undefined(), outer, e.event.object)
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
