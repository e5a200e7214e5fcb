// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/policy"
)

// maxAnswer is the largest answer of a Lambda authorizer.
const maxAnswer = 8 << 10

// answer is what a Lambda authorizer said.
type answer struct {
	policy  *policy.Document // nil: a simple answer
	allowed bool             // a simple answer's
	// first is the Grant with the invocation's latency, again the one of an
	// answer that was kept.
	first, again *Grant
	size         int
}

// apply decides about one request.
func (a *answer) apply(rq *Request, g *Grant) (*Grant, *Denial) {
	if a.policy == nil {
		if a.allowed {
			return g, nil
		}
		return nil, deny(Forbidden, "the authorizer says isAuthorized: false")
	}
	out := policy.Allow
	for _, resource := range rq.Resources {
		switch a.policy.Decide(&policy.Request{Action: "execute-api:Invoke", Resource: resource, Context: rq.Conditions}) {
		case policy.Allow:
		case policy.Deny:
			return nil, deny(ForbiddenDeny, "the authorizer's policy denies %s to %q", resource, g.Principal)
		case policy.Implicit:
			out = policy.Implicit
		}
	}
	if out != policy.Allow || len(rq.Resources) == 0 {
		d := deny(Forbidden, "the authorizer's policy does not allow %q to %q", rq.Resources, g.Principal)
		d.Grant = g
		return nil, d
	}
	return g, nil
}

// parseAnswer reads an answer. Members are told apart exactly, which
// encoding/json's structs do not.
func parseAnswer(data []byte, f form, took time.Duration) (*answer, error) {
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("%d bytes, the limit is %d", len(data), maxAnswer)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil || m == nil {
		return nil, errors.New("it is no JSON object")
	}
	a := &answer{size: 3 * len(data)}
	first := &Grant{}
	if f.simple {
		if err := read(m, "isAuthorized", &a.allowed); err != nil {
			return nil, err
		}
	} else {
		if err := read(m, "principalId", &first.Principal); err != nil && f.rest {
			return nil, err
		}
		doc, err := policy.Parse(string(m["policyDocument"]))
		if err != nil {
			return nil, fmt.Errorf("policyDocument: %w", err)
		}
		if !doc.NamesResources() {
			return nil, errors.New("policyDocument: a statement has no Resource")
		}
		a.policy = doc
	}
	_ = read(m, "usageIdentifierKey", &first.UsageKey) // optional
	if err := first.describe(m["context"], f, int(took.Milliseconds())); err != nil {
		return nil, err
	}
	a.first = first
	again := *first
	if err := again.describe(m["context"], f, 0); err != nil {
		return nil, err
	}
	a.again = &again
	return a, nil
}

func read(m map[string]json.RawMessage, name string, to any) error {
	raw, ok := m[name]
	if !ok || string(raw) == "null" {
		return fmt.Errorf("%s is missing", name)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// describe makes what events and variables tell of the answer's context.
// Formats before 2.0 know texts, numbers and booleans only, and a REST API
// makes texts of them.
func (g *Grant) describe(raw json.RawMessage, f form, latency int) error {
	var context map[string]json.RawMessage
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &context); err != nil {
			return errors.New("context is no object")
		}
	}
	g.Vars = map[string]string{}
	b := []byte(`{`)
	if g.Principal != "" || f.rest {
		b = append(appendText(append(b, `"principalId":`...), g.Principal), ',')
	}
	b = fmt.Appendf(b, `"integrationLatency":%d`, latency)
	for _, name := range slices.Sorted(maps.Keys(context)) {
		value := context[name]
		text := string(value)
		switch value[0] {
		case '"':
			if err := json.Unmarshal(value, &text); err != nil {
				return fmt.Errorf("context %s: %w", name, err)
			}
		case '{', '[':
			if !f.format2 {
				return fmt.Errorf("context %s is an object or a list, which format 1.0 does not take", name)
			}
		case 'n':
			text = ""
		}
		g.Vars[name] = text
		if name == "principalId" || name == "integrationLatency" {
			continue
		}
		b = append(appendText(append(b, ','), name), ':')
		if f.rest && value[0] != 'n' {
			b = appendText(b, text)
		} else {
			b = append(b, value...)
		}
	}
	if g.Principal != "" || f.rest {
		g.Vars["principalId"] = g.Principal
	}
	g.Event1 = append(b, '}')
	if f.rest {
		return nil
	}
	if context == nil {
		raw = json.RawMessage("null")
	}
	g.Event2 = fmt.Appendf(nil, `{"lambda":%s}`, raw)
	return nil
}
