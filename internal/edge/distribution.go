// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edge/made"
	"github.com/forelane/forelane/internal/edge/meter"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// distribution is the running form of a model.Distribution.
type distribution struct {
	m         *model.Distribution
	behaviors []*behavior
	via       string // value of Via
	altSvc    string // value of Alt-Svc, "": none
	shield    Shield // nil: no web ACL
	secure    Secure
	rollout   *split     // nil: it answers all of its requests
	made      *made.Ways // to origins of functions
	realtime  bool       // a behavior has a real-time log
	placed    bool       // records say where the viewer is
	// terms by which viewers are asked for certificates, and those with the
	// distribution that the handshake was for (mutual.go); empty: they are not.
	terms, mutual string
	passes        bool // the origin verifies viewers, and must see each request
	errors        map[int]*model.CustomError
	origins       map[string]*originRef // by id of origin or group

	meter     *meter.Distribution
	signature [record.ResultTypes]httpmsg.Head // see headers.go
}

// errorMinTTL is ErrorCachingMinTTL when the template does not say.
const errorMinTTL = 10 * time.Second

// errorTTL is ErrorCachingMinTTL of a status.
func (d *distribution) errorTTL(status int) time.Duration {
	if c := d.errors[status]; c != nil && c.CachingMinTTL != nil {
		return *c.CachingMinTTL
	}
	return errorMinTTL
}

func (e *Edge) compileDistribution(m *model.Distribution) (*distribution, error) {
	sum := sha256.Sum256([]byte(e.deps.POP + m.ID))
	d := &distribution{
		m:       m,
		made:    &made.Ways{},
		altSvc:  altSvc(m, e.deps.HTTP3Port),
		via:     "1.1 " + hex.EncodeToString(sum[:16]) + ".cloudfront.net (CloudFront)",
		errors:  make(map[int]*model.CustomError),
		origins: make(map[string]*originRef),
	}
	for i := range m.CustomErrors {
		d.errors[m.CustomErrors[i].Code] = &m.CustomErrors[i]
	}
	d.sign(e.deps.POP)
	if m.WebACL != "" && e.deps.WebACL != nil {
		d.shield = e.deps.WebACL(m.WebACL)
	}
	if err := e.compileMutual(d); err != nil {
		return nil, err
	}
	d.meter = meter.New(e.deps.Metrics, m)
	d.placed = e.deps.Placed != nil && e.deps.Placed(m)
	if err := e.compileOrigins(d); err != nil {
		return nil, err
	}
	if len(m.Behaviors) == 0 {
		return nil, errors.New("no default cache behavior")
	}
	for _, mb := range m.Behaviors {
		b, err := e.compileBehavior(d, mb)
		if err != nil {
			return nil, fmt.Errorf("behavior %s: %w", mb.PathPattern, err)
		}
		d.behaviors = append(d.behaviors, b)
	}
	d.secure = d.secureTerms()
	return d, nil
}

// fileHosts makes the table of hosts: aliases and cloudfront.net names,
// LOGICALID.STACK.localhost, and STACK.localhost for an only distribution. A
// disabled distribution answers to nothing, a staging one to its primary only.
func (e *Edge) fileHosts(stack string) error {
	var live []*distribution
	for _, d := range e.dists {
		if d.m.Enabled && !d.m.Staging {
			live = append(live, d)
		}
	}
	var errs []error
	for _, d := range live {
		names := slices.Clone(d.m.Aliases)
		if d.m.DomainName != "" {
			names = append(names, d.m.DomainName)
		}
		if stack != "" {
			names = append(names, LocalHost(stack, d.m, false))
			if len(live) == 1 {
				names = append(names, LocalHost(stack, d.m, true))
			}
		}
		for _, n := range names {
			if err := e.hosts.table.Add(n, d); err != nil {
				errs = append(errs, fmt.Errorf("%s: distribution %s: %w", d.m.Pos, d.m.LogicalID, err))
			}
		}
	}
	if len(live) == 1 {
		e.hosts.only = live[0]
	}
	e.hosts.names = e.hosts.table.Names()
	return errors.Join(errs...)
}

// LocalHost is the name below localhost of a distribution: LOGICALID.STACK, or
// STACK when it is the stack's only one. A label has at most 63 characters
// (RFC 1035 2.3.4), which CDK's logical ids often exceed: a distribution's id
// then stands for its logical id, and a stack's name is cut.
func LocalHost(stack string, d *model.Distribution, only bool) string {
	const longest = 63
	stack = strings.ToLower(stack)
	if len(stack) > longest {
		stack = strings.TrimRight(stack[:longest], "-")
	}
	label := strings.ToLower(d.LogicalID)
	if len(label) > longest {
		label = strings.ToLower(d.ID)
	}
	if only {
		return stack + ".localhost"
	}
	return label + "." + stack + ".localhost"
}

// find is the distribution for a Host, or nil.
func (h *Hosts) find(host string) *distribution {
	if d, ok := h.table.Find(host); ok {
		return d
	}
	return h.only
}

// Hosts are the names this edge answers to, wildcards included, sorted.
func (e *Edge) Hosts() []string { return e.hosts.names }

// Answers tells whether a Host is meant for a distribution by its name, and
// not only because there is a single one.
func (e *Edge) Answers(host string) bool {
	_, ok := e.hosts.table.Find(host)
	return ok
}

func (x *Exchange) distribution() stepID {
	x.dist = x.edge.hosts.find(x.rq.Host)
	if t := x.rq.Viewer.TLS; t != nil && t.ServerName != "" && x.dist != nil {
		// A connection that was opened for one distribution must not be used
		// for another (RFC 9110 15.5.20); names that are nobody's do not count.
		if d, ok := x.edge.hosts.table.Find(t.ServerName); ok && d != x.dist {
			x.rec.Result.Detail = record.InvalidRequestCertificate
			return x.refuse(421, "The connection was opened for another distribution.")
		}
	}
	if x.dist == nil {
		x.rec.Result.Detail = record.InvalidRequest
		text := "No distribution answers to this Host. There are:\n"
		for _, n := range x.edge.hosts.names {
			text += "  " + n + "\n"
		}
		x.rs = httpmsg.Response{Status: 404}
		x.rs.Header.Add("Content-Type", "text/plain; charset=utf-8")
		x.body = body{text: []byte(text)}
		return x.generated(record.Error)
	}
	if !x.identified() {
		x.rec.Result.Detail = record.InvalidRequest
		return x.refuse(421, "The connection was not opened by the distribution's terms for certificates of viewers.")
	}
	wrong := x.wrongVersion()
	if r := x.dist.rollout; r != nil && !wrong {
		x.rec.Edge.PrimaryID, x.rec.Edge.PrimaryDomain = x.dist.m.ID, x.dist.m.DomainName
		x.rollOut(r)
	}
	x.rec.Edge.Distribution, x.rec.Edge.Domain = x.dist.m.ID, x.dist.m.DomainName
	if wrong {
		x.rec.Result.Detail = record.InvalidRequest
		return x.refuse(421, "The distribution is not served over HTTP/3.")
	}
	return stepScreen
}
