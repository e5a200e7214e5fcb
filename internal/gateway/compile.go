// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/gateway/stagecache"
	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
	"github.com/forelane/forelane/internal/schema"
	"github.com/forelane/forelane/internal/webacl"
)

// Invoker runs functions: see integration.Invoker for what it must keep.
type Invoker interface {
	Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)
}

// Deps is what a Gateway reaches outside with.
type Deps struct {
	Invoke Invoker
	// Client carries HTTP integrations; nil: a transport of its own that adds
	// no Accept-Encoding.
	Client http.RoundTripper
	// Chance throws dice, 0 to below 1, for canaries; nil: random.
	Chance func() float64
	// Issuers have the keys of tokens. They outlive the Gateway, so that a new
	// revision asks nobody again. Nil: no token is accepted.
	Issuers *authorizer.Issuers
	// Signers knows who signs requests for AWS_IAM. Nil: nobody is known, and such
	// requests are refused.
	Signers Signers
	// WebACL gives the web ACL with an ARN, nil where there is none. Nil: there
	// are none.
	WebACL func(arn string) Shield
	// Link is the way through a VPC link to a target. Nil: there is none.
	Link func(link, target string) http.RoundTripper
	// Service is the way to an AWS service, nil where there is none. Nil: there
	// are none.
	Service func(u *model.ServiceURI) http.RoundTripper
	// Log takes one Record a request; nil: none. It must not block.
	Log func(*Record)
	// Limits are those that an earlier Gateway has used; nil: fresh ones.
	Limits *Limits
	// Caches are the stages' caches, of an earlier Gateway as well; nil: fresh ones.
	Caches *stagecache.Node
	// KeyValue gives the value of an API key that the template gives none; nil:
	// such a key opens nothing.
	KeyValue func(*model.APIKey) string
	// Mutual names the terms by which the viewers of a custom domain are asked
	// for certificates; nil: nobody can, and such a domain refuses everybody.
	Mutual func(*model.Domain) string
}

func (d *Deps) integrations() integration.Deps {
	client := d.Client
	if client == nil {
		client = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     60 * time.Second,
		}
	}
	return integration.Deps{Invoke: d.Invoke, Client: client, Link: d.Link, Service: d.Service}
}

// Gateway serves the APIs of one stack.
type Gateway struct {
	log     func(*Record)
	auth    authorizer.Options
	signers Signers
	hosts   map[string]*api
	doors   map[string]*door // interface endpoints by id
	front   map[string]*door // and by their own hosts
	byID    map[string]*api
	domains pattern.Hosts[*domain]
	targets map[string]bool // what DNS points domains at
	limits  *Limits
	caches  *stagecache.Node
	chance  func() float64
	webACL  func(arn string) Shield
	notes   []string
}

// api is a compiled model.API.
type api struct {
	logicalID string
	facts     integration.API
	arn       string // of the API, up to the stage
	region    string // of signatures
	disabled  bool
	private   bool
	demand    *demand         // nil: nothing is demanded
	policy    *resourcePolicy // nil: it has none
	cors      *cors
	stages    map[string]*stage
	responses map[string]*gatewayResponse
	account   *allowance // of all APIs
	keys      *keyring
	// keyFromAuth: the API key is what an authorizer returns.
	keyFromAuth bool
	compression *compression // nil: answers are not compressed
	models      *schema.Set  // while it is compiled
}

// stage is a compiled model.Stage.
type stage struct {
	facts  integration.Stage
	table  *pattern.RouteTable
	routes []*route
	// subscribers are the API keys that have a usage plan with this stage.
	subscribers map[*apiKey]*subscriber

	access      *accessLog                        // nil: it keeps none
	canary      *stage                            // nil: it has none
	share       float64                           // of the canary, 0 to 1
	authorizers map[string]*authorizer.Authorizer // by id; nil: it cannot work
	shield      Shield                            // nil: no web ACL
	demand      *demand                           // nil: nothing is demanded
	source      webacl.Source                     // what shield protects
	cache       *stagecache.Stage                 // nil: it has none
}

// route is a compiled model.Route, for one stage.
type route struct {
	facts         integration.Route
	key           string // as the model has it
	kind          string // of the integration
	streams       bool   // its answers are streamed
	run           integration.Runner
	authorization string                 // NONE, or what is demanded
	authorizer    *authorizer.Authorizer // nil: whoever has to pass one is refused
	scopes        []string
	apiKey        bool
	limit         *allowance  // of the stage for this route
	validation    *validation // nil: nothing is checked
	caching       *caching    // nil: no answer is kept
	identity      string      // X-Edge-Identity of its answers; empty: they are for everybody
}

