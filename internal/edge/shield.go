// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/webacl"
)

// Shield is a web ACL, as package webacl compiles it.
type Shield interface {
	// ReadsBody tells whether Screen may read, and wait for, a request's body.
	ReadsBody() bool
	// Screen decides about a request. The error is webacl.ErrEngine, or that of
	// reading its body.
	Screen(q webacl.Ask, v *webacl.Verdict) error
}

// askShield lets the web ACL of the distribution decide.
func (x *Exchange) askShield() stepID {
	if x.verdict == nil {
		x.verdict = new(webacl.Verdict)
	}
	v := x.verdict
	q := webacl.Ask{Request: x.rq, Time: x.now(), ID: x.rec.ID, Source: webacl.Source{Name: "CF", ID: x.dist.m.ID}}
	if err := x.dist.shield.Screen(q, v); err != nil {
		return x.notScreened(err)
	}
	x.rec.Shield = record.Shield{
		ACL: v.ACL, Rule: v.Rule, Inner: v.Inner, Action: v.Action.String(), Labels: v.Labels, Counted: v.Counted, Findings: v.Findings,
	}
	if v.Passes() {
		for _, f := range v.Insert {
			x.rq.Header.Set(f.Name, f.Value)
		}
		return stepBehavior
	}
	x.rec.Result.Detail = record.InvalidRequestBlocked
	if !v.Answer.Custom {
		x.fail(v.Answer.Status, "Request blocked. The web ACL of this distribution does not let it pass.")
		next := x.generated(record.Error)
		if x.errorPage() != nil { // a custom response takes precedence over it, the default does not
			return stepPage
		}
		return next
	}
	x.rs = httpmsg.Response{Status: v.Answer.Status, Header: x.rs.Header}
	x.rs.Header.Reset()
	x.rs.Header.Add("Server", "CloudFront")
	if v.Answer.Body != "" {
		x.rs.Header.Add("Content-Type", v.Answer.ContentType)
	}
	for _, f := range v.Answer.Headers {
		x.rs.Header.Set(f.Name, f.Value)
	}
	x.body = body{text: []byte(v.Answer.Body)}
	return x.generated(record.Error)
}

// notScreened ends a request that the web ACL could not decide about: its body
// could not be read, or we failed.
func (x *Exchange) notScreened(err error) stepID {
	if errors.Is(err, webacl.ErrEngine) { // fail closed
		x.rec.Origin.Error, x.rec.Result.End = err.Error(), record.EndInternal
		return x.failInside()
	}
	if x.ctx.Err() != nil {
		return x.hungUp()
	}
	status := x.viewersFault(err)
	if status == 0 {
		return x.hungUp()
	}
	return x.refuse(status, "The body of the request could not be read.")
}
