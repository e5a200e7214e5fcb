// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"errors"
	"fmt"
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

// exchange is the event of a run and the bags in it. What every run needs lies
// in it, so that it is one piece of memory.
type exchange struct {
	m              *machine
	rq             *httpmsg.Request
	rs             *httpmsg.Response // nil at viewer-request
	event, request lazy
	response       *lazy // nil at viewer-request
	method, uri    string
	status         int

	query, headers, cookies bag
	sent, setCookies        bag // headers and cookies of the response

	room [2][5]member // of event and request
	from struct {
		query   querySource
		headers headerSource
		cookies cookieSource
	}
}

// newExchange builds the event; rs is nil at viewer-request.
func (m *machine) newExchange(rq *httpmsg.Request, rs *httpmsg.Response) *exchange {
	e := &exchange{m: m, rq: rq, rs: rs, method: rq.Method, uri: utf8Text(rq.Path)}
	e.from.query, e.from.headers, e.from.cookies = querySource(rq.Query), headerSource{header: &rq.Header}, cookieSource(rq.Header.Join("Cookie"))
	e.query, e.headers, e.cookies = bag{m: m, src: &e.from.query}, bag{m: m, src: &e.from.headers}, bag{m: m, src: &e.from.cookies}
	e.room[1] = [...]member{
		{name: "method", part: partMethod},
		{name: "uri", part: partURI},
		{name: "querystring", part: partQuery},
		{name: "headers", part: partHeaders},
		{name: "cookies", part: partCookies},
	}
	e.request.begin(e, e.room[1][:])
	if m.shared != nil {
		_ = e.request.object.SetPrototype(m.shared)
	}
	e.room[0] = [...]member{
		{name: "version", part: partVersion},
		{name: "context", part: partContext},
		{name: "viewer", part: partViewer},
		{name: "request", now: e.request.object},
		{name: "response"},
	}
	if rs == nil {
		e.event.begin(e, e.room[0][:4:4])
		return e
	}
	e.addResponse()
	e.room[0][4].now = e.response.object
	e.event.begin(e, e.room[0][:])
	return e
}

func (e *exchange) addResponse() {
	e.status = e.rs.Status
	e.sent = bag{m: e.m, src: headerSource{header: &e.rs.Header, response: true, length: lengthText(e.rs.ContentLength)}}
	e.setCookies = bag{m: e.m, src: setCookieSource{&e.rs.Header}, cookie: true}
	e.response = new(lazy)
	e.response.begin(e, []member{
		{name: "statusCode", part: partStatus},
		{name: "statusDescription", part: partWords},
		{name: "headers", part: partSent},
		{name: "cookies", part: partSetCookies},
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
