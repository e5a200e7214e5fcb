// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"sort"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// Globals holds properties for all resources of a kind. Maps are merged key by
// key, lists are joined with the global members first, and of anything else
// the resource's own value wins.

// globalProps lists the properties that Globals takes, by section.
func globalProps(section string) ([]string, bool) {
	var names string
	switch section {
	case "Function":
		names = `Handler Runtime CodeUri DeadLetterQueue Description MemorySize Timeout VpcConfig Environment Tags
			PropagateTags Tracing KmsKeyArn AutoPublishAlias AutoPublishAliasAllProperties Layers DeploymentPreference RolePath
			PermissionsBoundary ReservedConcurrentExecutions ProvisionedConcurrencyConfig AssumeRolePolicyDocument
			EventInvokeConfig FileSystemConfigs CodeSigningConfigArn Architectures SnapStart EphemeralStorage
			FunctionUrlConfig RuntimeManagementConfig LoggingConfig RecursiveLoop SourceKMSKeyArn TenancyConfig
			DurableConfig CapacityProviderConfig FunctionScalingConfig PublishToLatestPublished VersionDeletionPolicy`
	case "Api":
		names = `Auth Name DefinitionUri CacheClusterEnabled CacheClusterSize MergeDefinitions Variables
			EndpointConfiguration MethodSettings BinaryMediaTypes MinimumCompressionSize Cors GatewayResponses
			AccessLogSetting CanarySetting TracingEnabled OpenApiVersion Domain AlwaysDeploy PropagateTags SecurityPolicy
			EndpointAccessMode`
	case "HttpApi":
		names = `Auth AccessLogSettings StageVariables Tags CorsConfiguration DefaultRouteSettings Domain RouteSettings
			FailOnWarnings PropagateTags`
	case "SimpleTable":
		names = "SSESpecification"
	case "StateMachine":
		names = "PropagateTags"
	case "LayerVersion":
		names = "PublishLambdaVersion"
	case "CapacityProvider":
		names = "VpcConfig OperatorRole Tags InstanceRequirements ScalingConfig KmsKeyArn PropagateTags"
	case "WebSocketApi":
		names = `AccessLogSettings ApiKeySelectionExpression DefaultRouteSettings DisableExecuteApiEndpoint
			DisableSchemaValidation Domain FailOnWarnings IpAddressType PropagateTags RouteSelectionExpression RouteSettings
			StageVariables Tags`
	default:
		return nil, false
	}
	return strings.Fields(names), true
}

func globalsError(at *tree.Node, mend, format string, args ...any) error {
	e := at.Errorf(format, args...)
	e.Path, e.Mend = "Globals", mend
	return e
}

// globals merges Globals into the resources and removes it.
func (p *pipeline) globals() error {
	t := p.c.Template
	all := t.Get("Globals")
	if err := checkGlobals(all); err != nil {
		return err
	}
	for _, id := range p.order.list() {
		res := p.c.Lookup(id)
		section, ok := strings.CutPrefix(typeOf(res), prefix)
		if !ok {
			continue
		}
		props := res.Get("Properties")
		if props == nil {
			props = tree.NewMap()
			res.Set("Properties", props)
		}
		g := all.Get(section)
		if g == nil {
			continue
		}
		g, err := without(id, g, res.Get("IgnoreGlobals"))
		if err != nil {
			return err
		}
		res.Set("Properties", mergeGlobal(g, props))
	}
	t.Delete("Globals")
	return p.openAPI3()
}

func checkGlobals(all *tree.Node) error {
	if all == nil {
		return nil
	}
	if !all.IsMap() {
		return globalsError(all, "", "Globals must be a map of sections")
	}
	for _, s := range all.Entries {
		names, ok := globalProps(s.Key)
		if !ok {
			return globalsError(s.Value, "use Api, CapacityProvider, Function, HttpApi, LayerVersion, SimpleTable, StateMachine or WebSocketApi",
				"there is no section %s", s.Key)
		}
		if !s.Value.IsMap() {
			return globalsError(s.Value, "", "section %s must be a map", s.Key)
		}
		for _, e := range s.Value.Entries {
			if !contains(names, e.Key) {
				sort.Strings(names)
				return globalsError(e.Value, "it takes "+strings.Join(names, ", "), "section %s has no property %s", s.Key, e.Key)
			}
		}
	}
	return nil
}

func contains(l []string, s string) bool {
	for _, it := range l {
		if it == s {
			return true
		}
	}
	return false
}

// without is g less what IgnoreGlobals of a resource names.
func without(id string, g, ignore *tree.Node) (*tree.Node, error) {
	switch s, _ := ignore.Str(); {
	case !base.Truthy(ignore):
		return g, nil
	case s == "*":
		return tree.NewMap(), nil
	case !ignore.IsList():
		return nil, base.Errorf(id, ignore, "IgnoreGlobals must be \"*\" or a list of properties")
	}
	g = g.Clone()
	for _, it := range ignore.Items {
		k, ok := it.Str()
		if !ok || !g.Delete(k) {
			return nil, base.Errorf(id, it, "IgnoreGlobals names %s, which Globals does not set", k)
		}
	}
	return g, nil
}

// mergeGlobal merges a resource's own value over the global one.
func mergeGlobal(global, own *tree.Node) *tree.Node {
	switch {
	case global.IsList() && own.IsList():
		l := *own
		l.Items = append(global.Clone().Items, own.Items...)
		return &l
	case !global.IsMap() || !own.IsMap() || global.IsIntrinsic() || own.IsIntrinsic():
		return own
	}
	out := global.Clone()
	out.Entries = append([]tree.Entry(nil), pydict.Order(out)...)
	if pydict.Written(own.Pos) {
		out.Pos = own.Pos // errors point at the resource
	}
	for _, e := range pydict.Order(own) {
		v := e.Value
		if g := out.Get(e.Key); g != nil {
			v = mergeGlobal(g, v)
		}
		pydict.Set(out, e.Key, e.KeyPos, v)
	}
	return out
}

// openAPI3 makes the definitions that the transform began OpenAPI 3 where
// OpenApiVersion says so.
func (p *pipeline) openAPI3() error {
	for _, e := range p.c.Resources().Entries {
		props := e.Value.Get("Properties")
		v := props.Get("OpenApiVersion")
		if typeOf(e.Value) != typeAPI || v == nil || !props.Has("__MANAGE_SWAGGER") || !openapi.IsVersion3(v) {
			continue
		}
		if text, ok := v.Scalar(); ok && !v.IsString() {
			v = tree.NewString(text)
			props.Set("OpenApiVersion", v)
		}
		if body := props.Get("DefinitionBody"); body.IsMap() {
			pydict.Put(body, "openapi", v.Clone())
			if base.Truthy(body.Get("swagger")) {
				pydict.Delete(body, "swagger")
			}
		}
	}
	return nil
}
