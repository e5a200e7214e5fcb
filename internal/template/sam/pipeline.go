// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/api"
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/capacity"
	"github.com/forelane/forelane/internal/template/sam/connector"
	"github.com/forelane/forelane/internal/template/sam/function"
	"github.com/forelane/forelane/internal/template/sam/graphql"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/policy"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/sam/statemachine"
	"github.com/forelane/forelane/internal/template/sam/websocket"
	"github.com/forelane/forelane/internal/template/tree"
)

const prefix = "AWS::Serverless::"

// The kinds of serverless resources.
const (
	typeFunction     = prefix + "Function"
	typeStateMachine = prefix + "StateMachine"
	typeAPI          = prefix + "Api"
	typeHTTPAPI      = prefix + "HttpApi"
	typeWebSocket    = prefix + "WebSocketApi"
	typeTable        = prefix + "SimpleTable"
	typeApplication  = prefix + "Application"
	typeLayer        = prefix + "LayerVersion"
	typeConnector    = prefix + "Connector"
	typeGraphQL      = prefix + "GraphQLApi"
	typeCapacity     = prefix + "CapacityProvider"
)

// rank orders the kinds: functions and state machines write into APIs, and
// connectors read what all others became.
func rank(typ string) int {
	switch typ {
	case typeFunction:
		return 0
	case typeStateMachine:
		return 1
	case typeAPI, typeHTTPAPI, typeWebSocket:
		return 2
	case typeConnector:
		return 4
	}
	return 3
}

const ranks = 5

// order is the order in which resources are walked: that of the template, or
// the one of package pydict where a definition is hashed.
type order struct {
	hashed *pydict.Keys // nil: plain
	plain  []string
}

func (o *order) list() []string {
	if o.hashed != nil {
		return o.hashed.List()
	}
	return append([]string(nil), o.plain...)
}

func (o *order) add(id string) {
	if o.hashed != nil {
		o.hashed.Add(id)
		return
	}
	for _, p := range o.plain {
		if p == id {
			return
		}
	}
	o.plain = append(o.plain, id)
}

func (o *order) remove(id string) {
	if o.hashed != nil {
		o.hashed.Remove(id)
		return
	}
	for i, p := range o.plain {
		if p == id {
			o.plain = append(o.plain[:i:i], o.plain[i+1:]...)
			return
		}
	}
}

func newPipeline(t *tree.Node, o Options) (*pipeline, error) {
	if err := checkForm(t); err != nil {
		return nil, err
	}
	t = t.Clone()
	hashed := hasREST(t)
	if hashed {
		markWritten(t, o.Parameters)
	}
	c := base.NewContext(t, base.Options{
		Region: o.Region, Partition: o.Partition, AccountID: o.AccountID, Parameters: o.Parameters, ReadFile: o.ReadFile,
	})
	c.HashOrder = hashed
	p := &pipeline{c: c, app: o.Application, refs: map[string]map[string]string{}}
	if hashed {
		p.order.hashed = pydict.NewKeys()
	}
	for _, e := range t.Get("Resources").Entries {
		p.order.add(e.Key)
	}
	return p, nil
}

// checkForm checks what every step relies on.
func checkForm(t *tree.Node) error {
	rs := t.Get("Resources")
	if !rs.IsMap() || len(rs.Entries) == 0 {
		return t.Errorf("the template needs Resources, a map with members")
	}
	if m := t.Get("Mappings"); m != nil && !m.IsMap() {
		return m.Errorf("Mappings must be a map")
	}
	for _, e := range rs.Entries {
		if !e.Value.IsMap() {
			err := base.Errorf(e.Key, e.Value, "a resource must be a map")
			err.Mend = "check the indentation below its logical id"
			return err
		}
		if !strings.HasPrefix(typeOf(e.Value), prefix) {
			continue
		}
		if p := e.Value.Get("Properties"); p != nil && !p.IsMap() {
			return base.Errorf(e.Key, p, "Properties must be a map")
		}
		if c := e.Value.Get("Condition"); base.Truthy(c) && !c.IsString() {
			return base.Errorf(e.Key, c, "Condition must be the name of a condition")
		}
	}
	return nil
}

func typeOf(res *tree.Node) string { return base.Text(res, "Type") }

