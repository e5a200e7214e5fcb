// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// Timeouts that hold when a definition names none.
const (
	restTimeout   = 29 * time.Second
	httpTimeout   = 30 * time.Second
	streamTimeout = 15 * time.Minute // row A7
)

// Deps is what Runners reach outside with.
type Deps struct {
	Invoke Invoker
	Client http.RoundTripper
	// Link is the way through a VPC link to a target, its URL or the ARN of what
	// stands behind the link. Nil: there is none.
	Link func(link, target string) http.RoundTripper
	// Service is the way to an AWS service of a region (empty: the stack's), which
	// signs what it carries. It gets requests for https://SERVICE.REGION.amazonaws.com
	// and may fail with a *Fault. Nil: there is none.
	Service func(u *model.ServiceURI) http.RoundTripper
}

// private is the client for an integration's target, and the target itself as a
// URL: that of an ARN has the host that viewers ask for.
func (d *Deps) private(in *model.Integration, uri string, stage *Stage) (http.RoundTripper, string, error) {
	if in.VPCLink == "" {
		if strings.HasPrefix(uri, "arn:") {
			return nil, "", faultf(FaultConfig, "the target %s needs a VPC link", uri)
		}
		return d.Client, uri, nil
	}
	link, err := substitute(in.VPCLink, stage)
	if err != nil {
		return nil, "", err
	}
	target := uri
	if in.VPCTarget != "" {
		target = in.VPCTarget
	}
	if strings.HasPrefix(uri, "arn:") {
		uri = "http://" + ownHost
	}
	if d.Link == nil {
		return nil, "", faultf(FaultNotBuilt, "the target %s is reached through a VPC link, and there is none", target)
	}
	return d.Link(link, target), uri, nil
}

// ownHost stands for the API's own host where a target is an ARN.
const ownHost = "private-target.invalid"

// Compile makes the Runner of one integration for one stage. When the
// definition cannot work, or needs what is not built yet, the error says so,
// and the Runner answers every call with the Fault that belongs to it: one
// broken route does not take the others down.
func Compile(in *model.Integration, api *API, stage *Stage, route *Route, d Deps) (Runner, error) {
	r, err := compile(in, api, stage, route, d)
	if err == nil {
		return r, nil
	}
	var f *Fault
	if !errors.As(err, &f) {
		f = &Fault{FaultConfig, err}
	}
	return broken{f}, f
}

// FunctionURLRunner makes the Runner of a function URL.
func FunctionURLRunner(function string, stream bool, d Deps) Runner {
	return &lambdaProxy{invoke: d.Invoke, function: function, stream: stream}
}

// broken answers with its fault.
type broken struct{ fault *Fault }

// Run fails.
func (b broken) Run(_ context.Context, c *Call) (*Answer, error) {
	c.closeBody()
	return nil, b.fault
}

func compile(in *model.Integration, api *API, stage *Stage, route *Route, d Deps) (Runner, error) {
	if in == nil {
		return nil, errors.New("the method has no integration")
	}
	switch in.Kind {
	case model.LambdaProxy:
		return compileLambda(in, api, stage, d)
	case model.HTTPProxy:
		return compileHTTP(in, api, stage, route, d)
	case model.Mock, model.LambdaCustom, model.HTTPCustom:
		return compileCustom(in, api, stage, route, d)
	case model.AWSService:
		if api.Style == HTTPAPI {
			return compileAction(in, api, stage, d)
		}
		return compileCustom(in, api, stage, route, d)
	}
	return nil, faultf(FaultNotBuilt, "integration kind %d is not known", in.Kind)
}

func compileLambda(in *model.Integration, api *API, stage *Stage, d Deps) (Runner, error) {
	function, err := substitute(in.Function, stage)
	if err != nil {
		return nil, err
	}
	l := &lambdaProxy{
		invoke: d.Invoke, function: function, stream: in.Stream && api.Style == RESTAPI,
		format1: api.Style == RESTAPI || in.Payload != "2.0", timeout: timeout(in, api),
	}
	if l.stream && in.Timeout == 0 {
		l.timeout = streamTimeout
	}
	if api.Style == HTTPAPI {
		l.request, l.response, err = compileMappings(in)
	}
	return l, err
}

func timeout(in *model.Integration, api *API) time.Duration {
	switch {
	case in.Timeout > 0:
		return in.Timeout
	case api.Style == RESTAPI:
		return restTimeout
	}
	return httpTimeout
}

func compileHTTP(in *model.Integration, api *API, stage *Stage, route *Route, d Deps) (Runner, error) {
	uri, err := substitute(in.URI, stage)
	if err != nil {
		return nil, err
	}
	client, uri, err := d.private(in, uri, stage)
	if err != nil {
		return nil, err
	}
	h := &httpProxy{client: client, timeout: timeout(in, api), rest: api.Style == RESTAPI, stream: in.Stream && api.Style == RESTAPI, arn: strings.HasPrefix(in.URI, "arn:")}
	if in.Method != "ANY" {
		h.method = strings.ToUpper(in.Method)
	}
	if h.uri, err = parseURI(uri); err != nil {
		return nil, err
	}
	if h.rest {
		for _, m := range in.RequestParameters {
			rule, err := parseRESTRule(m)
			if err != nil {
				return nil, err
			}
			h.request = append(h.request, rule)
		}
		return h, nil
	}
	h.wholeURL = route.Path == ""
	h.request, h.response, err = compileMappings(in)
	return h, err
}

func compileMappings(in *model.Integration) (requestMapping, []statusMapping, error) {
	var request requestMapping
	for _, m := range in.RequestParameters {
		rule, err := parseRule(m, false)
		if err != nil {
			return nil, nil, err
		}
		request = append(request, rule)
	}
	var response []statusMapping
	for _, sm := range in.ResponseParameters {
		status, err := strconv.Atoi(sm.Status)
		if err != nil {
			return nil, nil, fmt.Errorf("response parameters: %q is no status", sm.Status)
		}
		s := statusMapping{status: status}
		for _, m := range sm.Mappings {
			rule, err := parseRule(m, true)
			if err != nil {
				return nil, nil, err
			}
			s.rules = append(s.rules, rule)
		}
		response = append(response, s)
	}
	return request, response, nil
}

// substitute writes stage variables into a URI or a function's name.
func substitute(s string, stage *Stage) (string, error) {
	const open = "${stageVariables."
	var b strings.Builder
	for {
		i := strings.Index(s, open)
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		name, rest, ok := strings.Cut(s[i+len(open):], "}")
		if !ok {
			return "", fmt.Errorf("%q: %s is not closed", s, open)
		}
		value, ok := stage.Variables[name]
		if !ok {
			return "", fmt.Errorf("stage %s has no variable %q", stage.Name, name)
		}
		b.WriteString(s[:i])
		b.WriteString(value)
		s = rest
	}
}
