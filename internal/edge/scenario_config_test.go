// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// configure reads the section config: one noun a line, with KEY=VALUE words.
//
//	behavior PATTERN KEY=VALUE…   before the default behavior, in order
//	default [plain] KEY=VALUE…    the default behavior; plain: as in examples/plain-proxy
//	origin NAME path=/p 'header=Name: value' attempts=N
//	group NAME MEMBER MEMBER statuses=500,502
//	error CODE page=/p status=N ttl=5s
//	root NAME                     default root object
//	alias HOST
//	version http2and3
//	stack NAME
//	lambda EVENT SECTION [body] [behavior=PATTERN]
//	                              a function of Lambda@Edge, after the behaviors
//	function viewer-request|viewer-response SECTION runtime=1.0 store=SECTION
//	                              a CloudFront function of the default behavior (2.0)
//	tags NAME                     header in which the origins name tags
//	staging header=NAME:VALUE | weight=N [idle=5m max=10m]
//	                              a staging distribution E2STAGING before origin s
//
// Keys of behaviors: target, min, default, max (durations), queries, headers,
// cookies (none, all, a,b or !a,b for all except), gzip, brotli, methods (get,
// options, all), cached (options), viewer (https-only, redirect-to-https),
// realtime (fields of its real-time log, which takes every request),
// rules (RFC9111), vary (ignore, honour), heuristic (percent), showkey,
// legacy, orp-headers (also allViewer, allViewerAnd:a,b), orp-queries,
// orp-cookies, and of the response headers policy cors (origins), custom
// (Name: value), replace (Name: value), remove, timing.
func (s *script) configure(text string) {
	w := s.w
	for line := range strings.Lines(text) {
		a := words(strings.TrimSpace(line))
		if len(a) == 0 {
			continue
		}
		switch a[0] {
		case "behavior", "default":
			s.configBehavior(a)
		case "origin":
			s.configOrigin(a[1], a[2:])
		case "group":
			g := &model.OriginGroup{ID: a[1], Members: a[2:4]}
			for _, c := range strings.Split(strings.TrimPrefix(a[4], "statuses="), ",") {
				g.StatusCodes = append(g.StatusCodes, s.number(c))
			}
			w.dist.OriginGroups = append(w.dist.OriginGroups, g)
		case "error":
			s.configError(a)
		case "root":
			w.dist.DefaultRootObject = a[1]
		case "version":
			w.dist.HTTPVersion = a[1]
		case "alias":
			w.dist.Aliases = append(w.dist.Aliases, a[1])
		case "geo":
			w.dist.Geo = model.GeoRestriction{Allow: a[1] == "allow", Countries: strings.Split(a[2], ",")}
		case "place":
			s.configPlace(netip.MustParseAddr(a[1]), a[2:])
		case "stack":
			w.stack.Name = a[1]
		case "lambda":
			s.configLambda(a[1:])
		case "function":
			s.configFunction(a[1:])
		case "tags":
			w.dist.TagHeader = a[1]
		case "staging":
			s.configStaging(a[1:])
		default:
			s.fatalf("config: unknown noun %q", a[0])
		}
	}
	s.originNamed("o")
	s.compileFunctions()
	w.transport = func(o *model.Origin) http.RoundTripper {
		return roundTrip(func(rq *http.Request) (*http.Response, error) {
			return w.serveBy(rq, s.originNamed(o.ID).roundTrip)
		})
	}
	w.compile()
}

// configPlace says where an address is; others are nowhere.
func (s *script) configPlace(addr netip.Addr, a []string) {
	p := &model.Place{}
	to := map[string]*string{
		"country": &p.Country, "country-name": &p.CountryName, "region": &p.Region, "region-name": &p.RegionName, "city": &p.City,
		"postal": &p.PostalCode, "zone": &p.TimeZone, "latitude": &p.Latitude, "longitude": &p.Longitude, "metro": &p.MetroCode,
	}
	for _, kv := range a {
		k, v, _ := strings.Cut(kv, "=")
		if k == "asn" {
			p.ASN = uint32(s.number(v))
			continue
		}
		*to[k] = v
	}
	s.w.places[addr] = p
}

