// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/shape"
	"github.com/forelane/forelane/internal/template/tree"
)

// addRoutes makes three resources for each route and returns the ids of the
// routes themselves.
func (a *api) addRoutes() ([]string, error) {
	var ids []string
	for _, e := range a.routes.Entries {
		word, ok := keyWord(e.Key)
		if !ok {
			err := a.fault(e.Value, "the route key %s is neither $connect, $disconnect, $default nor made of letters and digits", e.Key)
			if e.KeyPos.Line > 0 {
				err.Pos = e.KeyPos
			}
			return nil, err
		}
		if !e.Value.IsMap() || !e.Value.Has("FunctionArn") {
			return nil, a.fault(e.Value, "route %s needs the FunctionArn of the function that serves it", e.Key)
		}
		if err := a.addRoute(e.Key, a.id+word, e.Value); err != nil {
			return nil, err
		}
		ids = append(ids, a.id+word+"Route")
	}
	return ids, nil
}

// keyWord is the part of logical ids that stands for a route key: its letters
// and digits, the first in upper case and the rest in lower case.
func keyWord(key string) (string, bool) {
	switch key {
	case "$connect", "$disconnect", "$default":
		key = key[1:]
	}
	if !shape.IsID(key) {
		return "", false
	}
	return strings.ToUpper(key[:1]) + strings.ToLower(key[1:]), true
}

func (a *api) addRoute(key, id string, spec *tree.Node) error {
	integration := id + "Integration"
	r := a.add(id+"Route", "AWS::ApiGatewayV2::Route").Set("RouteKey", tree.NewString(key)).Set("ApiId", base.Ref(a.id))
	for _, n := range []string{
		"ApiKeyRequired", "ModelSelectionExpression", "OperationName", "RequestModels", "RouteResponseSelectionExpression",
	} {
		r.Set(n, spec.Get(n).Clone())
	}
	if p := spec.Get("RequestParameters"); base.Truthy(p) {
		if key != "$connect" {
			return a.fault(p, "route %s has RequestParameters, which only $connect can have", key)
		}
		r.Set("RequestParameters", p.Clone())
	}
	r.Set("Target", base.Join("/", tree.NewString("integrations"), base.Ref(integration)))
	if a.auth != nil && key == "$connect" {
		r.Set("AuthorizationType", tree.NewString(a.authType()))
		if a.authType() == authCustom {
			r.Set("AuthorizerId", base.Ref(a.authorizerID()))
		}
	}

	function := spec.Get("FunctionArn")
	i := a.add(integration, "AWS::ApiGatewayV2::Integration").Set("ApiId", base.Ref(a.id))
	i.Set("IntegrationType", tree.NewString("AWS_PROXY")).Set("IntegrationUri", invokeURI("FunctionArn", function))
	i.Set("TimeoutInMillis", spec.Get("IntegrationTimeout").Clone())

	a.permission(id+"Permission", function, a.routeARN(key))
	return nil
}

// routeARN is the ARN by which a function knows that this route calls it.
func (a *api) routeARN(key string) *tree.Node {
	stage, vars := "${__StageName__}", (*tree.Node)(nil)
	if s, ok := a.stage.Str(); ok {
		stage = s
	} else {
		vars = base.Map("__StageName__", a.stage.Clone())
	}
	return base.Sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${"+a.id+".ApiId}/"+stage+"/"+key, vars)
}

// invokeURI is the URI by which API Gateway calls a function; name is what
// the Fn::Sub calls its ARN.
func invokeURI(name string, arn *tree.Node) *tree.Node {
	return base.Sub("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${"+name+"}/invocations",
		tree.NewMap().With(name, arn.Clone()))
}

func (a *api) permission(id string, function, source *tree.Node) {
	p := a.add(id, "AWS::Lambda::Permission").Set("Action", tree.NewString("lambda:InvokeFunction"))
	p.Set("FunctionName", function.Clone()).Set("Principal", tree.NewString("apigateway.amazonaws.com")).Set("SourceArn", source)
}
