// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"fmt"
	"net/http"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// Verdict is what an ACL decided about one request. The zero Verdict is usable;
// Screen writes it anew and keeps its memory.
type Verdict struct {
	ACL    string              // name of the web ACL
	Action model.ACLActionKind // never Count
	Rule   string              // that ended it; Default_Action when none did
	Inner  string              // the rule of the group that Rule names
	Labels []string            // all that rules added
	// Counted are the rules that matched and only counted.
	Counted []string
	// Findings are the rules of the Core Rule Set that matched, if the managed
	// groups were asked, whichever rule decided.
	Findings []int
	// Insert goes into the request before anybody else sees it. AWS replaces
	// what a viewer sent under such a name.
	Insert []httpmsg.Field
	// Answer is what is sent in place of an answer of the origin.
	Answer Answer
}

// Answer is how a refused request is answered. Where Custom is false it is AWS
// WAF's own, which a plane may word in its own way.
type Answer struct {
	Custom      bool
	Status      int
	ContentType string
	Body        string
	Headers     []httpmsg.Field
}

// Passes tells whether the request goes on.
func (v *Verdict) Passes() bool { return v.Action == model.ACLAllow }

func (v *Verdict) reset() {
	*v = Verdict{Labels: v.Labels[:0], Counted: v.Counted[:0], Findings: v.Findings[:0], Insert: v.Insert[:0]}
}

func (v *Verdict) count(r *rule) {
	v.Counted = append(v.Counted, r.name)
	v.Insert = append(v.Insert, r.action.insert...)
}

func (v *Verdict) take(a *action) {
	v.Action = a.kind
	if a.kind == model.ACLAllow {
		v.Insert = append(v.Insert, a.insert...)
		return
	}
	v.Answer = a.answer
}

// action is a compiled model.ACLAction.
type action struct {
	kind   model.ACLActionKind
	insert []httpmsg.Field
	answer Answer
}

// insertPrefix stands before the name of every header that an action inserts.
const insertPrefix = "x-amzn-waf-"

func compileAction(m *model.ACLAction, bodies map[string]model.ACLBody) (action, error) {
	a := action{kind: m.Kind}
	for _, h := range m.Insert {
		a.insert = append(a.insert, httpmsg.Field{Name: insertPrefix + h.Name, Value: h.Value})
	}
	switch m.Kind {
	case model.ACLCount, model.ACLAllow:
		return a, nil
	case model.ACLCaptcha:
		a.answer = puzzle(http.StatusMethodNotAllowed, "captcha")
		return a, nil
	case model.ACLChallenge:
		a.answer = puzzle(http.StatusAccepted, "challenge")
		return a, nil
	case model.ACLBlock:
	}
	a.answer = Answer{Status: http.StatusForbidden}
	r := m.Response
	if r == nil {
		return a, nil
	}
	a.answer = Answer{Custom: true, Status: r.Status}
	for _, h := range r.Headers {
		a.answer.Headers = append(a.answer.Headers, httpmsg.Field{Name: h.Name, Value: h.Value})
	}
	if r.BodyKey != "" {
		b, ok := bodies[r.BodyKey]
		if !ok {
			return a, fmt.Errorf("there is no custom response body %q", r.BodyKey)
		}
		a.answer.ContentType, a.answer.Body = b.ContentType, b.Content
	}
	return a, nil
}

// puzzle answers where AWS sends a page with a script that earns a token: its
// status and its mark, and a text that says that there is no such page here.
func puzzle(status int, kind string) Answer {
	return Answer{
		Custom: true, Status: status, ContentType: "text/plain; charset=utf-8",
		Body:    "The web ACL answers this request with a " + kind + ". Forelane has none, so that no viewer passes it.\n",
		Headers: []httpmsg.Field{{Name: insertPrefix + "action", Value: kind}},
	}
}