// Compile makes the Gateway of a stack's APIs. Its error is that of a route
// key that cannot be read; what cannot be served besides is a note, and is
// answered with a 500 or 403.
func Compile(s *model.Stack, d Deps) (*Gateway, error) {
	g := &Gateway{log: d.Log, signers: d.Signers, webACL: d.WebACL, auth: authorizer.Options{Invoke: d.Invoke, Issuers: d.Issuers}, chance: d.Chance, hosts: map[string]*api{}, targets: map[string]bool{}, limits: d.Limits, caches: d.Caches}
	if g.chance == nil {
		g.chance = rand.Float64
	}
	if g.limits == nil {
		g.limits = NewLimits()
	}
	if g.caches == nil {
		g.caches = &stagecache.Node{}
	}
	deps := d.integrations()
	g.compileDoors(s)
	keys, apis := g.compileKeys(s, d), map[string]*api{}
	account := g.limits.allowance(g.limits.account(), "account")
	for _, m := range s.APIs {
		a, err := g.compileAPI(m, s, deps)
		if err != nil {
			return nil, err
		}
		a.account, a.keys, apis[m.ID] = account, keys, a
		for _, host := range apiHosts(m.ID, s) {
			g.hosts[host] = a
		}
		g.doorways(m, s, a)
	}
	g.byID = apis
	g.subscribe(s, keys, apis)
	g.compileDomains(s, apis, d.Mutual)
	return g, nil
}

func regionOf(s *model.Stack) string {
	if s.Region == "" {
		return "us-east-1"
	}
	return s.Region
}

// apiHosts are the names of an API's default endpoint.
func apiHosts(id string, s *model.Stack) []string {
	region, suffix := regionOf(s), s.URLSuffix
	if suffix == "" {
		suffix = "amazonaws.com"
	}
	base := strings.ToLower(id) + ".execute-api."
	return []string{base + region + "." + suffix, base + region + ".localhost", base + "localhost"}
}

// Owns tells whether a host (with or without a port) is that of an API, a
// custom domain, or a name that DNS points a custom domain at.
func (g *Gateway) Owns(host string) bool {
	host = hostName(host)
	if g.hosts[host] != nil || g.targets[host] || g.front[host] != nil {
		return true
	}
	_, ok := g.domains.Find(host)
	return ok
}

// Notes lists what of the stack is refused or answered with an error, one
// sentence each, with the resource and its place in the template.
func (g *Gateway) Notes() []string { return g.notes }

func (g *Gateway) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(g.notes, n) { // a canary's are its stage's
		g.notes = append(g.notes, n)
	}
}

// hostName is a host without its port, in lower case.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

func (g *Gateway) compileAPI(m *model.API, s *model.Stack, deps integration.Deps) (*api, error) {
	a := &api{
		logicalID: m.LogicalID,
		facts: integration.API{
			Style: integration.HTTPAPI, ID: m.ID, AccountID: s.AccountID, BinaryMediaTypes: m.BinaryMediaTypes,
		},
		disabled:    m.DisableExecuteAPI,
		keyFromAuth: m.APIKeyFromAuth,
		stages:      map[string]*stage{},
	}
	if m.Kind == model.RESTAPI {
		a.facts.Style, a.facts.EdgeOptimized = integration.RESTAPI, m.Endpoint == "EDGE"
		a.responses = g.compileResponses(m)
		if m.MinCompression != nil {
			a.compression = &compression{min: int64(min(max(*m.MinCompression, 0), integration.MaxPayload))}
		}
		a.models = schema.New(m.ID, m.Models)
	} else {
		a.cors = compileCORS(m.CORS)
	}
	a.arn = fmt.Sprintf("arn:aws:execute-api:%s:%s:%s/", s.Region, s.AccountID, m.ID)
	a.region = regionOf(s)
	a.policy = g.compilePolicy(m, a.arn)
	a.demand = compileDemand(m.Demand)
	if a.private = m.Endpoint == "PRIVATE"; a.private && a.policy == nil {
		g.note("%s %s: a private API without a resource policy lets nobody in", m.Pos, m.LogicalID)
	}
	if len(m.Stages) == 0 {
		g.note("%s %s: it has no stage, so nothing is deployed", m.Pos, m.LogicalID)
	}
	for _, ms := range m.Stages {
		st, err := g.compileStage(m, a, ms, deps)
		if err == nil && ms.Canary != nil {
			err = g.compileCanary(m, a, ms, st, deps)
		}
		if err != nil {
			return nil, err
		}
		a.stages[ms.Name] = st
	}
	a.models = nil
	return a, nil
}

