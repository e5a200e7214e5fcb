// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
)

// site is a distribution as rules look at it.
type site struct {
	run     *run
	stack   *model.Stack
	d       *model.Distribution
	flows   []*flow
	targets []*target
	told    map[string]bool
}

// flow is a behavior: what its requests carry, and where they go.
type flow struct {
	b         *model.Behavior
	at        string         // CacheBehaviors[0], DefaultCacheBehavior
	pattern   pattern.Path   // zero when it is not valid
	before    []pattern.Path // of earlier behaviors, those that overlap
	isDefault bool
	targets   []*target
	protected []guarded // routes with a guard; see routes.go
}

// kind is what an origin is. The list is closed.
type kind uint8

const (
	otherHost kind = iota
	apiEndpoint
	apiDomain // a custom domain of an API of the stacks
	functionURL
	bucketREST
	bucketWebsite
)

// String is a word for messages.
func (k kind) String() string {
	return [...]string{"another host", "API Gateway", "API Gateway", "a function URL", "a bucket", "a bucket's website", "?", "?"}[k&7]
}

// dynamic tells whether a program answers.
func (k kind) dynamic() bool { return k == apiEndpoint || k == apiDomain || k == functionURL }

// target is an origin and what is behind its host name. The pointers are nil
// for what is not of the stacks.
type target struct {
	o      *model.Origin
	at     string // Origins[0]
	kind   kind
	stack  *model.Stack
	api    *model.API
	domain *model.Domain
	url    *model.FunctionURL
	bucket *model.Bucket
	used   bool
}

func newSite(r *run, stack *model.Stack, d *model.Distribution) *site {
	s := &site{run: r, stack: stack, d: d, told: map[string]bool{}}
	for i, o := range d.Origins {
		s.targets = append(s.targets, r.target(o, fmt.Sprintf("Origins[%d]", i)))
	}
	var before []pattern.Path
	for i, b := range d.Behaviors {
		f := &flow{b: b, at: fmt.Sprintf("CacheBehaviors[%d]", i), isDefault: i == len(d.Behaviors)-1}
		if f.isDefault {
			f.at = "DefaultCacheBehavior"
		}
		if p, err := pattern.CompilePath(b.PathPattern); err == nil {
			f.pattern, f.before = p, overlapping(before, p)
			before = append(before, p)
		}
		for _, t := range s.targets {
			g := d.Group(b.Target)
			if t.o.ID == b.Target || g != nil && slices.Contains(g.Members, t.o.ID) {
				t.used = true
				f.targets = append(f.targets, t)
			}
		}
		s.flows = append(s.flows, f)
	}
	for _, f := range s.flows {
		f.protected = f.guardedRoutes()
	}
	return s
}

// overlapping are the patterns that match some path of p, too.
func overlapping(all []pattern.Path, p pattern.Path) []pattern.Path {
	var out []pattern.Path
	for _, q := range all {
		if _, ok := pattern.Overlap(q, p); ok {
			out = append(out, q)
		}
	}
	return out
}

// target finds what is behind an origin's host.
func (r *run) target(o *model.Origin, where string) *target {
	t := &target{o: o, at: where}
	host := strings.ToLower(o.DomainName)
	label, rest, _ := strings.Cut(host, ".")
	switch {
	case strings.HasPrefix(rest, "execute-api."):
		t.kind = apiEndpoint
	case strings.HasPrefix(rest, "lambda-url."):
		t.kind = functionURL
	case strings.Contains(host, ".s3-website"):
		t.kind = bucketWebsite
	case o.S3:
		t.kind = bucketREST
	}
	name, _, _ := strings.Cut(host, ".s3")
	for _, s := range r.stacks {
		switch t.kind {
		case apiEndpoint:
			if a := s.API(label); a != nil {
				t.api, t.stack = a, s
			}
		case functionURL:
			for _, f := range s.Functions {
				for _, u := range f.URLs {
					if strings.EqualFold(u.Host, host) {
						t.url, t.stack = u, s
					}
				}
			}
		case bucketREST, bucketWebsite:
			if b := s.Bucket(name); b != nil {
				t.bucket, t.stack = b, s
			}
		}
		for _, d := range s.Domains {
			if t.kind == otherHost && (strings.EqualFold(d.Name, host) || containsFold(d.Targets, host)) {
				t.kind, t.domain, t.stack = apiDomain, d, s
			}
		}
	}
	return t
}

