// SPDX-License-Identifier: Apache-2.0

package statemachine

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/tree"
)

// manageKey marks an API whose definition the transform writes itself; the
// definitions that users write are left alone.
const manageKey = "__MANAGE_SWAGGER"

// api starts an execution from a method of a REST API.
func (e event) api() error {
	err := e.check(append(append(text("Stage"), section("Auth")...),
		base.Prop{Name: "Path", Check: base.IsString, Required: true},
		base.Prop{Name: "Method", Check: base.IsString, Required: true},
		base.Prop{Name: "RestApiId", Check: base.IsString, Required: true},
		base.Prop{Name: "UnescapeMappingTemplate", Check: base.IsBool, Plain: true}))
	if err != nil {
		return err
	}
	link, err := openapi.LinkREST(e.m.c, e.m.id, e.name, e.props.Get("RestApiId"))
	if err != nil {
		return err
	}
	role := e.ruleRole("apigateway.amazonaws.com")
	if !base.Truthy(link.Props.Get(manageKey)) || base.Opt(link.Props, "DefinitionBody") == nil {
		return nil
	}
	return e.method(link, role.ID)
}

// method writes the method into the definition of the API.
func (e event) method(link openapi.Link, role string) error {
	path, method := e.props.Get("Path"), e.props.Get("Method")
	for _, n := range []*tree.Node{path, method} {
		if !n.IsString() {
			return e.fault(n, "Path and Method must be written out, not computed by an intrinsic function")
		}
	}
	def, err := openapi.NewREST(e.m.c, link.ID, link.Props.Get("DefinitionBody"))
	if err != nil {
		return err
	}
	taken, err := def.HasIntegration(path.Text, method.Text)
	if err != nil {
		return err
	}
	if taken {
		return e.fault(method, "method %s of path %s is there already", method.Text, path.Text)
	}
	err = def.AddStateMachine(openapi.StateMachine{
		Path: path, Method: method,
		URI:         base.Sub("arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution", nil),
		Credentials: base.GetAtt(role, "Arn"),
		Templates:   base.Map("application/json", base.Sub(e.request(), nil)),
		Condition:   e.m.res.Get(base.Condition),
	})
	if err != nil {
		return err
	}
	if auth := e.props.Get("Auth"); base.Truthy(auth) {
		// AWS takes the stage of a resource policy from the event alone, and
		// writes a null, which it then refuses to deploy, if it is not there.
		// Here the API's own stage stands in.
		if s := base.Opt(e.props, "Stage"); s != nil {
			link.Stage = s
		}
		err := def.ApplyAuth(e.m.c, openapi.EventAuth{
			Owner: e.m.id, Event: e.name, API: link, Auth: auth, Path: path, Method: method,
		})
		if err != nil {
			return err
		}
	}
	link.Props.Set("DefinitionBody", def.Definition())
	return nil
}

// request is the mapping template that makes the body the execution's input.
// Escaping for JavaScript leaves \' behind, which JSON does not know; the
// unescaped form takes it away again.
func (e event) request() string {
	input := `$util.escapeJavaScript($input.json('$'))`
	if base.Truthy(e.props.Get("UnescapeMappingTemplate")) {
		input += `.replaceAll("\\'","'")`
	}
	return `{"input": "` + input + `", "stateMachineArn": "${` + e.m.target + `}"}`
}
