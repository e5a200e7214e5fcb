// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/webacl"
)

// Explaining a request is walking the step table with the same steps, and
// writing down after each what it did. What a step would do to others is put
// aside: the cache is looked at and not opened, rate rules look and do not count,
// nothing is stored, no Record is emitted and no viewer is there. The origin is
// asked only when the caller wants it. Requests that are served do not know of
// any of this.

// Asking says how far an explanation goes.
type Asking uint8

// How far it goes.
const (
	AskNobody Asking = iota // it ends before the origin
	AskOrigin               // the origin is asked where the cache has nothing
	AskAnew                 // the origin is asked in any case
)

// Explain says why rq would be answered as it would be now.
func (e *Edge) Explain(ctx context.Context, rq *httpmsg.Request, how Asking) (out *explain.Explanation) {
	out = &explain.Explanation{Method: rq.Method, URL: rq.Scheme + "://" + rq.Host + rq.Target(), At: time.Now()}
	x := &Exchange{ctx: ctx, edge: e, rq: rq.Clone(), w: nobody{}}
	d := &dry{x: x, out: out, fetch: how != AskNobody, anew: how == AskAnew}
	at := stepOpen
	defer func() {
		if p := recover(); p != nil {
			out.Answer = explain.Answer{Status: 500, By: fmt.Sprintf("a panic in step %s: %v", e.steps[at].name, p)}
		}
		x.release()
		x.letGo()
	}()
	for at < stepDeliver {
		out.Steps = append(out.Steps, e.steps[at].name)
		at = d.walk(at)
	}
	d.answer(at)
	return out
}

// dry is one walk without effects.
type dry struct {
	x     *Exchange
	out   *explain.Explanation
	fetch bool
	anew  bool
}

// walk runs one row, or what stands for it, and writes down what it did.
func (d *dry) walk(at stepID) stepID {
	x := d.x
	switch at {
	case stepFunction:
		return d.function()
	case stepLookup, stepLoad, stepWait:
		return d.lookup()
	case stepReply:
		return d.reply()
	case stepResponse:
		return d.response()
	case stepAdmit:
		x.judge(x.rs.Status, &x.rs.Header, x.asked.rs)
		d.lifetime(&x.rs.Header, x.rs.Status)
		d.read()
		return stepPage
	case stepPage:
		return d.page()
	case stepHeaders:
		return d.headers()
	case stepRespond:
		return d.respond()
	case stepUpgrade:
		return stepFinish
	}
	next := x.edge.steps[at].run(x)
	switch at {
	case stepDistribution:
		d.distribution()
	case stepScreen:
		d.screened()
	case stepBehavior:
		d.behavior()
	case stepKey:
		d.key()
	case stepRequest:
		if d.request(); !d.fetch {
			d.out.Answer = explain.Answer{By: "the origin's answer, which was not asked for"}
			return stepFinish
		}
	case stepFetch:
		d.fetched()
	}
	return next
}

func (d *dry) distribution() {
	x, to := d.x, &d.out.Distribution
	if x.dist == nil {
		to.Why = "no distribution answers to the Host " + x.rq.Host
		return
	}
	to.ID, to.LogicalID = x.dist.m.ID, x.dist.m.LogicalID
	to.Why = "it answers to the Host " + x.rq.Host
	if !x.edge.Answers(x.rq.Host) {
		to.Why = "it is the only one: " + x.rq.Host + " is no name of its own"
	}
	if x.rec.Edge.Staging {
		to.Why = "the staging distribution, by " + chosenBy(x.edge.hosts.find(x.rq.Host).rollout.m) + " [E9]; " + to.Why + " through its primary"
	}
	if x.dist.shield != nil {
		own := *x.dist
		own.shield = preview{own.shield}
		x.dist = &own
	}
}

// chosenBy is what of a continuous deployment sends a request to staging.
func chosenBy(p *model.ContinuousDeployment) string {
	if p.Header != "" {
		return "the header " + p.Header
	}
	return "weight"
}

// preview is a web ACL that is asked without being counted in.
type preview struct{ Shield }

// Previewer is what a Shield has when it can decide without counting.
type Previewer interface {
	// Preview is Screen, but that rate-based rules do not count the request and
	// that nothing is logged.
	Preview(q webacl.Ask, v *webacl.Verdict) error
}