// hasREST tells whether the template has a REST API, explicit or implicit, or
// an HTTP API with a default authorizer.
func hasREST(t *tree.Node) bool {
	byGlobals := base.Truthy(t.At("Globals", "HttpApi", "Auth", "DefaultAuthorizer"))
	for _, e := range t.Get("Resources").Entries {
		props := e.Value.Get("Properties")
		switch typ := typeOf(e.Value); typ {
		case typeAPI:
			return true
		case typeHTTPAPI:
			if byGlobals || base.Truthy(props.At("Auth", "DefaultAuthorizer")) {
				return true
			}
		case typeFunction, typeStateMachine:
			events := props.Get("Events")
			if !events.IsMap() {
				continue
			}
			for _, ev := range events.Entries {
				if k := typeOf(ev.Value); k == "Api" || k == "HttpApi" && byGlobals && typ == typeFunction {
					return true
				}
			}
		}
	}
	return false
}

// markWritten gives a position to what the user wrote and hashes print, where
// it has none because the template did not come from a file.
func markWritten(t *tree.Node, params map[string]*tree.Node) {
	mark(t.At("Globals", "Api"))
	for _, v := range params {
		mark(v)
	}
	if p := t.Get("Parameters"); p.IsMap() {
		for _, e := range p.Entries {
			mark(e.Value.Get("Default"))
		}
	}
	rs := t.Get("Resources")
	for i := range rs.Entries {
		e := &rs.Entries[i]
		if !pydict.Written(e.Value.Pos) {
			e.Value.Pos.Line = 1
		}
		props := e.Value.Get("Properties")
		switch typeOf(e.Value) {
		case typeAPI, typeHTTPAPI:
			mark(props)
		case typeFunction, typeStateMachine:
			mark(e.Value.Get("Condition"))
			mark(props.Get("FunctionName"))
			mark(props.Get("Events"))
		}
	}
}

func mark(n *tree.Node) {
	if n == nil {
		return
	}
	pydict.Mark(n)
	for _, it := range n.Items {
		mark(it)
	}
	for i := range n.Entries {
		if e := &n.Entries[i]; !pydict.Written(e.KeyPos) {
			e.KeyPos.Line = 1
		}
		mark(n.Entries[i].Value)
	}
}

// connectors turns embedded connectors into resources of their own.
func (p *pipeline) connectors() error {
	if err := connector.Lift(p.c); err != nil {
		return err
	}
	before := map[string]bool{}
	for _, id := range p.order.list() {
		before[id] = true
	}
	var added []string
	for _, e := range p.c.Resources().Entries {
		if !before[e.Key] {
			added = append(added, e.Key)
		}
	}
	if p.order.hashed != nil {
		p.order.hashed.Merge(added)
	} else {
		p.order.plain = append(p.order.plain, added...)
	}
	p.c.Out = p.c.Template.Clone()
	return nil
}

// expand replaces each serverless resource by what its room makes of it.
func (p *pipeline) expand() {
	ids := p.order.list()
	for r := range ranks {
		for _, id := range ids {
			res := p.c.Lookup(id)
			if typ := typeOf(res); strings.HasPrefix(typ, prefix) && rank(typ) == r {
				p.expandOne(id, res, typ)
			}
		}
	}
}

func (p *pipeline) expandOne(id string, res *tree.Node, typ string) {
	p.collectNames(id, res, typ)
	made, err := p.room(id, res, typ)
	if err != nil {
		p.fail(id, res, err)
		return
	}
	p.refer(id, typ, made)
	p.c.Out.Get("Resources").Delete(id)
	p.emit(id, made)
}

// fail records an error; one without a path or position gets the resource's.
func (p *pipeline) fail(id string, res *tree.Node, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		for _, e := range joined.Unwrap() {
			p.fail(id, res, e)
		}
		return
	}
	e, ok := err.(*tree.Error) //nolint:errorlint // rooms return it unwrapped
	if !ok {
		e = base.Errorf(id, res, "%v", err)
	}
	if e.Path == "" {
		e.Path = "Resources." + id
	}
	if e.Pos.Line == 0 && res != nil {
		e.Pos = res.Pos
	}
	p.errs = append(p.errs, e)
}

