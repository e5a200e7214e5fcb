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
	// Country tells the ISO 3166 code of an address's country, "" when it is
	// not known. Nil: none is known.
	Country func(netip.Addr) string
	// Forget switches the memory of verdicts off. The verdicts are the same.
	Forget bool
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
// is used again. Where a body was read, rq.Body gives it once more from its
// beginning. The error is ErrEngine, or that of reading the body.
func (a *ACL) Screen(rq *httpmsg.Request, now time.Time, v *Verdict) error {
	return a.screen(rq, now, v, false)
}

// Preview is Screen, but that rate-based rules look and do not count.
func (a *ACL) Preview(rq *httpmsg.Request, now time.Time, v *Verdict) error {
	return a.screen(rq, now, v, true)
}

func (a *ACL) screen(rq *httpmsg.Request, now time.Time, v *Verdict, dry bool) error {
	x, _ := a.idle.Get().(*exam)
	if x == nil {
		x = new(exam)
	}
	defer a.recycle(x)
	v.reset()
	v.ACL = a.m.Name
	x.acl, x.rq, x.now, x.v, x.dry = a, rq, now, v, dry
	if a.readsBody {
		if err := x.readBody(a.m.BodyLimit); err != nil {
			return err
		}
	}
	r := x.walk(a.rules)
	if x.err != nil { // fail closed: what should have been asked could not be
		return fmt.Errorf("%w: %w", ErrEngine, x.err)
	}
	if r != nil {
		v.Rule = r.name
		v.take(&r.action)
		if x.inner != nil {
			v.Inner = x.inner.name
			v.take(&x.inner.action)
		}
		return nil
	}
	v.Rule = "Default_Action"
	v.take(&a.fallback)
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
		if !r.when.match(x) {
			continue
		}
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
	inner := r.group.evaluate(x)
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
