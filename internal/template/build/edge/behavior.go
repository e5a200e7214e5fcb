// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/managed"
)

func (b *builder) behaviors(r *base.Resource, d *model.Distribution, c base.Value) {
	seen := map[string]bool{}
	for _, v := range c.Get("CacheBehaviors").List() {
		p := v.Get("PathPattern")
		pathPattern(v, p)
		if key := strings.TrimPrefix(p.Text(), "/"); seen[key] {
			p.Fail("remove one of the two", "the path pattern %q is used twice", p.Text())
		} else {
			seen[key] = true
		}
		d.Behaviors = append(d.Behaviors, b.behavior(r, d, v, p.Text()))
	}
	v := c.Get("DefaultCacheBehavior")
	if p := v.Get("PathPattern"); p.Exists() {
		p.Fail("remove it", "the default behavior has no PathPattern: it is *")
	}
	d.Behaviors = append(d.Behaviors, b.behavior(r, d, v, "*"))
}

// patternChars are the characters beside letters and digits that a path
// pattern may have.
const patternChars = `_-.*?$/~"'@:+&`

func pathPattern(behavior, v base.Value) {
	p := v.Text()
	if p == "" {
		behavior.Fail("add PathPattern: /path/*", "property PathPattern is required")
		return
	}
	if len(p) > 255 {
		v.Fail("shorten it", "a path pattern has at most 255 characters, not %d", len(p))
	}
	bad := strings.IndexFunc(p, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(patternChars, r)
	})
	if bad >= 0 {
		v.Fail("use letters, digits and "+patternChars, "the path pattern %q has a character that CloudFront refuses: %q", p, []rune(p[bad:])[0])
	}
}

func (b *builder) behavior(r *base.Resource, d *model.Distribution, v base.Value, pattern string) *model.Behavior {
	h := &model.Behavior{
		PathPattern: pattern, Target: v.Get("TargetOriginId").Text(), Viewer: viewerProtocol(v.Get("ViewerProtocolPolicy").Text()),
		Allowed: methods(v.Get("AllowedMethods"), methodSets()), Cached: methods(v.Get("CachedMethods"), methodSets()[:2]),
		Compress: v.Get("Compress").Bool(), TrustedKeyGroups: v.Get("TrustedKeyGroups").Texts(),
		TrustedSigners: v.Get("TrustedSigners").Node().Len() > 0, GRPC: v.Get("GrpcConfig", "Enabled").Bool(),
		RealtimeLog: v.Get("RealtimeLogConfigArn").Text(), FieldEncryption: v.Get("FieldLevelEncryptionId").Text(),
	}
	for _, m := range h.Cached {
		if !slices.Contains(h.Allowed, m) {
			v.Get("CachedMethods").Fail("add it to AllowedMethods", "%s is cached but not allowed", m)
		}
	}
	if d.Origin(h.Target) == nil && d.Group(h.Target) == nil {
		ids := originIDs(d)
		v.Get("TargetOriginId").Fail(base.Nearest(h.Target, ids, "the origins are "+strings.Join(ids, ", ")), "the distribution has no origin or origin group %q", h.Target)
	}
	if h.Realtime = b.Shared.Realtime[h.RealtimeLog]; h.RealtimeLog != "" && h.Realtime == nil {
		r.Note(v.Get("RealtimeLogConfigArn"), fidelity.Unsupported, "the configuration is in no template: no real-time log is written")
	}
	calls(r, d, h, v)
	b.signers(r, h, v)
	b.policies(r, h, v)
	b.functions(r, h, v)
	return h
}

// calls checks what gRPC needs (row C15), as CloudFront does.
func calls(r *base.Resource, d *model.Distribution, h *model.Behavior, v base.Value) {
	if !h.GRPC {
		return
	}
	enabled := v.Get("GrpcConfig", "Enabled")
	if len(h.Allowed) != len(methodSets()[2]) {
		enabled.Fail("add AllowedMethods: ["+strings.Join(methodSets()[2], ", ")+"]", "gRPC needs a behavior that allows all methods")
	}
	if d.HTTPVersion != "http2" && d.HTTPVersion != "http2and3" {
		enabled.Fail("set HttpVersion to http2 or http2and3", "gRPC needs HTTP/2, which the distribution's HttpVersion %q does not have", d.HTTPVersion)
	}
	for _, o := range d.Origins {
		if o.ID == h.Target && o.Protocol == model.OriginHTTPOnly && !o.S3 && o.VPCOrigin == "" {
			r.Note(enabled, fidelity.Approximated, "the origin is asked by HTTP/2 in cleartext; CloudFront speaks gRPC to origins by HTTPS only")
		}
	}
}

func viewerProtocol(s string) model.ViewerProtocol {
	switch s {
	case "https-only":
		return model.HTTPSOnly
	case "redirect-to-https":
		return model.RedirectToHTTPS
	}
	return model.AllowAll
}

// methodSets are the three sets that CloudFront allows; the first two can be cached.
func methodSets() [][]string {
	return [][]string{
		{"GET", "HEAD"},
		{"GET", "HEAD", "OPTIONS"},
		{"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"},
	}
}

func methods(v base.Value, sets [][]string) []string {
	got := v.Texts()
	if len(got) == 0 {
		return sets[0]
	}
	for _, set := range sets {
		if len(got) == len(set) && !slices.ContainsFunc(set, func(m string) bool { return !slices.Contains(got, m) }) {
			return set
		}
	}
	words := make([]string, len(sets))
	for i, set := range sets {
		words[i] = "[" + strings.Join(set, ", ") + "]"
	}
	v.Fail("it is one of "+strings.Join(words, ", "), "CloudFront does not take the methods [%s]", strings.Join(got, ", "))
	return sets[0]
}

