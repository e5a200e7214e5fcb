// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Keys that are too narrow (something that can change the answer is forwarded
// and not in the key) and too wide (something that hardly ever changes it is
// in the key); row X5.

// forLogs are headers that origins get for their logs, mostly.
var forLogs = []string{
	"User-Agent", "Referer", "X-Forwarded-For", "X-Request-Id", "X-Correlation-Id", "X-Amzn-Trace-Id", "Traceparent", "Tracestate",
	"CloudFront-Viewer-Address", "CloudFront-Viewer-ASN",
}

// severity weighs what is not in the key: an origin that must opt in to
// caching, and a bucket, which answers by path, are less likely to be wrong.
func (f *flow) severity(usual Severity) Severity {
	switch {
	case f.static():
		return Info
	case !f.byDefault() && usual > Info:
		return usual - 1
	}
	return usual
}

// unkeyed finds what a cacheable behavior forwards without keying it.
func (s *site) unkeyed(f *flow) {
	p := f.b.OriginRequest
	if !f.cacheable() || p == nil {
		return
	}
	where := f.forwardAt()
	if p.ID != "" {
		where.about = p.ID + " " + f.b.Cache.ID
	}
	s.unkeyedHeaders(f, where)
	cookies, n := missing(p.Cookies, f.b.Cache.Cookies)
	if n > 0 {
		s.add(UnkeyedCookie, f.severity(Error), where, Finding{
			What: fmt.Sprintf("%s in the key of %s: an answer for one viewer is given to others", forwards(cookies, "cookies"), f.policy()),
			Mend: "put the cookies that change the answer into the cache policy, or use CachingDisabled for what depends on the viewer",
		})
	}
	queries, n := missing(p.Queries, f.b.Cache.Queries)
	if n > 0 {
		s.add(UnkeyedQuery, f.severity(Warning), where, Finding{
			What: fmt.Sprintf("%s in the key of %s: two requests that differ in them get one answer", forwards(queries, "query strings"), f.policy()),
			Mend: "put those that change the answer into the cache policy, and forward no others",
		})
	}
}

// missing lists what forward takes and key does not; n is 0 when it is nothing.
func missing(forward, key model.Selection) (names []string, n int) {
	switch forward.Mode {
	case model.SelectNone:
		return nil, 0
	case model.SelectList:
		for _, name := range forward.Names {
			if !has(key, name, false) {
				names = append(names, name)
			}
		}
		return names, len(names)
	}
	if key.Mode == model.SelectAll || key.Mode == model.SelectAllExcept && len(except(key.Names, forward)) == 0 {
		return nil, 0
	}
	return nil, 1
}

// except are the names that a key leaves out and forward takes.
func except(names []string, forward model.Selection) []string {
	var out []string
	for _, n := range names {
		if has(forward, n, false) {
			out = append(out, n)
		}
	}
	return out
}

// forwards begins a sentence about names that are forwarded and not keyed, or
// about all of a kind.
func forwards(names []string, kind string) string {
	switch len(names) {
	case 0:
		return "all " + kind + " are forwarded and not all of them are"
	case 1:
		return names[0] + " is forwarded and not"
	}
	return strings.Join(names[:min(len(names), 8)], ", ") + " are forwarded and not"
}

func (s *site) unkeyedHeaders(f *flow, where at) {
	p, names := f.b.OriginRequest, []string(nil)
	sev := f.severity(Warning)
	switch p.Headers.Mode {
	case model.SelectNone:
		return
	case model.SelectList:
		quiet := true
		for _, n := range p.Headers.Names {
			preflight := strings.HasPrefix(strings.ToLower(n), "access-control-request-")
			if containsFold(f.b.Cache.Headers.Names, n) || preflight && !slices.Contains(f.b.Cached, "OPTIONS") {
				continue
			}
			names, quiet = append(names, n), quiet && containsFold(forLogs, n)
		}
		if len(names) == 0 {
			return
		}
		if quiet {
			sev = Info
		}
	}
	s.add(UnkeyedHeader, sev, where, Finding{
		What: fmt.Sprintf("%s in the key of %s: the answer for the first viewer is given to all", forwards(names, "headers"), f.policy()),
		Mend: "put the headers that change the answer into the cache policy, and forward only what the origin needs",
	})
}

