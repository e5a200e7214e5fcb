// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// The log of a web ACL (row W8): a line of JSON for each request that the filter
// keeps, with the fields of AWS's "Log fields for web ACL traffic"; logline.go
// has them, protect.go what is not shown.

// logger is the running form of a model.ACLLogging.
type logger struct {
	m       *model.ACLLogging
	protect []protection
	to      func(line []byte)
}

// compileLog gives an ACL its log, if it has one and there is somebody to take
// its lines.
func (c *compiler) compileLog(m *model.WebACL) *logger {
	if m.Logging == nil || c.options.Log == nil {
		return nil
	}
	to := c.options.Log(m)
	if to == nil {
		return nil
	}
	l := &logger{m: m.Logging, to: to}
	for i := range m.Logging.Redact { // before the others: nothing is stronger
		l.protect = append(l.protect, protection{&m.Logging.Redact[i], ""})
	}
	for i := range m.Protect {
		l.protect = append(l.protect, protection{&m.Protect[i], account(m.ARN)})
	}
	return l
}

// account is the account in an ARN (arn:aws:wafv2:us-east-1:123456789012:…).
func account(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// write tells of an evaluation that is over.
func (l *logger) write(x *exam, q Ask) {
	if !l.keeps(x) {
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l.line(x, q)); err != nil {
		return // none of its types can fail
	}
	l.to(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// keeps asks the filters.
func (l *logger) keeps(x *exam) bool {
	for i := range l.m.Filters {
		if f := &l.m.Filters[i]; f.Any && slices.ContainsFunc(f.Conditions, x.meets) ||
			!f.Any && !slices.ContainsFunc(f.Conditions, func(c model.ACLLogCondition) bool { return !x.meets(c) }) {
			return !f.Drop
		}
	}
	return !l.m.Drop
}

// meets tells whether a condition of a filter holds: the request has the label,
// or some rule that matched took the action.
func (x *exam) meets(c model.ACLLogCondition) bool {
	if c.Label != "" {
		return slices.Contains(x.v.Labels, c.Label)
	}
	if x.v.Action.String() == c.Action || c.Action == "COUNT" && len(x.trace.counted) > 0 {
		return true
	}
	for i := range x.trace.groups {
		g := &x.trace.groups[i]
		if g.ended != nil && g.ended.rule.action.kind.String() == c.Action || c.Action == "COUNT" && len(g.counted) > 0 {
			return true
		}
		if c.Action == "EXCLUDED_AS_COUNT" && slices.ContainsFunc(g.counted, func(m matched) bool { return m.rule.overridden }) {
			return true
		}
	}
	return false
}
