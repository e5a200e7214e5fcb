// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// FunctionURLs serves the function URLs of one stack (row L9).
type FunctionURLs struct {
	log     func(*Record)
	signers Signers
	hosts   map[string]*functionURL
	notes   []string
}

type functionURL struct {
	api  api // its facts: id, style; its logical id is the URL's
	cors *cors
	auth string // NONE, AWS_IAM; all else is refused
	run  integration.Runner
	// arn is the function's, with the URL's qualifier, and policy what it lets
	// others do.
	arn    string
	policy *policy.Document
}

// CompileFunctionURLs makes the FunctionURLs of a stack.
func CompileFunctionURLs(s *model.Stack, d Deps) (*FunctionURLs, error) {
	f := &FunctionURLs{log: d.Log, signers: d.Signers, hosts: map[string]*functionURL{}}
	deps := d.integrations()
	for _, fn := range s.Functions {
		for _, m := range fn.URLs {
			if m.Host == "" {
				return nil, fmt.Errorf("%s: function URL %s has no host", fn.Pos, m.LogicalID)
			}
			u := f.compile(fn, m, s, deps)
			for _, host := range urlHosts(m.Host, s) {
				f.hosts[host] = u
			}
		}
	}
	return f, nil
}

func (f *FunctionURLs) compile(fn *model.Function, m *model.FunctionURL, s *model.Stack, deps integration.Deps) *functionURL {
	id, _, _ := strings.Cut(strings.ToLower(m.Host), ".")
	u := &functionURL{cors: compileCORS(m.CORS), auth: m.AuthType}
	u.api.logicalID = m.LogicalID
	u.api.facts = integration.API{Style: integration.FunctionURL, ID: id, AccountID: s.AccountID}
	u.api.region = regionOf(s)
	function := fn.ARN
	if function == "" {
		function = fn.Name
	}
	if m.Qualifier != "" {
		function += ":" + m.Qualifier
	}
	u.run = integration.FunctionURLRunner(function, m.Stream, deps)
	u.arn, u.policy = function, functionPolicy(fn, m.Qualifier, function)
	if u.auth != "NONE" && (f.signers == nil || u.auth != "AWS_IAM") {
		f.notes = append(f.notes, fmt.Sprintf("%s %s: AuthType %s: only a distribution with an origin access control gets through: %s",
			fn.Pos, m.LogicalID, m.AuthType, noPrincipals))
	}
	return u
}

// urlHosts are the names of a function URL.
func urlHosts(host string, s *model.Stack) []string {
	host = strings.ToLower(host)
	id, _, _ := strings.Cut(host, ".")
	region := regionOf(s)
	return []string{host, id + ".lambda-url." + region + ".localhost", id + ".lambda-url.localhost"}
}

// Owns tells whether a host (with or without a port) is that of a function URL.
func (f *FunctionURLs) Owns(host string) bool { return f.hosts[hostName(host)] != nil }

// Notes lists what is refused, one sentence each.
func (f *FunctionURLs) Notes() []string { return f.notes }

// urlSteps is everything that happens to a request of a function URL, in order.
func urlSteps() [4]step {
	return [...]step{
		(*exchange).limits,
		(*exchange).urlPreflight,
		(*exchange).urlAuthorize,
		(*exchange).integrate,
	}
}

// RoundTrip answers a request; the function is chosen by the request's host.
func (f *FunctionURLs) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	x := open(r, start)
	u := f.hosts[x.call.Domain]
	if u == nil {
		x.call.API = &integration.API{Style: integration.FunctionURL}
		x.refuse(ReasonNoAPI, noHost("function URL", x.call.Domain))
		return x.finish(start, f.log)
	}
	x.api, x.cors, x.run, x.url, x.signers = &u.api, u.cors, u.run, u, f.signers
	x.route = &route{kind: model.LambdaProxy.String(), authorization: u.auth}
	x.call.API = &u.api.facts
	x.call.Stage = &integration.Stage{Name: "$default"}
	x.call.Route = &integration.Route{Key: "$default"}
	steps := urlSteps()
	x.walk(steps[:])
	return x.finish(start, f.log)
}

// urlPreflight answers a preflight without asking the function; a function URL
// says 200.
func (x *exchange) urlPreflight() bool {
	if x.cors == nil || !isPreflight(x.req) {
		return true
	}
	x.answer = &integration.Answer{Status: http.StatusOK, Header: http.Header{}}
	x.cors.preflight(x.req.Header.Get("Origin"), x.answer.Header.Set)
	x.final = true
	return false
}

// urlAuthorize lets through what this process signed itself, and signers who
// may. The edge signs the hash of a body that it has not read, so its viewer must
// give it (row O7, "Restrict access to an AWS Lambda function URL origin"); that
// the hash is the body's is not checked. What a viewer signed is for that viewer.
func (x *exchange) urlAuthorize() bool {
	auth := x.route.authorization
	switch {
	case auth == "NONE":
		return true
	case auth != "AWS_IAM":
		return x.refuse(ReasonUnsigned, fmt.Errorf("AuthType %s: there is no such authorization", auth))
	case signerOf(x.req.Context()) == "":
		x.route.identity = everybody
		return x.signedInURL(x.url)
	case x.call.Body != nil && x.call.Header.Get("X-Amz-Content-Sha256") == "":
		return x.refuse(ReasonSignature, fmt.Errorf("a body behind an origin access control: "+
			"the viewer must send its SHA-256 in x-amz-content-sha256"))
	}
	return true
}