func (g *Gateway) compileStage(m *model.API, a *api, ms *model.Stage, deps integration.Deps) (*stage, error) {
	st := &stage{
		facts:       integration.Stage{Name: ms.Name, Variables: ms.Variables, DeploymentID: ms.DeploymentID},
		access:      compileAccessLog(m, ms),
		subscribers: map[*apiKey]*subscriber{},
		demand:      a.demand,
	}
	if ms.Demand != nil {
		st.demand = compileDemand(ms.Demand)
	}
	if ms.CacheBytes > 0 && m.Kind == model.RESTAPI {
		st.cache = g.caches.Stage(m.ID, ms.Name, ms.CacheBytes)
	}
	if ms.WebACL != "" {
		if g.webACL != nil {
			st.shield = g.webACL(ms.WebACL)
			st.source = webacl.Source{Name: "APIGW", ID: a.facts.AccountID + ":" + m.ID + ":" + ms.Name}
		}
		if st.shield == nil {
			g.note("%s %s: the web ACL of stage %s is in no template: no request is blocked", m.Pos, m.LogicalID, ms.Name)
		}
	}
	return st, g.compileRoutes(m, a, st, ms, deps)
}

// compileRoutes gives a stage, or its canary, its routes.
func (g *Gateway) compileRoutes(m *model.API, a *api, st *stage, ms *model.Stage, deps integration.Deps) error {
	st.authorizers = g.compileAuthorizers(m, st)
	routes := ms.Routes
	if routes == nil {
		routes = m.Routes
	}
	style := pattern.HTTPRoutes
	if m.Kind == model.RESTAPI {
		style = pattern.RESTRoutes
	}
	parsed := make([]pattern.Route, 0, len(routes))
	for _, mr := range routes {
		p, err := pattern.ParseRoute(routeKey(mr))
		if err != nil {
			return fmt.Errorf("%s: %s: %w", mr.Pos, m.LogicalID, err)
		}
		parsed = append(parsed, p)
		r := g.compileRoute(m, a, st, mr, p, deps)
		r.limit = g.limits.allowance(ms.RouteThrottles[r.key].Or(ms.Throttle), "route", m.ID, ms.Name, r.key)
		r.caching = g.compileCaching(st, ms, mr, r)
		st.routes = append(st.routes, r)
	}
	st.table = pattern.NewRouteTable(style, parsed)
	for _, i := range st.table.Shadowed() {
		g.note("%s %s: route %s is never reached: another one has its method and path", routes[i].Pos, m.LogicalID, parsed[i].String())
	}
	return nil
}

func routeKey(r *model.Route) string {
	if r.Key == "" && r.Path != "" {
		return r.Method + " " + r.Path
	}
	return r.Key
}

func (g *Gateway) compileRoute(m *model.API, a *api, st *stage, mr *model.Route, p pattern.Route, deps integration.Deps) *route {
	r := &route{
		facts: integration.Route{
			Key: p.String(), Method: p.Method, Path: p.Path, ResourceID: mr.ResourceID, OperationName: mr.OperationName,
			Responses: mr.Responses,
		},
		key:           routeKey(mr),
		authorization: strings.ToUpper(mr.Authorization),
		scopes:        mr.Scopes,
		apiKey:        mr.APIKeyRequired,
		kind:          "none",
	}
	if r.authorization == "" {
		r.authorization = "NONE"
	}
	where := fmt.Sprintf("%s %s, stage %s, %s", mr.Pos, m.LogicalID, st.facts.Name, r.facts.Key)
	g.attachAuthorizer(r, st, mr.AuthorizerID, where)
	if r.apiKey && m.Kind == model.RESTAPI && !a.keyFromAuth { // else the authorizer's sources tell the key
		r.identity = strings.TrimPrefix(r.identity+", header:X-Api-Key", ", ")
	}
	if r.apiKey && m.Kind != model.RESTAPI {
		g.note("%s: it requires an API key, which HTTP APIs do not know: every request is refused with 403", where)
	}
	if a.models != nil {
		r.validation = g.compileValidation(a.models, mr, where)
	}
	if mr.Integration != nil {
		r.kind, r.streams = mr.Integration.Kind.String(), mr.Integration.Stream
	}
	run, err := integration.Compile(mr.Integration, &a.facts, &st.facts, &r.facts, deps)
	if err != nil {
		g.note("%s: every request is answered with 500: %v", where, err)
	}
	r.run = run
	return r
}