func (p *pipeline) room(id string, res *tree.Node, typ string) ([]base.Resource, error) {
	if typ == typeFunction || typ == typeStateMachine {
		if err := policy.Expand(id, res.Get("Properties")); err != nil {
			return nil, err
		}
	}
	switch typ {
	case typeFunction:
		return function.Expand(p.c, id, res)
	case typeStateMachine:
		return statemachine.Expand(p.c, id, res)
	case typeAPI:
		return api.ExpandREST(p.c, id, res)
	case typeHTTPAPI:
		return api.ExpandHTTP(p.c, id, res)
	case typeWebSocket:
		return websocket.Expand(p.c, id, res)
	case typeGraphQL:
		return graphql.Expand(p.c, id, res)
	case typeCapacity:
		return capacity.Expand(p.c, id, res)
	case typeConnector:
		return connector.Expand(p.c, id, res)
	case typeTable:
		return expandTable(id, res)
	case typeLayer:
		return expandLayer(p.c, id, res)
	case typeApplication:
		return p.application(id, res)
	}
	err := base.Errorf(id, res.Get("Type"), "there is no resource type %s", typ)
	err.Mend = "see the resource types of AWS SAM"
	return nil, err
}

// emit puts resources into the result unless their id belongs to another
// resource of the template.
func (p *pipeline) emit(owner string, made []base.Resource) {
	out := p.c.Out.Get("Resources")
	for _, r := range made {
		if old := p.c.Lookup(r.ID); old != nil && !replaces(r.Type(), typeOf(old)) {
			err := base.Errorf(owner, p.c.Lookup(owner), "it would make a resource %s (%s), but the template has Resources.%s already", r.ID, r.Type(), r.ID)
			err.Mend = "rename the resource " + r.ID
			p.errs = append(p.errs, err)
			continue
		}
		out.Set(r.ID, r.Node)
	}
}

// replaces tells whether a resource of type made may take the place of one of
// type old.
func replaces(made, old string) bool {
	switch made {
	case "AWS::Lambda::Function":
		return old == typeFunction
	case "AWS::Lambda::LayerVersion":
		return old == typeLayer
	case "AWS::Lambda::CapacityProvider":
		return old == typeCapacity
	case "AWS::ApiGateway::RestApi":
		return old == typeAPI
	case "AWS::ApiGatewayV2::Api":
		return old == typeHTTPAPI || old == typeWebSocket
	case "AWS::DynamoDB::Table":
		return old == typeTable
	case "AWS::CloudFormation::Stack":
		return old == typeApplication
	case "AWS::StepFunctions::StateMachine":
		return old == typeStateMachine
	case "AWS::AppSync::GraphQLApi":
		return old == typeGraphQL
	case "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::Cognito::UserPool", "AWS::ApiGateway::DomainName",
		"AWS::ApiGateway::BasePathMapping", "AWS::ApiGateway::DomainNameV2", "AWS::ApiGateway::BasePathMappingV2":
		return old == made
	}
	return false
}

// collectNames notes the names of functions by the REST API that calls them.
func (p *pipeline) collectNames(id string, res *tree.Node, typ string) {
	if typ != typeFunction {
		return
	}
	events := res.At("Properties", "Events")
	if !events.IsMap() {
		return
	}
	ids := p.c.EventOrder[id]
	if len(ids) != len(events.Entries) {
		ids = pydict.OrderKeys(events)
	}
	for _, k := range ids {
		ev := events.Get(k)
		apiID, ok := openapi.APIID(ev.At("Properties", "RestApiId")).Str()
		if typeOf(ev) != "Api" || !ok {
			continue
		}
		name, err := p.c.Resolve(res.At("Properties", "FunctionName"))
		if err != nil || !base.Truthy(name) {
			continue
		}
		text, isText := name.Str()
		if !isText {
			text = pydict.Repr(name)
		}
		p.c.Functions[apiID] += text
	}
}

// finish adds what all functions share.
func (p *pipeline) finish() {
	rs, err := function.Finish(p.c)
	if err != nil {
		p.fail("ServerlessDeploymentApplication", nil, err)
		return
	}
	for _, r := range rs {
		p.c.Out.Get("Resources").Set(r.ID, r.Node)
	}
}
