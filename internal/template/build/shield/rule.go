// SPDX-License-Identifier: Apache-2.0

package shield

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

func (b *builder) rules(list base.Value, bodies map[string]model.ACLBody) []*model.ACLRule {
	var out []*model.ACLRule
	for _, v := range list.List() {
		r := b.rule(v, bodies)
		for _, o := range out {
			if o.Name == r.Name {
				v.Get("Name").Fail("rename one of the two", "there is a rule %s already", r.Name)
			}
			if o.Priority == r.Priority {
				v.Get("Priority").Fail("give every rule a priority of its own", "rule %s has the priority %d already", o.Name, r.Priority)
			}
		}
		out = append(out, r)
	}
	return out
}

func (b *builder) rule(v base.Value, bodies map[string]model.ACLBody) *model.ACLRule {
	r := &model.ACLRule{Name: v.Get("Name").Text(), Priority: v.Get("Priority").Int(0), Pos: v.Pos().String()}
	r.Statement = b.top(v.Get("Statement"))
	for _, l := range v.Get("RuleLabels").List() {
		name := l.Get("Name").Text()
		if len(name) > 1024 || strings.HasPrefix(name, "aws:") || strings.HasPrefix(name, "awswaf:") {
			l.Fail("choose another name", "a label has at most 1,024 characters and does not begin with aws: or awswaf:")
		}
		r.Labels = append(r.Labels, name)
	}
	act, over := v.Get("Action"), v.Get("OverrideAction")
	switch r.Statement.(type) {
	case *model.GroupMatch, *model.ManagedMatch:
		if act.Exists() || !over.Exists() {
			v.Fail("give OverrideAction: {None: {}} and no Action", "a rule that names a group has an OverrideAction")
		}
		only(over, "Count", "None")
		r.CountGroup = over.Get("Count").Exists()
	default:
		if over.Exists() || !act.Exists() {
			v.Fail("give Action, for example {Block: {}}", "a rule has an Action, and OverrideAction only when it names a group")
		}
		a := action(act, bodies)
		r.Action = &a
	}
	return r
}

// action reads the one action of v.
func action(v base.Value, bodies map[string]model.ACLBody) model.ACLAction {
	var a model.ACLAction
	if len(v.Pairs()) != 1 {
		v.Fail("give one of Allow, Block, Count, Captcha, Challenge", "an action has exactly one kind")
		return a
	}
	p := v.Pairs()[0]
	switch p.Key {
	case "Allow":
		a.Kind = model.ACLAllow
	case "Count":
		a.Kind = model.ACLCount
	case "Captcha":
		a.Kind = model.ACLCaptcha
	case "Challenge":
		a.Kind = model.ACLChallenge
	case "Block":
		a.Kind = model.ACLBlock
		only(p.Value, "CustomResponse")
		if c := p.Value.Get("CustomResponse"); c.Exists() {
			a.Response = customResponse(c, bodies)
		}
		return a
	default:
		only(v, "Allow", "Block", "Count", "Captcha", "Challenge")
	}
	only(p.Value, "CustomRequestHandling")
	for _, h := range p.Value.Get("CustomRequestHandling", "InsertHeaders").List() {
		a.Insert = append(a.Insert, header(h))
	}
	return a
}

func header(h base.Value) model.HeaderField {
	only(h, "Name", "Value")
	f := model.HeaderField{Name: h.Get("Name").Text(), Value: h.Get("Value").Text()}
	if f.Name == "" || strings.ContainsFunc(f.Name, notInName) || strings.ContainsFunc(f.Value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		h.Fail("use letters, digits, - and _ in the name and no control characters in the value", "%q is no header", f.Name)
	}
	return f
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.$!#%&'*+^`|~", r)
}

func customResponse(c base.Value, bodies map[string]model.ACLBody) *model.ACLResponse {
	only(c, "ResponseCode", "CustomResponseBodyKey", "ResponseHeaders")
	out := &model.ACLResponse{Status: c.Get("ResponseCode").Int(0), BodyKey: c.Get("CustomResponseBodyKey").Text()}
	if !slices.Contains(responseCodes(), out.Status) {
		c.Get("ResponseCode").Fail("use a code of AWS WAF's list, for example 403, 429 or 503", "a block cannot answer with %d", out.Status)
	}
	if _, ok := bodies[out.BodyKey]; out.BodyKey != "" && !ok {
		c.Get("CustomResponseBodyKey").Fail("add it to CustomResponseBodies", "there is no custom response body %q", out.BodyKey)
	}
	for _, h := range c.Get("ResponseHeaders").List() {
		f := header(h)
		if strings.EqualFold(f.Name, "Content-Type") {
			h.Fail("leave it out: the body says its type", "a custom response sets no Content-Type")
		}
		out.Headers = append(out.Headers, f)
	}
	return out
}

// responseCodes are the statuses of custom responses (Developer Guide,
// "Supported status codes for custom response").
func responseCodes() []int {
	return []int{
		200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 411, 412, 413, 414, 415,
		416, 421, 429, 500, 501, 502, 503, 504,
	}
}

// only refuses what is not one of the keys.
func only(v base.Value, keys ...string) {
	for _, p := range v.Pairs() {
		if !slices.Contains(keys, p.Key) {
			p.Value.Fail(base.Nearest(p.Key, keys, "it is one of "+strings.Join(keys, ", ")), "there is no property %s here", p.Key)
		}
	}
}

// oneOf is a text of a closed list.
func oneOf(v base.Value, words ...string) string {
	if !slices.Contains(words, v.Text()) {
		v.Fail(base.Nearest(v.Text(), words, "it is one of "+strings.Join(words, ", ")), "%q is not a value of this property", v.Text())
	}
	return v.Text()
}