// policies finds the behavior's three policies, or writes its legacy settings
// as policies.
func (b *builder) policies(r *base.Resource, h *model.Behavior, v base.Value) {
	id, old := v.Get("CachePolicyId"), v.Get("ForwardedValues")
	request := v.Get("OriginRequestPolicyId")
	switch {
	case id.Text() != "" && old.Exists():
		old.Fail("remove ForwardedValues, or CachePolicyId", "ForwardedValues cannot be used with a cache policy")
	case id.Text() == "" && !old.Exists():
		v.Fail("add CachePolicyId: "+managed.CachingOptimized+" (CachingOptimized)", "the behavior has neither CachePolicyId nor ForwardedValues")
	case id.Text() == "" && request.Text() != "":
		request.Fail("use CachePolicyId instead of ForwardedValues", "an origin request policy needs a cache policy")
	}
	switch {
	case id.Text() == "":
		h.Cache, h.OriginRequest = legacy(v)
		if slices.ContainsFunc(h.Cache.Cookies.Names, func(name string) bool { return strings.ContainsAny(name, "*?") }) {
			r.Note(v.Get("ForwardedValues", "Cookies", "WhitelistedNames"), fidelity.Unsupported, "wildcards in names of cookies are taken literally")
		}
	case b.Shared.Cache[id.Text()] != nil:
		h.Cache = b.Shared.Cache[id.Text()]
	default:
		if h.Cache = managed.CachePolicy(id.Text()); h.Cache == nil {
			b.unknownPolicy(r, id, "cache policy")
			h.Cache = managed.CachePolicy(managed.CachingDisabled)
		}
	}
	if id := request.Text(); id != "" {
		if h.OriginRequest = b.Shared.Request[id]; h.OriginRequest == nil {
			if h.OriginRequest = managed.OriginRequestPolicy(id); h.OriginRequest == nil {
				b.unknownPolicy(r, request, "origin request policy")
			}
		}
	}
	response := v.Get("ResponseHeadersPolicyId")
	if id := response.Text(); id != "" {
		if h.ResponseHeaders = b.Shared.Response[id]; h.ResponseHeaders == nil {
			if h.ResponseHeaders = managed.ResponseHeadersPolicy(id); h.ResponseHeaders == nil {
				b.unknownPolicy(r, response, "response headers policy")
			}
		}
	}
}

func (b *builder) unknownPolicy(r *base.Resource, v base.Value, kind string) {
	if b.Lenient {
		r.Note(v, fidelity.Unsupported, "there is no "+kind+" of this id in the stack or among the managed ones")
		return
	}
	v.Fail("!Ref a "+kind+" of this stack, or use a managed one: "+managed.Names(), "there is no %s %q", kind, v.Text())
}

func edgeEvent(s string) model.EdgeEvent {
	for _, e := range []model.EdgeEvent{model.ViewerResponse, model.OriginRequest, model.OriginResponse} {
		if e.String() == s {
			return e
		}
	}
	return model.ViewerRequest
}

// functions reads the two kinds of associations. CloudFront takes one function
// an event, and on viewer events only one kind in the whole behavior.
func (b *builder) functions(r *base.Resource, h *model.Behavior, v base.Value) {
	taken := map[model.EdgeEvent]bool{}
	viewerFunctions := false
	for _, f := range v.Get("FunctionAssociations").List() {
		a := model.FunctionAssociation{Event: edgeEvent(f.Get("EventType").Text()), ARN: f.Get("FunctionARN").Text()}
		if taken[a.Event] {
			f.Get("EventType").Fail("keep one", "the behavior has two functions for %s", a.Event)
		}
		taken[a.Event], viewerFunctions = true, true
		if !b.has(a.ARN) {
			r.Note(f.Get("FunctionARN"), fidelity.Unsupported, "the function is not of this stack: requests pass without it")
			continue
		}
		h.Functions = append(h.Functions, a)
	}
	for _, f := range v.Get("LambdaFunctionAssociations").List() {
		a := model.FunctionAssociation{
			Event: edgeEvent(f.Get("EventType").Text()), ARN: f.Get("LambdaFunctionARN").Text(),
			Lambda: true, IncludeBody: f.Get("IncludeBody").Bool(),
		}
		viewer := a.Event == model.ViewerRequest || a.Event == model.ViewerResponse
		if taken[a.Event] || viewer && viewerFunctions {
			f.Get("EventType").Fail("keep one kind of function for viewer events", "the behavior has two functions for %s, or both kinds for viewer events", a.Event)
		}
		taken[a.Event] = true
		if b.lambda(r, f, a) {
			h.Functions = append(h.Functions, a)
		}
	}
}

// has tells whether an edge function runs in this stack. One of an earlier
// stack of the assembly is taken over, with its key value stores.
func (b *builder) has(arn string) bool {
	if slices.ContainsFunc(b.Stack.EdgeFunctions, func(e *model.EdgeFunction) bool { return e.ARN == arn }) {
		return true
	}
	f := b.Shared.Edge[arn]
	if f == nil {
		return false
	}
	b.Stack.EdgeFunctions = append(b.Stack.EdgeFunctions, f)
	for _, arn := range f.Stores {
		if k := b.Shared.Stores[arn]; k != nil && !slices.Contains(b.Stack.KeyValueStores, k) {
			b.Stack.KeyValueStores = append(b.Stack.KeyValueStores, k)
		}
	}
	return true
}