func (s *script) configStaging(a []string) {
	p := &model.ContinuousDeployment{ID: "policy", Enabled: true, Staging: "E2STAGING"}
	for _, kv := range a {
		k, v, _ := strings.Cut(kv, "=")
		var err error
		switch k {
		case "header":
			p.Header, p.Value, _ = strings.Cut(v, ":")
		case "weight":
			p.Weight, err = strconv.ParseFloat(v, 64)
		case "idle":
			p.Idle = s.duration(v)
		case "max":
			p.Max = s.duration(v)
		default:
			s.fatalf("config: unknown key %q", k)
		}
		if err != nil {
			s.fatalf("config: %v", err)
		}
	}
	b := *s.w.behavior()
	b.Target = "s"
	s.w.dist.Deployment = p
	s.w.stack.Distributions = append(s.w.stack.Distributions, &model.Distribution{
		LogicalID: "Staging", ID: p.Staging, DomainName: "d2.cloudfront.net", Enabled: true, Staging: true,
		Aliases:   []string{"staging.example.com"},
		Origins:   []*model.Origin{{ID: "s", DomainName: "s.example.com", Attempts: 1}},
		Behaviors: []*model.Behavior{&b},
	})
	s.originNamed("s")
}

func (s *script) number(t string) int {
	n, err := strconv.Atoi(t)
	if err != nil {
		s.fatalf("config: %v", err)
	}
	return n
}

func (s *script) duration(t string) time.Duration {
	d, err := time.ParseDuration(t)
	if err != nil {
		s.fatalf("config: %v", err)
	}
	return d
}

func (s *script) configOrigin(name string, a []string) {
	o := s.w.dist.Origin(name)
	if o == nil {
		o = &model.Origin{ID: name, DomainName: name + ".example.com", Attempts: 1}
		s.w.dist.Origins = append(s.w.dist.Origins, o)
	}
	for _, kv := range a {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "path":
			o.Path = v
		case "header":
			n, t, _ := strings.Cut(v, ":")
			o.Headers = append(o.Headers, model.HeaderField{Name: n, Value: strings.TrimSpace(t)})
		case "attempts":
			o.Attempts = s.number(v)
		default:
			s.fatalf("config: unknown key %q", k)
		}
	}
}

func (s *script) configError(a []string) {
	e := model.CustomError{Code: s.number(a[1])}
	for _, kv := range a[2:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "page":
			e.PagePath = v
		case "status":
			e.ResponseCode = s.number(v)
		case "ttl":
			d := s.duration(v)
			e.CachingMinTTL = &d
		default:
			s.fatalf("config: unknown key %q", k)
		}
	}
	s.w.dist.CustomErrors = append(s.w.dist.CustomErrors, e)
}

func (s *script) configBehavior(a []string) {
	b := s.w.behavior()
	noun := a[0]
	a = a[1:]
	if noun == "default" && len(a) > 0 && a[0] == "plain" { // as examples/plain-proxy
		a = append(strings.Fields("rules=RFC9111 default=0s queries=all orp-headers=allViewer orp-cookies=all orp-queries=all methods=all"), a[1:]...)
	}
	if noun == "behavior" {
		pattern := a[0]
		policy := *b.Cache
		b = &model.Behavior{PathPattern: pattern, Target: "o", Allowed: []string{"GET", "HEAD"}, Cached: []string{"GET", "HEAD"}, Cache: &policy}
		last := len(s.w.dist.Behaviors) - 1
		s.w.dist.Behaviors = slices.Insert(s.w.dist.Behaviors, last, b)
		a = a[1:]
	}
	for _, kv := range a {
		k, v, _ := strings.Cut(kv, "=")
		switch {
		case s.behaviorKey(b, k, v), s.policyKey(b.Cache, k, v), s.requestKey(b, k, v), s.responseKey(b, k, v):
		default:
			s.fatalf("config: unknown key %q", k)
		}
	}
}

