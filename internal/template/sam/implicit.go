// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"errors"
	"sort"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// An API whose definition the user leaves to the events gets an empty one,
// into which the paths and methods of events are written here; their
// integrations follow when the functions are expanded. Events that name no
// API belong to the implicit one, which is removed again if there are none.

// apiKind is the one or the other kind of API.
type apiKind struct {
	rest      bool
	id        string // of the implicit API
	event     string // type of its events
	prop      string // property of an event that names the API
	typ       string // of the resource
	condition string // made for an implicit API of several conditions
}

var (
	restKind = apiKind{true, "ServerlessRestApi", "Api", "RestApiId", typeAPI, "ServerlessRestApiCondition"}
	httpKind = apiKind{false, "ServerlessHttpApi", "HttpApi", "ApiId", typeHTTPAPI, "ServerlessHttpApiCondition"}
)

// skeleton is an empty definition.
func (k apiKind) skeleton() *tree.Node {
	if k.rest {
		return openapi.RESTSkeleton()
	}
	return openapi.HTTPSkeleton()
}

// editor is what this file needs of openapi.Swagger and openapi.HTTP.
type editor interface {
	AddPath(path, method *tree.Node) error
	Paths() []tree.Entry
	MakeConditional(path string, condition *tree.Node)
	Definition() *tree.Node
}

func (k apiKind) open(c *base.Context, id string, def *tree.Node) (editor, error) {
	if k.rest {
		return openapi.NewREST(c, id, def)
	}
	return openapi.NewHTTP(c, id, def)
}

func (k apiKind) valid(def *tree.Node) bool {
	if k.rest {
		return openapi.ValidREST(def)
	}
	return openapi.ValidHTTP(def)
}

func managed(props *tree.Node) bool { return base.Truthy(props.Get("__MANAGE_SWAGGER")) }

// collector gathers the events of one kind of API.
type collector struct {
	*pipeline
	apiKind
	conditions map[string]map[string]map[string]*tree.Node // by API, path and method; nil: none
	deletion   map[string]bool                             // policies of those who use the implicit API
	replace    map[string]bool
	tables     map[string]*pydict.Keys // of Events, by resource
}

// implicitAPIs writes the routes of events into the APIs.
func (p *pipeline) implicitAPIs() error {
	for _, k := range []apiKind{restKind, httpKind} {
		for _, id := range p.order.list() {
			res := p.c.Lookup(id)
			props := res.Get("Properties")
			if typeOf(res) != k.typ || base.Truthy(props.Get("DefinitionBody")) || base.Truthy(props.Get("DefinitionUri")) {
				continue
			}
			if props == nil {
				props = tree.NewMap()
				res.Set("Properties", props)
			}
			setMade(props, "DefinitionBody", k.skeleton())
			setMade(props, "__MANAGE_SWAGGER", tree.NewBool(true))
		}
	}
	tables := map[string]*pydict.Keys{}
	for _, k := range []apiKind{restKind, httpKind} {
		c := collector{
			pipeline: p, apiKind: k, conditions: map[string]map[string]map[string]*tree.Node{},
			deletion: map[string]bool{}, replace: map[string]bool{}, tables: tables,
		}
		if err := c.run(); err != nil {
			return err
		}
	}
	return nil
}

func setMade(m *tree.Node, key string, v *tree.Node) { pydict.Put(m, key, v) }

func (c *collector) run() error {
	rs := c.c.Resources()
	existing := rs.Get(c.id)
	props := base.Map("DefinitionBody", c.skeleton(), "__MANAGE_SWAGGER", true)
	if c.rest {
		props = base.Map("StageName", "Prod", "DefinitionBody", c.skeleton(), "__MANAGE_SWAGGER", true)
	}
	rs.Set(c.id, base.Map("Type", c.typ, "Properties", props))
	c.order.add(c.id)
	var errs []error
	for _, id := range c.order.list() {
		res := c.c.Lookup(id)
		if t := typeOf(res); t != typeFunction && t != typeStateMachine {
			continue
		}
		if err := c.resource(id, res); err != nil {
			errs = append(errs, err)
		}
	}
	if errs == nil {
		if err := c.finishPaths(); err != nil {
			errs = append(errs, err)
		}
	}
	c.finishImplicit(existing)
	return errors.Join(errs...)
}

