// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// selection reads a behavior word and its names. field names the list for the
// rejection of a whitelist without one.
func selection(v base.Value, behavior, field string) model.Selection {
	s := model.Selection{Names: v.Get(field).Texts()}
	switch v.Get(behavior).Text() {
	case "whitelist":
		s.Mode = model.SelectList
	case "allExcept":
		s.Mode = model.SelectAllExcept
	case "all":
		s.Mode = model.SelectAll
	case "allViewer":
		s.Mode = model.SelectAllViewer
	case "allViewerAndWhitelistCloudFront":
		s.Mode = model.SelectAllViewerAndCloudFront
	}
	switch s.Mode {
	case model.SelectNone, model.SelectAll, model.SelectAllViewer:
		s.Names = nil
	default:
		if len(s.Names) == 0 {
			v.Get(behavior).Fail("name them in "+field, "%s wants a list of names", v.Get(behavior).Text())
		}
	}
	return s
}

// ttls reads the three times of a policy or a legacy behavior. A default that
// is not given rises to the minimum, a maximum to the default.
func ttls(v base.Value) (least, usual, most time.Duration) {
	least = v.Get("MinTTL").Seconds(0)
	usual = v.Get("DefaultTTL").Seconds(max(least, 24*time.Hour))
	most = v.Get("MaxTTL").Seconds(max(usual, 365*24*time.Hour))
	if least < 0 {
		v.Get("MinTTL").Fail("give seconds, 0 or more", "a time to live cannot be negative")
	}
	if least > usual && v.Get("DefaultTTL").Exists() {
		v.Get("DefaultTTL").Fail("raise DefaultTTL or lower MinTTL", "DefaultTTL (%s) is below MinTTL (%s)", seconds(usual), seconds(least))
	}
	if !v.Get("DefaultTTL").Exists() && v.Get("MaxTTL").Exists() && usual > most {
		usual = max(least, most) // a lone MaxTTL below a day
	}
	if usual > most || least > most {
		v.Get("MaxTTL").Fail("raise MaxTTL or lower the others", "MaxTTL (%s) is below DefaultTTL (%s) or MinTTL (%s)", seconds(most), seconds(usual), seconds(least))
	}
	return least, usual, most
}

func seconds(d time.Duration) string { return d.Round(time.Second).String() }

func (b *builder) cachePolicy(r *base.Resource) *model.CachePolicy {
	c := r.Props.Get("CachePolicyConfig")
	p := &model.CachePolicy{ID: r.Ref, Name: c.Get("Name").Text()}
	p.MinTTL, p.DefaultTTL, p.MaxTTL = ttls(c)
	k := c.Get("ParametersInCacheKeyAndForwardedToOrigin")
	p.Headers = selection(k.Get("HeadersConfig"), "HeaderBehavior", "Headers")
	p.Cookies = selection(k.Get("CookiesConfig"), "CookieBehavior", "Cookies")
	p.Queries = selection(k.Get("QueryStringsConfig"), "QueryStringBehavior", "QueryStrings")
	p.Gzip, p.Brotli = k.Get("EnableAcceptEncodingGzip").Bool(), k.Get("EnableAcceptEncodingBrotli").Bool()
	b.checkCachePolicy(p, k)
	departures(r, p)
	return p
}

// departures reads Metadata.Forelane of a cache policy: Caching (CloudFront,
// RFC9111), Vary (ignore, honour), HeuristicPercent and CacheStatusKey. AWS ignores them, so
// each is noted.
func departures(r *base.Resource, p *model.CachePolicy) {
	f := r.Meta.Get("Forelane")
	switch v := f.Get("Caching"); v.Text() {
	case "", "CloudFront":
	case "RFC9111":
		p.Rules = model.RFC9111Rules
		r.Note(v, fidelity.Approximated, "RFC 9111 decides where CloudFront has rules of its own: AWS will cache differently")
	default:
		v.Fail("say CloudFront or RFC9111", "%q is no name of caching rules", v.Text())
	}
	switch v := f.Get("Vary"); v.Text() {
	case "":
	case "ignore":
		p.Vary = model.VaryIgnore
	case "honour":
		p.Vary = model.VaryHonour
		if p.Rules == model.CloudFrontRules {
			r.Note(v, fidelity.Approximated, "Vary selects among variants here, at CloudFront it does not")
		}
	default:
		v.Fail("say ignore or honour", "%q is not what can be done about Vary", v.Text())
	}
	if v := f.Get("CacheStatusKey"); v.Exists() {
		p.ShowKey = v.Bool()
		if p.Rules == model.CloudFrontRules && p.ShowKey {
			r.Note(v, fidelity.Approximated, "answers tell their cache key in Cache-Status, which CloudFront does not send")
		}
	}
	if v := f.Get("HeuristicPercent"); v.Exists() {
		p.Heuristic = v.Int(0)
		if p.Heuristic < 0 || p.Heuristic > 100 {
			v.Fail("give 0 to 100", "%q is no percentage", v.Text())
		}
		if p.Rules == model.CloudFrontRules && p.Heuristic > 0 {
			v.Fail("add Caching: RFC9111, or remove it", "CloudFront's rules know no heuristic: DefaultTTL is used")
		}
	}
}

