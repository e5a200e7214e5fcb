// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// permissions looks for functions that an API calls and that nothing lets it
// call. AWS answers 500 there; here the call is made, so that the report must
// say it: what works on a laptop would fail after a deployment.
func (b *builder) permissions() {
	allowed := map[string]bool{} // "name:qualifier"
	for _, r := range b.Of("AWS::Lambda::Permission") {
		principal := r.Props.Get("Principal").Text()
		if principal == "*" || strings.HasPrefix(principal, "apigateway.") {
			if f, qualifier := b.Stack.Function(r.Props.Get("FunctionName").Text()); f != nil {
				allowed[f.Name+":"+qualifier] = true
			}
		}
	}
	for _, typ := range []string{"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"} {
		for _, r := range b.Of(typ) {
			if a := b.apis[r.Ref]; a != nil {
				b.forbidden(r, a, allowed)
			}
		}
	}
}

func (b *builder) forbidden(r *base.Resource, a *model.API, allowed map[string]bool) {
	told := map[string]bool{}
	for _, rt := range a.Routes {
		in := rt.Integration
		if in == nil || in.Function == "" || in.Credentials != "" || strings.Contains(in.Function, "${") {
			continue
		}
		f, qualifier := b.Stack.Function(in.Function)
		if f == nil || allowed[f.Name+":"+qualifier] || told[f.Name] {
			continue
		}
		told[f.Name] = true
		r.Note(base.Value{}, fidelity.Approximated, "no AWS::Lambda::Permission lets the API call "+f.LogicalID+": AWS would answer 500, here the call is made")
	}
}
