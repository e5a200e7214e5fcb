// SPDX-License-Identifier: Apache-2.0

package api

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// authProps are the properties of Auth of a REST API.
var authProps = [...]string{
	"Authorizers", "DefaultAuthorizer", "InvokeRole", "AddDefaultAuthorizerToCorsPreflight",
	"AddApiKeyRequiredToCorsPreflight", "ApiKeyRequired", "ResourcePolicy", "UsagePlan",
}

func known(names []string, key string) bool {
	for _, n := range names {
		if n == key {
			return true
		}
	}
	return false
}

// flagOr is a truth value with the given default.
func flagOr(n *tree.Node, def bool) bool {
	if n == nil {
		return def
	}
	return base.Truthy(n)
}

// restAuth writes authorizers, API keys and the resource policy.
func (u *unit) restAuth() error {
	auth := u.get("Auth")
	if !base.Truthy(auth) {
		return nil
	}
	if err := u.inline("Auth"); err != nil {
		return err
	}
	if !auth.IsMap() {
		return u.errorf(auth, "Auth must be a map")
	}
	for _, e := range auth.Entries {
		if !known(authProps[:], e.Key) {
			return u.errorf(e.Value, "Auth has no property %s", e.Key)
		}
	}
	err := u.edit(func(sw *openapi.Swagger) error {
		def := auth.Get("DefaultAuthorizer")
		as, err := openapi.ReadAuthorizers(u.id, auth.Get("Authorizers"), def)
		if err != nil {
			return err
		}
		if len(as) > 0 {
			if err := sw.AddAuthorizers(as); err != nil {
				return err
			}
			if err := u.defaultAuthorizer(sw, def, as); err != nil {
				return err
			}
		}
		if base.Truthy(auth.Get("ApiKeyRequired")) {
			sw.AddAPIKeyScheme()
			for _, p := range sw.Paths() {
				if err := sw.DefaultAPIKey(p.Key, flagOr(auth.Get("AddApiKeyRequiredToCorsPreflight"), true)); err != nil {
					return err
				}
			}
		}
		return u.policy(sw, auth.Get("ResourcePolicy"))
	})
	if err != nil {
		return err
	}
	return openapi.Normalize(u.c, u.id, u.body, u.get("OpenApiVersion"))
}

func (u *unit) defaultAuthorizer(sw *openapi.Swagger, def *tree.Node, as []openapi.Authorizer) error {
	if !base.Truthy(def) {
		return nil
	}
	if !def.IsString() {
		return u.errorf(def, "Auth.DefaultAuthorizer must be a string")
	}
	found := def.Text == "AWS_IAM"
	for _, a := range as {
		found = found || a.Name == def.Text
	}
	if !found {
		return u.errorf(def, "Auth.DefaultAuthorizer: there is no authorizer %s", def.Text)
	}
	preflight := flagOr(u.get("Auth").Get("AddDefaultAuthorizerToCorsPreflight"), true)
	for _, p := range sw.Paths() {
		if err := sw.DefaultAuthorizer(p.Key, def, as, preflight); err != nil {
			return err
		}
	}
	return nil
}

func (u *unit) policy(sw *openapi.Swagger, policy *tree.Node) error {
	if !base.Truthy(policy) {
		return nil
	}
	if !policy.IsMap() {
		return u.errorf(policy, "Auth.ResourcePolicy must be a map")
	}
	for _, p := range sw.Paths() {
		if err := sw.AddPolicy(policy, pydict.Text(p.Key, p.KeyPos), u.get("StageName")); err != nil {
			return err
		}
	}
	if st := policy.Get("CustomStatements"); base.Truthy(st) {
		sw.AddStatements(st)
	}
	return nil
}

// authorizerPermissions lets API Gateway call the functions of authorizers.
func (u *unit) authorizerPermissions() error {
	as, err := openapi.ReadAuthorizers(u.id, u.get("Auth").Get("Authorizers"), nil)
	if err != nil {
		return err
	}
	for _, a := range as {
		if a.Function != nil && base.Truthy(a.Function) && !a.NoPermission {
			u.permit(u.id+a.Name+"AuthorizerPermission", a.Function, u.c.Partition)
		}
	}
	return nil
}

func (u *unit) permit(id string, function *tree.Node, partition string) {
	arn := base.Sub("arn:"+partition+":execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*",
		base.Map("__ApiId__", base.Ref(u.id)))
	u.out = append(u.out, u.new(id, "AWS::Lambda::Permission").
		Set("Action", base.Str("lambda:InvokeFunction")).
		Set("FunctionName", function.Clone()).
		Set("Principal", base.Str("apigateway.amazonaws.com")).
		Set("SourceArn", arn))
}

// shared is the usage plan that APIs of a template share, in Context.Bag.
type shared struct {
	dependsOn, stages, keys *tree.Node
	deletion, replace       string
	conditions              []string
	always                  bool // an API without condition shares it
}