// resource collects the events of one function or state machine.
func (c *collector) resource(id string, res *tree.Node) error {
	events := res.At("Properties", "Events")
	if !events.IsMap() {
		return nil
	}
	ids := events.Keys()
	table := c.tables[id]
	if c.c.HashOrder {
		if table == nil {
			table = pydict.NewKeys(ids...)
			c.tables[id] = table
		}
		ids = table.List()
	}
	var mine []string
	for _, e := range ids {
		if typeOf(events.Get(e)) == c.event {
			mine = append(mine, e)
		}
	}
	if c.c.HashOrder {
		mine = pydict.NewKeys(mine...).List()
	}
	for _, e := range mine {
		if err := c.one(id, e, res, events.Get(e)); err != nil {
			return err
		}
	}
	if c.c.HashOrder && len(mine) > 0 {
		table.Merge(mine)
	}
	if table != nil {
		c.c.EventOrder[id] = table.List()
	}
	return nil
}

// one collects one event.
func (c *collector) one(id, event string, res, node *tree.Node) error {
	props := node.Get("Properties")
	if props == nil && !c.rest {
		props = tree.NewMap()
		setMade(node, "Properties", props)
	}
	if c.rest && !base.Truthy(props) {
		return nil
	}
	if !props.IsMap() {
		return base.EventErrorf(id, event, props, "Properties must be a map")
	}
	if !props.Has(c.prop) {
		c.propagate(res)
		setMade(props, c.prop, base.Ref(c.id))
	}
	if !c.rest && !base.Truthy(props.Get("Path")) && !base.Truthy(props.Get("Method")) {
		setMade(props, "Path", base.Str(openapi.DefaultPath))
		setMade(props, "Method", base.Str(openapi.AnyMethod))
	}
	for _, k := range []string{"Path", "Method"} {
		if v := props.Get(k); !v.IsString() {
			at := v
			if at == nil {
				at = node
			}
			return base.EventErrorf(id, event, at, "%s is required and must be a string", k)
		}
	}
	apiID, ok := openapi.APIID(props.Get(c.prop)).Str()
	if !ok {
		return base.EventErrorf(id, event, props.Get(c.prop), "%s must name an %s of this template by !Ref", c.prop, c.typ)
	}
	c.note(apiID, props, res)
	return c.addRoute(id, event, apiID, props, res)
}

// propagate gives the implicit API the tags of a resource that asks for it.
func (c *collector) propagate(res *tree.Node) {
	g := c.c.Template.At("Globals", strings.TrimPrefix(typeOf(res), prefix))
	pick := func(k string) *tree.Node {
		if v := res.At("Properties", k); base.Truthy(v) {
			return v
		}
		return g.Get(k)
	}
	tags := pick("Tags")
	if !base.Truthy(tags) || !base.Truthy(pick("PropagateTags")) || !tags.IsMap() {
		return
	}
	props := c.c.Lookup(c.id).Get("Properties")
	all := props.Get("Tags")
	if all == nil {
		all = tree.NewMap()
		setMade(props, "Tags", all)
	}
	for _, e := range tags.Entries {
		all.Set(e.Key, e.Value.Clone())
	}
	setMade(props, "PropagateTags", tree.NewBool(true))
}

// note keeps the attributes of the resource for the path of the event.
func (c *collector) note(apiID string, props, res *tree.Node) {
	paths := c.conditions[apiID]
	if paths == nil {
		paths = map[string]map[string]*tree.Node{}
		c.conditions[apiID] = paths
	}
	path := props.Get("Path").Text
	if paths[path] == nil {
		paths[path] = map[string]*tree.Node{}
	}
	paths[path][props.Get("Method").Text] = base.Opt(res, base.Condition)
	if apiID == c.id {
		c.deletion[base.Text(res, base.DeletionPolicy)] = true
		c.replace[base.Text(res, base.UpdateReplacePolicy)] = true
	}
}

// addRoute writes path and method into the definition of the API.
func (c *collector) addRoute(id, event, apiID string, props, res *tree.Node) error {
	api := c.c.Lookup(apiID)
	if api == nil || typeOf(api) == typeHTTPAPI && c.rest {
		return base.EventErrorf(id, event, props.Get(c.prop), "%s must name an %s of this template by !Ref", c.prop, c.typ)
	}
	ap := api.Get("Properties")
	if ap == nil {
		ap = tree.NewMap()
		setMade(api, "Properties", ap)
	}
	if !ap.IsMap() {
		return base.Errorf(apiID, ap, "Properties must be a map")
	}
	if c.valid(ap.Get("DefinitionBody")) && managed(ap) {
		ed, err := c.open(c.c, apiID, ap.Get("DefinitionBody"))
		if err != nil {
			return err
		}
		if err := ed.AddPath(props.Get("Path"), props.Get("Method")); err != nil {
			return err
		}
		setMade(ap, "DefinitionBody", ed.Definition())
	}
	if c.rest || !props.Has("RouteSettings") {
		return nil
	}
	return c.routeSettings(id, event, ap, props, res)
}