// checkCachePolicy refuses what CloudFront refuses: key parts in a policy that
// caches nothing, headers that cannot be in a key, one name twice.
func (b *builder) checkCachePolicy(p *model.CachePolicy, k base.Value) {
	if p.MaxTTL == 0 {
		const mend = "set it to none, or give the policy a MaxTTL above 0; an OriginRequestPolicy forwards without caching"
		for _, part := range [][2]string{{"HeadersConfig", "HeaderBehavior"}, {"CookiesConfig", "CookieBehavior"}, {"QueryStringsConfig", "QueryStringBehavior"}} {
			if v := k.Get(part[0], part[1]); v.Text() != "none" && v.Exists() {
				v.Fail(mend, "%s is invalid for a policy with caching disabled", part[1])
			}
		}
		for _, name := range []string{"EnableAcceptEncodingGzip", "EnableAcceptEncodingBrotli"} {
			if v := k.Get(name); v.Bool() {
				v.Fail("set it to false", "%s is invalid for a policy with caching disabled", name)
			}
		}
	}
	for _, h := range k.Get("HeadersConfig", "Headers").List() {
		switch name := strings.ToLower(h.Text()); {
		case name == "cloudfront-viewer-address", name == "cloudfront-viewer-asn", strings.HasPrefix(name, "cloudfront-viewer-ja3"):
			h.Fail("put it into an OriginRequestPolicy", "%s cannot be part of the cache key", h.Text())
		case name == "accept-encoding" && (p.Gzip || p.Brotli):
			h.Fail("remove it: the two EnableAcceptEncoding flags stand for it", "Accept-Encoding cannot be listed beside the flags")
		case name == "cookie":
			h.Fail("use CookiesConfig", "Cookie cannot be listed as a header")
		}
	}
	for _, part := range [][2]string{{"HeadersConfig", "Headers"}, {"CookiesConfig", "Cookies"}, {"QueryStringsConfig", "QueryStrings"}} {
		unique(k.Get(part[0], part[1]), part[1] == "Headers")
	}
}

// unique refuses a name that a list has twice.
func unique(list base.Value, fold bool) {
	seen := map[string]bool{}
	for _, it := range list.List() {
		name := it.Text()
		if fold {
			name = strings.ToLower(name)
		}
		if seen[name] {
			it.Fail("remove one of the two", "%q is listed twice", it.Text())
		}
		seen[name] = true
	}
}

func (b *builder) originRequestPolicy(r *base.Resource) *model.OriginRequestPolicy {
	c := r.Props.Get("OriginRequestPolicyConfig")
	p := &model.OriginRequestPolicy{
		ID: r.Ref, Name: c.Get("Name").Text(),
		Headers: selection(c.Get("HeadersConfig"), "HeaderBehavior", "Headers"),
		Cookies: selection(c.Get("CookiesConfig"), "CookieBehavior", "Cookies"),
		Queries: selection(c.Get("QueryStringsConfig"), "QueryStringBehavior", "QueryStrings"),
	}
	for _, h := range c.Get("HeadersConfig", "Headers").List() {
		name := strings.ToLower(h.Text())
		switch p.Headers.Mode {
		case model.SelectList:
			if name == "authorization" || name == "accept-encoding" {
				h.Fail("put it into the CachePolicy, or forward all headers with allViewer", "%s cannot be listed in an OriginRequestPolicy", h.Text())
			}
		case model.SelectAllViewerAndCloudFront:
			if !strings.HasPrefix(name, "cloudfront-") {
				h.Fail("list CloudFront-* headers only: all of the viewer's are forwarded anyway", "%s is no header of CloudFront", h.Text())
			}
		}
	}
	unique(c.Get("HeadersConfig", "Headers"), true)
	return p
}

// legacy writes ForwardedValues as policies. Listed query strings make the
// key, but all are forwarded; that needs an origin request policy.
func legacy(v base.Value) (*model.CachePolicy, *model.OriginRequestPolicy) {
	f := v.Get("ForwardedValues")
	p := &model.CachePolicy{Name: "ForwardedValues", Legacy: true}
	p.MinTTL, p.DefaultTTL, p.MaxTTL = ttls(v)
	if names := f.Get("Headers").Texts(); len(names) > 0 {
		p.Headers = model.Selection{Mode: model.SelectList, Names: names}
		if len(names) == 1 && names[0] == "*" {
			p.Headers = model.Selection{Mode: model.SelectAll}
		}
	}
	switch f.Get("Cookies", "Forward").Text() {
	case "all":
		p.Cookies.Mode = model.SelectAll
	case "whitelist":
		p.Cookies = model.Selection{Mode: model.SelectList, Names: f.Get("Cookies", "WhitelistedNames").Texts()}
		if len(p.Cookies.Names) == 0 {
			f.Get("Cookies", "Forward").Fail("name them in WhitelistedNames", "whitelist wants a list of names")
		}
	}
	// Legacy settings normalise Accept-Encoding to gzip; Brotli needs a cache policy.
	p.Gzip = !containsFold(p.Headers.Names, "Accept-Encoding")
	if !f.Get("QueryString").Bool() {
		return p, nil
	}
	p.Queries.Mode = model.SelectAll
	if keys := f.Get("QueryStringCacheKeys").Texts(); len(keys) > 0 {
		p.Queries = model.Selection{Mode: model.SelectList, Names: keys}
		return p, &model.OriginRequestPolicy{Name: "ForwardedValues", Queries: model.Selection{Mode: model.SelectAll}}
	}
	return p, nil
}

func containsFold(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}