func (p preview) Screen(q webacl.Ask, v *webacl.Verdict) error {
	if s, ok := p.Shield.(Previewer); ok {
		return s.Preview(q, v)
	}
	return p.Shield.Screen(q, v)
}

func (d *dry) screened() {
	if r := d.x.rec.Shield; r.ACL != "" {
		d.out.Shield = &explain.Shield{
			ACL: r.ACL, Action: r.Action, Rule: r.Rule, Inner: r.Inner,
			Labels: append([]string(nil), r.Labels...), Counted: append([]string(nil), r.Counted...),
		}
	}
}

func (d *dry) behavior() {
	x := d.x
	for _, b := range x.dist.behaviors {
		t := explain.Behavior{Pattern: b.m.PathPattern, Matches: b == x.beh}
		if t.Matches {
			t.Policy, t.Target = policyName(b), b.m.Target
		}
		d.out.Tried = append(d.out.Tried, t)
		if t.Matches {
			return
		}
	}
}

func policyName(b *behavior) string {
	switch c := b.m.Cache; {
	case c.Legacy:
		return "of its ForwardedValues"
	case c.Name != "":
		return c.Name
	case c.ID != "":
		return c.ID
	default:
		return "without a name"
	}
}

// answer says what the viewer gets.
func (d *dry) answer(at stepID) {
	x, to := d.x, &d.out.Answer
	if to.By != "" {
		return
	}
	to.Status, to.XCache = x.rs.Status, x.rec.Result.Type.XCache()
	for f := range x.rs.Fields() {
		to.Headers = append(to.Headers, [2]string{f.Name, f.Value})
	}
	switch {
	case x.socket.open:
		to.By = "the origin agrees to a WebSocket"
	case at == stepFinish:
		to.By = "nobody: the request ends without an answer"
	default:
		to.By = d.answeredBy()
		d.wishAnswer()
	}
}

func (d *dry) answeredBy() string {
	x := d.x
	switch {
	case d.blocked():
		return "the web ACL"
	case x.rec.Cache.Status.Served():
		return "the cache"
	case x.asked.generated && x.asked.rs != nil:
		return "the function " + x.beh.originRequest.Name()
	case x.asked.generated:
		return "the edge: the function " + x.beh.originRequest.Name() + " failed"
	case x.asked.rs != nil:
		return "the origin"
	case x.asked.err != nil:
		return "the edge: the origin failed"
	case x.rec.Cache.Reason == record.ReasonGenerated:
		return "the function " + d.out.Function[0].Name
	case x.rec.Result.Why != "":
		return "the edge, for the request is not signed as the behavior asks: " + x.rec.Result.Why + " [C13]"
	case x.rec.Result.Detail == record.ClientGeoBlocked:
		return "the edge, by geo restriction: the viewer is in " + x.place().Country + " [C11]"
	}
	return "the edge: " + plainText(x.body.text)
}

func (d *dry) blocked() bool { return d.out.Shield != nil && d.out.Shield.Action != "ALLOW" }

// wishAnswer says what lets a request come as far as the cache.
func (d *dry) wishAnswer() {
	x := d.x
	switch r := &x.rec; {
	case d.blocked():
		d.wish("the web ACL let it pass: rule " + d.out.Shield.Rule + " ended it")
	case r.Cache.Reason == record.ReasonGenerated:
		d.wish("the function " + d.out.Function[0].Name + " let the request go on")
	case len(d.out.Function) > 0 && d.out.Function[0].Error != "":
		d.wish("the function " + d.out.Function[0].Name + " did not fail")
	case r.Result.Why != "":
		d.wish("the URL or its cookies were signed by a key of the behavior's key groups, for this URL and this time")
	case r.Result.Detail == record.ClientGeoBlocked:
		d.wish("the viewer were in a country that the distribution lets in")
	case r.Result.Detail == record.InvalidRequestMethod:
		d.wish("the behavior allowed the method, and cached its answers: GET, HEAD, or OPTIONS")
	case r.Result.Type == record.Redirect:
		d.wish("it had been asked for by HTTPS")
	}
}

// nobody is the viewer of an explanation.
type nobody struct{}

func (nobody) Head(*httpmsg.Response) error { return nil }
func (nobody) Write(p []byte) (int, error)  { return len(p), nil }
func (nobody) Flush() error                 { return nil }
func (nobody) Abort()                       {}
