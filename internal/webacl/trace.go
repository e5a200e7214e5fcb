// SPDX-License-Identifier: Apache-2.0

package webacl

import "github.com/forelane/forelane/internal/model"

// trace is what the log wants to know of an evaluation beyond its Verdict. Only
// an ACL with a log has one; all its methods do nothing on nil, so that the
// others pay for it with a comparison.
type trace struct {
	groups  []groupTrace
	inside  bool // the rules of the last of groups are tried
	counted []matched
	rates   []matched
	ended   *matched
	details []detail // of the rule that is tried
}

// groupTrace is a group that was asked.
type groupTrace struct {
	rule    *rule
	ended   *matched
	counted []matched
}

// matched is a rule and what it found.
type matched struct {
	rule    *rule
	details []detail
}

// detail is what a statement about SQL or scripts found.
type detail struct {
	condition   string // SQL_INJECTION, XSS
	sensitivity string
	in          *inspect
	text        string // as it was after the transformations
}

// maxMatched is how much of a text that matched is kept.
const maxMatched = 64

func (t *trace) found(d detail) {
	d.text = d.text[:min(len(d.text), maxMatched)]
	t.details = append(t.details, d)
}

// mark and forget drop what a statement found that did not count in the end.
func (t *trace) mark() int {
	if t == nil {
		return 0
	}
	return len(t.details)
}

func (t *trace) forget(to int) {
	if t != nil {
		t.details = t.details[:to]
	}
}

// begin tries the next rule.
func (t *trace) begin() {
	if t != nil {
		t.details = nil
	}
}

// matched notes that the rule that is tried matches.
func (t *trace) matched(r *rule) {
	if t == nil {
		return
	}
	m := matched{r, t.details}
	if _, ok := r.when.(*rateMatch); ok {
		t.rates = append(t.rates, m)
	}
	counted, ended := &t.counted, &t.ended
	if t.inside {
		g := &t.groups[len(t.groups)-1]
		counted, ended = &g.counted, &g.ended
	}
	if r.action.kind == model.ACLCount {
		*counted = append(*counted, m)
	} else {
		*ended = &m
	}
}

// enter and leave stand around the rules of a group.
func (t *trace) enter(r *rule) {
	if t != nil {
		t.groups, t.inside = append(t.groups, groupTrace{rule: r}), true
	}
}

func (t *trace) leave(ended, counts bool) {
	switch {
	case t == nil:
		return
	case ended && counts:
		t.counted = append(t.counted, matched{rule: t.groups[len(t.groups)-1].rule})
	case ended:
		t.ended = &matched{rule: t.groups[len(t.groups)-1].rule}
	}
	t.inside = false
}
