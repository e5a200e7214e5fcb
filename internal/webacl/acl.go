// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// Options are what an ACL needs of the world.
type Options struct {
	// Place tells where an address is. Nil, or a nil Place: not known.
	Place func(netip.Addr) *model.Place
	// Forget switches the memory of verdicts off. The verdicts are the same.
	Forget bool
	// Log gives where the lines go of a web ACL that has a logging
	// configuration; it is asked while that is compiled. What it gives must not
	// block and keeps nothing of the line, which has no end of line. Nil, or nil
	// given: no lines are made.
	Log func(*model.WebACL) func(line []byte)
	// Before is the Set that the new one takes the place of. What its requests
	// taught goes on where the rules are the same: the memory of verdicts, and
	// the counts of rate-based rules. It must be open until Compile returns;
	// both may then be used, and are closed apart. Nil: there was none.
	Before *Set
}

// Set is the ACLs of one snapshot.
type Set struct {
	acls    map[string]*ACL
	rules   *engine                // nil: no managed group is used
	windows map[string]*keptWindow // of rate-based rules, by where they stand
}

// ACL is a compiled model.WebACL.
type ACL struct {
	m         *model.WebACL
	rules     []*rule
	fallback  action
	readsBody bool
	log       *logger   // nil: it keeps none
	idle      sync.Pool // *exam
	options   Options
}

// rule is a compiled model.ACLRule. Exactly one of when and group is set.
type rule struct {
	name       string
	when       statement
	group      group
	action     action
	countGroup bool
	labels     []string // fully qualified

	// For the log: the id of the group, and what the rule of a group does
	// where its reference does not override it.
	groupID    string
	native     model.ACLActionKind
	overridden bool
	excluded   bool // it is overridden by ExcludedRules
}

// Ask is a request to be decided about, and what the log says of whence it came.
type Ask struct {
	Request *httpmsg.Request
	Time    time.Time
	ID      string // of the request, as its answer shows it
	Source  Source
}

// Source is what a web ACL protects.
type Source struct {
	Name string // CF or APIGW
	ID   string // of the distribution; account, API and stage with colons between
}

// statement is what a rule asks.
type statement interface {
	match(x *exam) bool
}

// group is a list of rules that stands in a rule's place. It returns the rule
// that ended the evaluation, or nil.
type group interface {
	evaluate(x *exam) *rule
}

// Compile makes the Set of web ACLs. Its error names the ACL and the rule.
func Compile(acls []*model.WebACL, o Options) (*Set, error) {
	s := &Set{acls: map[string]*ACL{}, windows: map[string]*keptWindow{}}
	c := &compiler{options: o, set: s}
	var err error
	if s.rules, err = engineOf(families(acls), &o); err != nil {
		return nil, fmt.Errorf("managed rule groups: %w", err)
	}
	var errs []error
	for _, m := range acls {
		a, err := c.acl(m)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: web ACL %s: %w", m.Pos, m.LogicalID, err))
			continue
		}
		s.acls[m.ARN] = a
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ACL is the web ACL with an ARN, or nil.
func (s *Set) ACL(arn string) *ACL {
	if s == nil {
		return nil
	}
	return s.acls[arn]
}

// ErrEngine is in the error of Screen when the rules could not be asked. The
// request must not go on.
var ErrEngine = errors.New("the engine of the managed rule groups failed")

// Close gives back what the Set holds. No request may be screened meanwhile or
// afterwards.
func (s *Set) Close() error {
	if s == nil || s.rules == nil {
		return nil
	}
	return s.rules.release()
}

// Name is the name of the web ACL.
func (a *ACL) Name() string { return a.m.Name }

// ReadsBody tells whether some rule looks into bodies: Screen then reads from
// the body of a request that has one, and may block.
func (a *ACL) ReadsBody() bool { return a.readsBody }

// Screen decides about a request and writes the decision into v, whose memory
// is used again. Where a body was read, Request.Body gives it once more from
// its beginning. The error is ErrEngine, or that of reading the body.
func (a *ACL) Screen(q Ask, v *Verdict) error { return a.screen(q, v, false) }

// Preview is Screen, but that rate-based rules look and do not count, and that
// nothing is logged.
func (a *ACL) Preview(q Ask, v *Verdict) error { return a.screen(q, v, true) }

func (a *ACL) screen(q Ask, v *Verdict, dry bool) error {
	x, _ := a.idle.Get().(*exam)
	if x == nil {
		x = new(exam)
	}
	defer a.recycle(x)
	v.reset()
	v.ACL = a.m.Name
	x.acl, x.rq, x.now, x.v, x.dry = a, q.Request, q.Time, v, dry
	if a.readsBody {
		if err := x.readBody(a.m.BodyLimit); err != nil {
			return err
		}
	}
	if a.log != nil && !dry {
		x.trace = new(trace)
	}
	if err := x.decide(); err != nil {
		return err
	}
	if x.trace != nil {
		a.log.write(x, q)
	}
	return nil
}

func (x *exam) decide() error {
	r, v := x.walk(x.acl.rules), x.v
	if x.err != nil { // fail closed: what should have been asked could not be
		return fmt.Errorf("%w: %w", ErrEngine, x.err)
	}
	if r == nil {
		v.Rule = "Default_Action"
		v.take(&x.acl.fallback)
		return nil
	}
	v.Rule = r.name
	v.take(&r.action)
	if x.inner != nil {
		v.Inner = x.inner.name
		v.take(&x.inner.action)
	}
	return nil
}

func (a *ACL) recycle(x *exam) {
	x.reset()
	a.idle.Put(x)
}

// walk tries rules in their order and returns the one that ended it, or nil.
func (x *exam) walk(rules []*rule) *rule {
	for _, r := range rules {
		if r.group != nil {
			if x.walkGroup(r) {
				return r
			}
			continue
		}
		x.trace.begin()
		if !r.when.match(x) {
			continue
		}
		x.trace.matched(r)
		for _, l := range r.labels {
			x.label(l)
		}
		if r.action.kind != model.ACLCount {
			return r
		}
		x.v.count(r)
	}
	return nil
}

// walkGroup tries the rules of a group.
func (x *exam) walkGroup(r *rule) (ended bool) {
	x.trace.enter(r)
	inner := r.group.evaluate(x)
	x.trace.leave(inner != nil, r.countGroup)
	if inner == nil {
		return false
	}
	if r.countGroup {
		x.v.Counted = append(x.v.Counted, r.name)
		return false
	}
	x.inner = inner
	return true
}

// maxLabels is how many labels a request can have.
const maxLabels = 100

// label adds a label to the request, once.
func (x *exam) label(l string) {
	if len(x.v.Labels) < maxLabels && !slices.Contains(x.v.Labels, l) {
		x.v.Labels = append(x.v.Labels, l)
	}
}

// hasLabel tells whether the request has a label, or one in a namespace.
func (x *exam) hasLabel(key string, namespace bool) bool {
	return slices.ContainsFunc(x.v.Labels, func(l string) bool {
		return l == key || namespace && strings.HasPrefix(l, key)
	})
}