// routeSettings copies an event's RouteSettings to the API.
func (c *collector) routeSettings(id, event string, api, props, res *tree.Node) error {
	route := strings.ToUpper(props.Get("Method").Text) + " " + props.Get("Path").Text
	if props.Get("Method").Text == openapi.AnyMethod {
		route = props.Get("Path").Text
	}
	all := api.Get("RouteSettings")
	if all == nil {
		all = tree.NewMap()
	}
	own := props.Get("RouteSettings")
	if cond := base.Opt(res, base.Condition); cond != nil {
		own = base.Map("Fn::If", tree.NewList(cond.Clone(), own.Clone(), base.NoValue()))
	}
	if !all.IsMap() || !own.IsMap() {
		return base.EventErrorf(id, event, own, "RouteSettings must be a map")
	}
	to := all.Get(route)
	if !to.IsMap() {
		to = tree.NewMap()
		all.Set(route, to)
	}
	for _, e := range own.Entries {
		to.Set(e.Key, e.Value.Clone())
	}
	api.Set("RouteSettings", all)
	return nil
}

// conditionOf returns the names of all conditions, sorted; ok is false if one
// has none.
func conditionOf(methods map[string]*tree.Node, into map[string]*tree.Node) (ok bool) {
	ok = true
	for _, c := range methods {
		if s, is := c.Str(); is {
			into[s] = c
		} else {
			ok = false
		}
	}
	return ok
}

func sortedKeys(m map[string]*tree.Node) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// combine names one condition for all of m, made if there are several.
func (c *collector) combine(name string, m map[string]*tree.Node) *tree.Node {
	names := sortedKeys(m)
	if len(names) == 1 {
		return m[names[0]].Clone()
	}
	t := c.c.Template
	conds := t.Get("Conditions")
	if !conds.IsMap() {
		conds = tree.NewMap()
		t.Set("Conditions", conds)
	}
	for _, e := range base.AnyOf(name, names) {
		conds.Set(e.Key, e.Value)
	}
	return base.Str(name)
}

// finishPaths makes paths conditional all of whose methods are, for every API
// of the kind whose definition events write.
func (c *collector) finishPaths() error {
	for _, id := range c.order.list() {
		api := c.c.Lookup(id)
		props := api.Get("Properties")
		if typeOf(api) != c.typ || !managed(props) {
			continue
		}
		ed, err := c.open(c.c, id, props.Get("DefinitionBody"))
		if err != nil {
			return err
		}
		for _, p := range ed.Paths() {
			found := map[string]*tree.Node{}
			if conditionOf(c.conditions[id][p.Key], found) && len(found) > 0 {
				name := id + strings.NewReplacer("/", "SLASH", "{", "OB", "}", "CB").Replace(p.Key) + "PathCondition"
				ed.MakeConditional(p.Key, c.combine(name, found))
			}
		}
		setMade(props, "DefinitionBody", ed.Definition())
	}
	return nil
}

// finishImplicit gives the implicit API its attributes, or removes it.
func (c *collector) finishImplicit(existing *tree.Node) {
	rs := c.c.Resources()
	api := rs.Get(c.id)
	if api.At("Properties", "DefinitionBody", "paths").Len() == 0 {
		if existing != nil {
			rs.Set(c.id, existing)
			return
		}
		rs.Delete(c.id)
		c.order.remove(c.id)
		return
	}
	found := map[string]*tree.Node{}
	all := true
	for _, methods := range c.conditions[c.id] {
		all = conditionOf(methods, found) && all
	}
	if all && len(found) > 0 {
		setMade(api, base.Condition, c.combine(c.condition, found))
	}
	strongest := func(attr string, have map[string]bool, order ...string) {
		for _, p := range order {
			if have[p] {
				setMade(api, attr, base.Str(p))
				return
			}
		}
	}
	strongest(base.DeletionPolicy, c.deletion, "Retain", "Delete")
	strongest(base.UpdateReplacePolicy, c.replace, "Retain", "Snapshot", "Delete")
}
