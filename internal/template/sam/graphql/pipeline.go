// SPDX-License-Identifier: Apache-2.0

package graphql

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// passOn is the code of a resolver that gives none, the same that the AppSync
// console proposes: it hands the last function's result on.
const passOn = "\nexport function request(ctx) {\n    return {};\n}\n\n" +
	"export function response(ctx) {\n    return ctx.prev.result;\n}\n"

func (a *api) functionConfigs() error {
	for _, e := range entries(a.props.Get("Functions")) {
		n := e.Value
		if id := n.Get("Id"); base.Truthy(id) {
			if present(n).Len() != 1 {
				return base.Errorf(a.id, n, "function %s has an Id, so it can have no other property", e.Key)
			}
			a.functions[e.Key] = id.Clone()
			continue
		}
		r := a.add(a.id+e.Key, "AWS::AppSync::FunctionConfiguration").Set("ApiId", a.apiID())
		r.Set("Name", orText(text(n.Get("Name")), e.Key))
		given, err := a.code(r, n, "function "+e.Key)
		if err != nil {
			return err
		}
		if !given {
			return base.Errorf(a.id, n, "function %s needs InlineCode or CodeUri", e.Key)
		}
		source, err := a.sourceName(e.Key, n)
		if err != nil {
			return err
		}
		r.Set("DataSourceName", source)
		take(r, n, "MaxBatchSize", "Description")
		if s := base.Opt(n, "Sync"); s != nil {
			r.Set("SyncConfig", present(s))
		}
		a.functions[e.Key] = base.GetAtt(r.ID, "FunctionId")
	}
	return nil
}

// code sets Code or CodeS3Location and the Runtime it needs; given is false if
// there is no code.
func (a *api) code(r base.Resource, n *tree.Node, who string) (given bool, err error) {
	inline, uri := n.Get("InlineCode"), n.Get("CodeUri")
	switch {
	case base.Truthy(inline) && base.Truthy(uri):
		return false, base.Errorf(a.id, n, "%s has both InlineCode and CodeUri; keep one", who)
	case base.Truthy(inline):
		r.Set("Code", inline.Clone())
	case base.Truthy(uri):
		r.Set("CodeS3Location", uri.Clone())
	default:
		return false, nil
	}
	rt := base.Opt(n, "Runtime")
	if rt == nil {
		return false, base.Errorf(a.id, n, "%s needs a Runtime", who)
	}
	r.Set("Runtime", base.Map("Name", rt.Get("Name").Clone(), "RuntimeVersion", rt.Get("Version").Clone()))
	return true, nil
}

// sourceName is the AppSync name of the data source a function asks for.
func (a *api) sourceName(function string, n *tree.Node) (*tree.Node, error) {
	ds := n.Get("DataSource")
	if !base.Truthy(ds) {
		return nil, base.Errorf(a.id, n, "function %s needs a DataSource", function)
	}
	name, isText := ds.Scalar()
	switch {
	case !isText:
		return ds.Clone(), nil // an intrinsic names a source of another template
	case strings.EqualFold(name, "none"):
		return a.noSource(), nil
	case a.sources[name] != nil:
		return a.sources[name].Clone(), nil
	}
	err := base.Errorf(a.id, ds, "function %s names the data source %s, which DataSources does not have", function, name)
	err.Mend = "add it there, or name a source outside by an intrinsic function"
	return nil, err
}

func (a *api) resolvers() error {
	for _, typ := range entries(a.props.Get("Resolvers")) {
		for _, e := range typ.Value.Entries {
			if err := a.resolver(typ.Key, e.Key, e.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *api) resolver(typ, field string, n *tree.Node) error {
	r := a.add(a.id+typ+field, "AWS::AppSync::Resolver")
	r.Attr(base.DependsOn, tree.NewStrings(a.schemaID()))
	given, err := a.code(r, n, "resolver "+field)
	if err != nil {
		return err
	}
	if !given {
		r.Set("Code", tree.NewString(passOn))
		r.Set("Runtime", base.Map("Name", "APPSYNC_JS", "RuntimeVersion", "1.0.0"))
	}
	r.Set("ApiId", a.apiID()).Set("TypeName", tree.NewString(typ))
	r.Set("FieldName", orText(text(n.Get("FieldName")), field))
	if !base.Truthy(n.Get("Pipeline")) {
		err := base.Errorf(a.id, n, "resolver %s needs a Pipeline of functions", field)
		err.Mend = "a resolver without functions is written as AWS::AppSync::Resolver"
		return err
	}
	ids := tree.NewList()
	for _, f := range n.Get("Pipeline").Items {
		name, _ := f.Scalar()
		if a.functions[name] == nil {
			return base.Errorf(a.id, f, "resolver %s calls function %s, which Functions does not have", field, name)
		}
		ids.Add(a.functions[name].Clone())
	}
	r.Set("Kind", tree.NewString("PIPELINE")).Set("PipelineConfig", base.Map("Functions", ids))
	if c := base.Opt(n, "Caching"); c != nil {
		r.Set("CachingConfig", present(c))
	}
	if m := n.Get("MaxBatchSize"); base.Truthy(m) {
		r.Set("MaxBatchSize", m.Clone())
	}
	return nil
}

// text is a scalar as a String.
func text(n *tree.Node) *tree.Node {
	if s, ok := n.Scalar(); ok {
		return &tree.Node{Kind: tree.String, Text: s, Pos: n.Pos}
	}
	return n
}