func (s *script) behaviorKey(b *model.Behavior, k, v string) bool {
	switch k {
	case "target":
		b.Target = v
	case "methods":
		switch v {
		case "options":
			b.Allowed = []string{"GET", "HEAD", "OPTIONS"}
		case "all":
			b.Allowed = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
		}
	case "cached":
		b.Cached = []string{"GET", "HEAD", "OPTIONS"}
	case "viewer":
		b.Viewer = map[string]model.ViewerProtocol{"https-only": model.HTTPSOnly, "redirect-to-https": model.RedirectToHTTPS}[v]
	case "compress":
		b.Compress = true
	case "realtime":
		b.Realtime = &model.RealtimeLog{Name: "live", Sampling: 100, Fields: strings.Split(v, ",")}
	case "guard":
		s.w.dist.LeakGuard = map[string]model.LeakGuard{"safe": model.GuardSafe, "exact": model.GuardExact}[v]
	case "signed": // the key group has K1, or nothing
		b.TrustedKeyGroups, b.SignerKeys = []string{"G"}, map[string]string{"K1": signerPEM(s.t)}
		if v == "nobody" {
			b.SignerKeys = nil
		}
	default:
		return false
	}
	return true
}

func (s *script) policyKey(p *model.CachePolicy, k, v string) bool {
	switch k {
	case "min":
		p.MinTTL = s.duration(v)
	case "default":
		p.DefaultTTL = s.duration(v)
	case "max":
		p.MaxTTL = s.duration(v)
	case "ttl":
		p.MinTTL, p.DefaultTTL, p.MaxTTL = s.duration(v), s.duration(v), s.duration(v)
	case "queries":
		p.Queries = selection(v)
	case "headers":
		p.Headers = selection(v)
	case "cookies":
		p.Cookies = selection(v)
	case "gzip":
		p.Gzip = true
	case "brotli":
		p.Brotli = true
	case "legacy":
		p.Legacy = true
	case "rules":
		p.Rules = map[string]model.CachingRules{"RFC9111": model.RFC9111Rules}[v]
	case "vary":
		p.Vary = map[string]model.VaryMode{"ignore": model.VaryIgnore, "honour": model.VaryHonour}[v]
	case "showkey":
		p.ShowKey = true
	case "heuristic":
		p.Heuristic = s.number(v)
	default:
		return false
	}
	return true
}

func (s *script) requestKey(b *model.Behavior, k, v string) bool {
	name, ok := strings.CutPrefix(k, "orp-")
	if !ok {
		return false
	}
	if b.OriginRequest == nil {
		b.OriginRequest = &model.OriginRequestPolicy{}
	}
	switch name {
	case "headers":
		b.OriginRequest.Headers = selection(v)
	case "queries":
		b.OriginRequest.Queries = selection(v)
	case "cookies":
		b.OriginRequest.Cookies = selection(v)
	default:
		return false
	}
	return true
}

func selection(v string) model.Selection {
	switch v {
	case "none":
		return model.Selection{}
	case "all":
		return model.Selection{Mode: model.SelectAll}
	case "allViewer":
		return model.Selection{Mode: model.SelectAllViewer}
	}
	if names, ok := strings.CutPrefix(v, "allViewerAnd:"); ok {
		return model.Selection{Mode: model.SelectAllViewerAndCloudFront, Names: strings.Split(names, ",")}
	}
	if names, ok := strings.CutPrefix(v, "!"); ok {
		return model.Selection{Mode: model.SelectAllExcept, Names: strings.Split(names, ",")}
	}
	return model.Selection{Mode: model.SelectList, Names: strings.Split(v, ",")}
}

func (s *script) responseKey(b *model.Behavior, k, v string) bool {
	p := b.ResponseHeaders
	if p == nil {
		p = &model.ResponseHeadersPolicy{}
	}
	name, value, _ := strings.Cut(v, ":")
	field := model.PolicyHeader{Name: name, Value: strings.TrimSpace(value), Override: k == "replace"}
	switch k {
	case "cors":
		p.CORS = &model.PolicyCORS{
			AllowOrigins: strings.Split(v, ","), AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"X-A"},
			ExposeHeaders: []string{"X-B"}, MaxAge: 600,
		}
	case "cors-override":
		p.CORS.Override = true
	case "credentials":
		p.CORS.AllowCredentials = true
	case "custom", "replace":
		p.Custom = append(p.Custom, field)
	case "remove":
		p.Remove = append(p.Remove, v)
	case "timing":
		f := float64(s.number(v))
		p.ServerTiming = &f
	default:
		return false
	}
	b.ResponseHeaders = p
	return true
}