// volatile are headers that hardly two requests have alike.
var volatile = []string{
	"User-Agent", "Referer", "Date", "If-Modified-Since", "If-None-Match", "X-Request-Id", "X-Correlation-Id", "X-Amzn-Trace-Id", "Traceparent",
	"X-Forwarded-For", "Cookie", "CloudFront-Viewer-City", "CloudFront-Viewer-Latitude", "CloudFront-Viewer-Longitude", "CloudFront-Viewer-Postal-Code",
	"CloudFront-Viewer-Header-Order", "CloudFront-Viewer-TLS", "X-Amz-Date", "X-Amz-Security-Token",
}

// overKeyed finds key parts that make hits rare.
func (s *site) overKeyed(f *flow) {
	if !f.cacheable() {
		return
	}
	c, where := f.b.Cache, f.keyAt()
	var often []string
	for _, n := range c.Headers.Names {
		if containsFold(volatile, n) {
			often = append(often, n)
		}
	}
	if len(often) > 0 {
		s.add(VolatileKey, Warning, where, Finding{
			What: fmt.Sprintf("the key of %s has %s, which differ from request to request: hits will be rare", f.policy(), strings.Join(often, ", ")),
			Mend: "forward them by an origin request policy, or key a few classes instead (CloudFront-Is-Mobile-Viewer for User-Agent)",
		})
	}
	if containsFold(c.Headers.Names, "Authorization") && !c.Managed {
		s.add(VolatileKey, Info, where, Finding{
			What: fmt.Sprintf("Authorization is in the key of %s: each token has an own copy of every answer", f.policy()),
			Mend: "nothing, where answers are one viewer's; public ones are better served by a behavior without it",
		})
	}
	s.trackedQueries(f)
	switch tracked := filter(c.Cookies.Names, analytics); {
	case c.Cookies.Mode == model.SelectAll, c.Cookies.Mode == model.SelectAllExcept && len(tracked) == 0:
		s.add(CookieKey, Warning, where, Finding{
			What: fmt.Sprintf("all cookies are in the key of %s, those of sessions and analytics among them: nearly each viewer has an own copy of every answer", f.policy()),
			Mend: "list the cookies that change the answer",
		})
	case c.Cookies.Mode == model.SelectList && len(tracked) > 0:
		s.add(CookieKey, Warning, where, Finding{
			What: fmt.Sprintf("the key of %s has %s, which differ from viewer to viewer", f.policy(), strings.Join(tracked, ", ")),
			Mend: "take them out of the cache policy",
		})
	}
}

func (s *site) trackedQueries(f *flow) {
	c, where := f.b.Cache, f.keyAt()
	tracked := filter(c.Queries.Names, tracking)
	switch {
	case c.Queries.Mode == model.SelectList && len(tracked) > 0:
		s.add(TrackingKey, Warning, where, Finding{
			What: fmt.Sprintf("the key of %s has %s: each link of a campaign is a miss", f.policy(), strings.Join(tracked, ", ")),
			Mend: "take them out of the cache policy; an origin request policy still forwards them",
		})
	case (c.Queries.Mode == model.SelectAll || c.Queries.Mode == model.SelectAllExcept && len(tracked) == 0) && !normalised(f):
		s.add(TrackingKey, Info, where, Finding{
			What: fmt.Sprintf("every query string is in the key of %s, utm_source, fbclid and gclid too", f.policy()),
			Mend: "list those that change the answer, or let a viewer-request function take away the rest",
		})
	}
}

// normalised tells whether a function sees the request before the key is made:
// it may have taken away what does not belong there.
func normalised(f *flow) bool {
	return slices.ContainsFunc(f.b.Functions, func(a model.FunctionAssociation) bool { return a.Event == model.ViewerRequest })
}

func filter(names []string, keep func(string) bool) []string {
	var out []string
	for _, n := range names {
		if keep(n) {
			out = append(out, n)
		}
	}
	return out
}

// tracking tells the query strings that tell where a viewer came from.
func tracking(name string) bool {
	n := strings.ToLower(name)
	return strings.HasPrefix(n, "utm_") || slices.Contains([]string{
		"fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "mc_cid", "mc_eid", "igshid", "twclid", "ttclid", "yclid", "_ga", "_gl",
	}, n)
}

// analytics tells the cookies by which viewers are counted.
func analytics(name string) bool {
	n := strings.ToLower(name)
	return strings.HasPrefix(n, "_ga") || slices.Contains([]string{"_gid", "_gat", "_fbp", "_fbc", "__utma", "__utmz", "_hjid", "ajs_anonymous_id", "_pk_id"}, n)
}
