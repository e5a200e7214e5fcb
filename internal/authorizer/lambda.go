// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const (
	askTimeout = 10 * time.Second
	restTTL    = 300 * time.Second
	maxTTL     = 3600 * time.Second
)

// lambdaJudge is a Lambda authorizer (row A12).
type lambdaJudge struct {
	invoke   Invoker
	function string
	form     form
	valid    *regexp.Regexp // TOKEN: what a token must look like; nil: anything
	ttl      time.Duration
	kept     *kept // nil: nothing is kept
}

// form is how the function is asked and how it answers.
type form struct {
	rest, token, format2, simple bool
}

func (a *Authorizer) newLambda(m *model.Authorizer, o Options) (judge, error) {
	l := &lambdaJudge{
		invoke: o.Invoke,
		form:   form{rest: o.REST, token: a.kind == "TOKEN", format2: !o.REST && m.Payload == "2.0"},
	}
	l.form.simple = l.form.format2 && m.Simple
	var err error
	if l.function, err = withVariables(m.Function, o.Variables); err != nil {
		return nil, err
	}
	if l.function == "" || l.invoke == nil {
		return nil, errors.New("the authorizer has no function")
	}
	switch {
	case m.TTL != nil:
		l.ttl = min(max(*m.TTL, 0), maxTTL)
	case o.REST:
		l.ttl = restTTL
	}
	if a.kind == "REQUEST" {
		if o.REST && l.ttl == 0 || len(a.sources) == 0 {
			// "If caching is disabled, identity sources are optional"; without
			// any there is nothing to keep answers by.
			a.optional, l.ttl = true, 0
		}
	} else if m.Validation != "" {
		if l.valid, err = whole(m.Validation); err != nil {
			return nil, err
		}
	}
	if l.ttl > 0 {
		l.kept = newKept()
	}
	return l, nil
}

// withVariables writes stage variables into a function's name.
func withVariables(s string, variables map[string]string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${stageVariables.")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		value, ok := variables[name]
		if !closed || !ok {
			return "", fmt.Errorf("the function's name %q: the stage has no variable %q", s, name)
		}
		b.WriteString(value)
		s = after
	}
}

// decide asks the function, or what is kept of it, and applies the answer to
// this request.
func (l *lambdaJudge) decide(ctx context.Context, rq *Request, values [][]string) (*Grant, *Denial) {
	if l.form.token {
		if len(values[0]) != 1 {
			return nil, deny(Missing, "there is more than one token")
		}
		if l.valid != nil && !l.valid.MatchString(values[0][0]) {
			return nil, deny(Invalid, "the token does not match the validation expression")
		}
	}
	ask := Ask{Token: l.form.token, Format2: l.form.format2}
	for _, v := range values {
		ask.Identity = append(ask.Identity, strings.Join(v, ","))
	}
	if rq.Asked != nil {
		rq.Asked.Lambda = true
	}
	if l.kept == nil {
		a, asked, d := l.ask(ctx, rq.Event(ask))
		if rq.Asked != nil {
			*rq.Asked = asked
		}
		if d != nil {
			if ctx.Err() != nil {
				d = &Denial{Kind: Gone, Cause: ctx.Err()}
			}
			return nil, d
		}
		return a.apply(rq, a.first)
	}
	key := digestOf(values)
	a, f, lead := l.kept.find(key, time.Now())
	if a != nil {
		return a.apply(rq, a.again)
	}
	if lead {
		event := rq.Event(ask)
		go func() {
			defer l.kept.end(key, f, l.ttl)
			f.answer, f.asked, f.denial = l.ask(context.WithoutCancel(ctx), event)
		}()
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, &Denial{Kind: Gone, Cause: ctx.Err()}
	}
	if lead && rq.Asked != nil {
		*rq.Asked = f.asked
	}
	if f.denial != nil {
		return nil, f.denial
	}
	if lead {
		return f.answer.apply(rq, f.answer.first)
	}
	return f.answer.apply(rq, f.answer.again)
}

// ask invokes the function.
func (l *lambdaJudge) ask(ctx context.Context, event []byte) (*answer, Asked, *Denial) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	start := time.Now()
	res, err := l.invoke.Invoke(ctx, &model.Invocation{Function: l.function, Payload: event})
	asked := Asked{Lambda: true, Took: time.Since(start)}
	if err != nil {
		return nil, asked, deny(Failed, "asking %s: %w", l.function, err)
	}
	asked.Status, asked.RequestID = http.StatusOK, res.RequestID
	a, d := l.read(res, asked.Took)
	return a, asked, d
}

// read takes the answer of the function.
func (l *lambdaJudge) read(res *model.InvocationResult, took time.Duration) (*answer, *Denial) {
	if res.Body != nil {
		_ = res.Body.Close() // what streams is no answer
		return nil, deny(Misconfigured, "%s streams its answer", l.function)
	}
	if res.Error != "" {
		var failure struct {
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(res.Payload, &failure) == nil && failure.Message == "Unauthorized" {
			return nil, deny(Invalid, "%s says Unauthorized", l.function)
		}
		return nil, deny(Failed, "%s failed: %s", l.function, res.Error)
	}
	a, err := parseAnswer(res.Payload, l.form, took)
	if err != nil {
		return nil, deny(Misconfigured, "the answer of %s: %w", l.function, err)
	}
	return a, nil
}