// cacheable tells whether any answer of the behavior can be stored.
func (f *flow) cacheable() bool {
	c := f.b.Cache
	return !c.Disabled() && c.MaxTTL > 0 && c.Headers.Mode != model.SelectAll
}

// byDefault tells whether answers are stored that say nothing about it.
func (f *flow) byDefault() bool { return f.b.Cache.DefaultTTL > 0 || f.b.Cache.MinTTL > 0 }

// static tells whether all that the behavior leads to are buckets.
func (f *flow) static() bool {
	for _, t := range f.targets {
		if t.kind != bucketREST && t.kind != bucketWebsite {
			return false
		}
	}
	return len(f.targets) > 0
}

// signed tells whether the behavior wants signed URLs or cookies.
func (f *flow) signed() bool { return len(f.b.TrustedKeyGroups) > 0 || f.b.TrustedSigners }

// name is the behavior in messages.
func (f *flow) name() string {
	if f.isDefault {
		return "the default behavior"
	}
	return f.b.PathPattern
}

// keyAt and forwardAt are where a behavior names what is in its key and what
// it forwards beside. Behaviors that share a policy share what is said of it.
func (f *flow) keyAt() at {
	if f.b.Cache.Legacy {
		return at{property: f.at + ".ForwardedValues"}
	}
	return at{property: f.at + ".CachePolicyId", about: f.b.Cache.ID, policy: f.b.Cache.ID}
}

func (f *flow) forwardAt() at {
	if f.b.Cache.Legacy {
		return at{property: f.at + ".ForwardedValues"}
	}
	where := at{property: f.at + ".OriginRequestPolicyId"}
	if f.b.OriginRequest != nil {
		where.policy = f.b.OriginRequest.ID
	}
	return where
}

// policy is the cache policy in messages.
func (f *flow) policy() string {
	if f.b.Cache.Legacy {
		return "ForwardedValues"
	}
	return "cache policy " + cmpOr(f.b.Cache.Name, f.b.Cache.ID)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// has tells whether a selection takes a name. fold is for headers.
func has(s model.Selection, name string, fold bool) bool {
	listed := slices.Contains(s.Names, name) || fold && containsFold(s.Names, name)
	switch s.Mode {
	case model.SelectNone:
		return false
	case model.SelectList:
		return listed
	case model.SelectAllExcept:
		return !listed
	case model.SelectAllViewerAndCloudFront:
		return listed || !strings.HasPrefix(strings.ToLower(name), "cloudfront-")
	}
	return true
}

// keyed and forwarded tell whether an input is in the key, and whether it
// reaches the origin with a GET.
func (f *flow) keyed(in input) bool {
	c := f.b.Cache
	switch in.kind {
	case query:
		return has(c.Queries, in.name, false)
	case cookie:
		return has(c.Cookies, in.name, false)
	}
	return c.Headers.Mode == model.SelectList && containsFold(c.Headers.Names, in.name)
}

func (f *flow) forwarded(in input) bool {
	if f.keyed(in) || in.kind == header && f.b.Cache.Headers.Mode == model.SelectAll {
		return true
	}
	if f.b.Cache.Legacy && in.kind == header && !legacyKeeps(in.name) {
		return true
	}
	p := f.b.OriginRequest
	if p == nil {
		return false
	}
	switch in.kind {
	case query:
		return has(p.Queries, in.name, false)
	case cookie:
		return has(p.Cookies, in.name, false)
	}
	return has(p.Headers, in.name, true)
}

// legacyKeeps tells which headers ForwardedValues without them keep from the
// origin; all others go on (row O4).
func legacyKeeps(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "cloudfront-") || containsFold([]string{
		"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "Cookie", "Host", "Referer", "User-Agent", "X-HTTP-Method-Override",
	}, name)
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
}
