// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"net/http"
	"time"

	"github.com/forelane/forelane/internal/integration/vtl"
	"github.com/forelane/forelane/internal/model"
)

// custom is an integration of a REST API that transforms: Lambda, HTTP, AWS
// services and mock without proxy. In order:
//
//  1. transform (customrequest.go): the body as text or bytes, the request
//     template for its content type, the parameters that the target is sent.
//  2. The backend asks: mock.go, httpcustom.go, lambdacustom.go, service.go.
//  3. respond (customresponse.go): the integration response that the answer
//     selects, its template, the fields it maps.
//
// Nothing of the request reaches the target, and nothing of the answer the
// viewer, that is not mapped; only bodies pass when there is no template.
type custom struct {
	request   requestSide
	responses responseSide
	backend   backend
	timeout   time.Duration
}

// backend is what a custom integration asks.
type backend interface {
	// ask returns a *Fault when there is no answer.
	ask(ctx context.Context, c *Call, out *outbound) (*inbound, error)
}

// outbound is the integration request.
type outbound struct {
	body   []byte
	header http.Header
	query  []queryPair
	path   map[string]string // values of the URI's variables
}

// inbound is the integration's answer.
type inbound struct {
	// selection is what patterns are matched with: a status, or a function's
	// error message, which is empty when it did not fail.
	selection string
	header    http.Header
	body      []byte
	passing   bool // not to be kept: a mock's, a failed function's, a part
}

// compileCustom makes the Runner of a custom integration.
func compileCustom(in *model.Integration, api *API, stage *Stage, route *Route, d Deps) (Runner, error) {
	if api.Style != RESTAPI {
		return nil, faultf(FaultNotBuilt, "%s integrations are of REST APIs", in.Kind)
	}
	c := &custom{timeout: timeout(in, api)}
	var err error
	if c.request, err = compileRequestSide(in, api); err != nil {
		return nil, err
	}
	if c.responses, err = compileResponseSide(in, api, route); err != nil {
		return nil, err
	}
	switch in.Kind {
	case model.Mock:
		c.backend = mock{}
	case model.HTTPCustom:
		c.backend, err = compileHTTPCustom(in, stage, d)
	case model.AWSService:
		c.backend, err = compileService(in, stage, d)
	default:
		c.backend, err = compileLambdaCustom(in, stage, d)
	}
	return c, err
}

// Run transforms, asks and transforms back.
func (i *custom) Run(ctx context.Context, c *Call) (*Answer, error) {
	overrides := &vtl.Overrides{}
	out, err := i.request.transform(c, overrides)
	if err != nil {
		c.closeBody()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	if c.Kept != nil {
		return i.responses.respond(c, &inbound{selection: c.Kept.selection, header: c.Kept.header, body: c.Kept.body}, overrides)
	}
	in, err := i.backend.ask(ctx, c, out)
	if err != nil {
		return nil, err
	}
	a, err := i.responses.respond(c, in, overrides)
	if err == nil && !in.passing {
		c.keep(Kept{selection: in.selection, header: in.header, body: in.body}, a)
	}
	return a, err
}

// render runs a template.
func render(t *vtl.Template, c *Call, body string, overrides *vtl.Overrides) (string, error) {
	in := &vtl.Input{
		Body: body, Query: lastOfQuery(c), Header: lastOfHeader(c),
		Context: c, Stage: c.Stage.Variables, Overrides: overrides,
	}
	for _, p := range c.Params {
		in.Path = append(in.Path, vtl.Pair{Name: p.Name, Value: unescapePath(p.Value)})
	}
	s, err := t.Render(in)
	if err != nil {
		return "", &Fault{FaultConfig, err}
	}
	return s, nil
}

// lastOfQuery is the query string with the last value of each name.
func lastOfQuery(c *Call) []vtl.Pair {
	var out []vtl.Pair
	for _, q := range parseQuery(c.Query, c.API.Style) {
		out = append(out, vtl.Pair{Name: q.name, Value: q.values[len(q.values)-1]})
	}
	return out
}