type sharedKey struct{}

const sharedCondition = "SharedUsagePlanCondition"

var planProps = [...]string{"CreateUsagePlan", "Description", "Quota", "Tags", "Throttle", "UsagePlanName"}

// usagePlan makes a usage plan with an API key.
func (u *unit) usagePlan(stage base.Resource) error {
	plan := base.Opt(u.get("Auth"), "UsagePlan")
	if plan == nil {
		return nil
	}
	if !plan.IsMap() {
		return u.errorf(plan, "Auth.UsagePlan must be a map")
	}
	for _, e := range plan.Entries {
		if !known(planProps[:], e.Key) {
			return u.errorf(e.Value, "Auth.UsagePlan has no property %s", e.Key)
		}
	}
	api := base.Map("ApiId", base.Ref(u.id), "Stage", base.Ref(stage.ID))
	key := base.Map("RestApiId", base.Ref(u.id), "StageName", base.Ref(stage.ID))
	var p, k, pk base.Resource
	switch base.Text(plan, "CreateUsagePlan") {
	case "NONE":
		return nil
	case "PER_API":
		p = u.new(u.id+"UsagePlan", "AWS::ApiGateway::UsagePlan").Attr(base.DependsOn, tree.NewStrings(u.id)).
			Set("ApiStages", tree.NewList(api))
		k = u.new(u.id+"ApiKey", "AWS::ApiGateway::ApiKey").Set("StageKeys", tree.NewList(key))
		pk = u.new(u.id+"UsagePlanKey", "AWS::ApiGateway::UsagePlanKey")
	case "SHARED":
		s := u.share(api, key)
		p = base.NewResource("ServerlessUsagePlan", "AWS::ApiGateway::UsagePlan").Attr(base.DependsOn, s.dependsOn.Clone()).
			Set("ApiStages", s.stages.Clone())
		k = base.NewResource("ServerlessApiKey", "AWS::ApiGateway::ApiKey").Set("StageKeys", s.keys.Clone())
		pk = base.NewResource("ServerlessUsagePlanKey", "AWS::ApiGateway::UsagePlanKey")
		for _, r := range []base.Resource{p, k, pk} {
			s.attributes(r)
		}
	default:
		return u.errorf(plan, "Auth.UsagePlan.CreateUsagePlan must be PER_API, SHARED or NONE")
	}
	for _, n := range []string{"UsagePlanName", "Description", "Quota", "Tags", "Throttle"} {
		if v := plan.Get(n); base.Truthy(v) {
			p.Set(n, v.Clone())
		}
	}
	k.Attr(base.DependsOn, tree.NewStrings(p.ID)).Set("Enabled", tree.NewBool(true))
	pk.Attr(base.DependsOn, tree.NewStrings(k.ID)).
		Set("KeyId", base.Ref(k.ID)).Set("KeyType", base.Str("API_KEY")).Set("UsagePlanId", base.Ref(p.ID))
	u.out = append(u.out, p, k, pk)
	return nil
}

// share adds the API to the shared plan.
func (u *unit) share(api, key *tree.Node) *shared {
	s, ok := u.c.Bag[sharedKey{}].(*shared)
	if !ok {
		s = &shared{dependsOn: tree.NewList(), stages: tree.NewList(), keys: tree.NewList()}
		u.c.Bag[sharedKey{}] = s
	}
	s.dependsOn.Add(base.Str(u.id))
	s.stages.Add(api)
	s.keys.Add(key)
	if p := base.Text(u.res, base.DeletionPolicy); p != "" && (s.deletion == "" || p == "Retain") {
		s.deletion = p
	}
	if p := base.Text(u.res, base.UpdateReplacePolicy); p != "" &&
		(s.replace == "" || p == "Retain" || p == "Snapshot" && s.replace == "Delete") {
		s.replace = p
	}
	cond, has := u.res.Get(base.Condition).Str()
	switch {
	case s.always:
	case !has:
		s.always = true
		if c := u.c.Out.Get("Conditions"); c.Len() > 0 {
			c.Delete(sharedCondition)
		}
	case !known(s.conditions, cond):
		s.conditions = append(s.conditions, cond)
		if len(s.conditions) == 1 {
			u.c.AddCondition(sharedCondition, base.Str(cond))
		} else {
			u.c.AddCondition(sharedCondition, base.Or(s.conditions...))
		}
	}
	return s
}

func (s *shared) attributes(r base.Resource) {
	if s.deletion != "" {
		r.Attr(base.DeletionPolicy, base.Str(s.deletion))
	}
	if s.replace != "" {
		r.Attr(base.UpdateReplacePolicy, base.Str(s.replace))
	}
	if len(s.conditions) > 0 && !s.always {
		r.Attr(base.Condition, base.Str(sharedCondition))
	}
}
