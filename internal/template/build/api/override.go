// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// override changes the route, the integration and the stage that an API with a
// Target made for itself ("AWS::ApiGatewayV2::ApiGatewayManagedOverrides"). It
// is how such an API gets an authorizer: an override that is not applied would
// be an open door.
func (b *builder) override(r *base.Resource) {
	a := b.of(r, "ApiId")
	if a == nil {
		return
	}
	rt, st := quickCreated(a)
	if rt == nil {
		r.Props.Get("ApiId").Fail("give the API a Target, or declare its routes", "only an API with a Target has something to override")
		return
	}
	b.overrideRoute(r, a, rt)
	if v := r.Props.Get("Integration"); v.Exists() {
		rt.Integration.Method = v.Get("IntegrationMethod").TextOr(rt.Integration.Method)
		rt.Integration.Payload = v.Get("PayloadFormatVersion").TextOr(rt.Integration.Payload)
		rt.Integration.Timeout = millis(v.Get("TimeoutInMillis"), rt.Integration.Timeout)
	}
	v := r.Props.Get("Stage")
	st.Description = v.Get("Description").TextOr(st.Description)
	if vars := v.Get("StageVariables").TextMap(); len(vars) > 0 {
		st.Variables = vars
	}
	st.AccessFormat, st.AccessLogARN = v.Get("AccessLogSettings", "Format").Text(), v.Get("AccessLogSettings", "DestinationArn").Text()
	routeSettings(r, a, st, v)
}

func (b *builder) overrideRoute(r *base.Resource, a *model.API, rt *model.Route) {
	v := r.Props.Get("Route")
	if !v.Exists() {
		return
	}
	rt.Authorization, rt.AuthorizerID = v.Get("AuthorizationType").TextOr(rt.Authorization), v.Get("AuthorizerId").Text()
	rt.Scopes, rt.OperationName = v.Get("AuthorizationScopes").Texts(), v.Get("OperationName").Text()
	b.checkAuthorizer(r, a, rt, v.Get("AuthorizerId"))
	target := v.Get("Target")
	if id := strings.TrimPrefix(target.Text(), "integrations/"); id != "" {
		if rt.Integration = b.integrations[id]; rt.Integration == nil {
			rt.Integration = &model.Integration{Kind: model.HTTPProxy, Timeout: 30 * time.Second}
			r.Note(target, fidelity.Unsupported, "the integration is not of this stack: the route answers an error")
		}
	}
}

// quickCreated finds the route and the stage that carry the API's own logical id.
func quickCreated(a *model.API) (*model.Route, *model.Stage) {
	for _, st := range a.Stages {
		if st.LogicalID != a.LogicalID || st.Name != "$default" {
			continue
		}
		for _, rt := range a.Routes {
			if rt.Pos == a.Pos && rt.Integration != nil {
				return rt, st
			}
		}
	}
	return nil, nil
}
