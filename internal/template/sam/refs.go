// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// A reference may name a resource that the transform makes of another by a
// property of that one: !Ref Fn.Alias, !GetAtt Api.Stage.Name, ${Fn.Version}.
// Layer versions change their own logical id. Both are rewritten at the end.

// referable maps such properties of a kind to the type they stand for.
func referable(typ string) map[string]string {
	switch typ {
	case typeFunction:
		return map[string]string{
			"Alias": "AWS::Lambda::Alias", "Version": "AWS::Lambda::Version",
			"DestinationTopic": "AWS::SNS::Topic", "DestinationQueue": "AWS::SQS::Queue",
		}
	case typeAPI:
		return map[string]string{
			"Stage": "AWS::ApiGateway::Stage", "Deployment": "AWS::ApiGateway::Deployment",
			"DomainName": "AWS::ApiGateway::DomainName", "DomainNameV2": "AWS::ApiGateway::DomainNameV2",
			"UsagePlan": "AWS::ApiGateway::UsagePlan", "UsagePlanKey": "AWS::ApiGateway::UsagePlanKey",
			"ApiKey": "AWS::ApiGateway::ApiKey",
		}
	case typeHTTPAPI, typeWebSocket:
		return map[string]string{"Stage": "AWS::ApiGatewayV2::Stage", "DomainName": "AWS::ApiGatewayV2::DomainName"}
	}
	return nil
}

// refer notes what the properties of a resource stand for; of several
// resources of a type the last one.
func (p *pipeline) refer(id, typ string, made []base.Resource) {
	byType := map[string]string{}
	for _, r := range made {
		byType[r.Type()] = r.ID
	}
	for prop, t := range referable(typ) {
		if to := byType[t]; to != "" {
			if p.refs[id] == nil {
				p.refs[id] = map[string]string{}
			}
			p.refs[id][prop] = to
		}
	}
}

// rewrite returns the result with its references rewritten.
func (p *pipeline) rewrite() *tree.Node {
	out := p.c.Out.Clone()
	dropMacro(out)
	if len(p.c.Renamed) > 0 || len(p.refs) > 0 {
		p.walk(out)
	}
	return out
}

// dropMacro removes the SAM macro from Transform.
func dropMacro(t *tree.Node) {
	tr := t.Get("Transform")
	if tr.IsList() {
		var rest []*tree.Node
		for _, it := range tr.Items {
			if !isMacro(it) {
				rest = append(rest, it)
			}
		}
		if len(rest) > 0 && len(rest) < len(tr.Items) {
			tr.Items = rest
			return
		}
	}
	t.Delete("Transform")
}

func (p *pipeline) walk(n *tree.Node) {
	if n == nil {
		return
	}
	p.dependsOn(n.Get(base.DependsOn))
	if n.IsMap() && len(n.Entries) == 1 {
		switch n.Entries[0].Key {
		case "Ref":
			p.ref(n.Entries[0].Value)
		case "Fn::GetAtt":
			n.Entries[0].Value = p.getAtt(n.Entries[0].Value)
		case "Fn::Sub":
			arg := n.Entries[0].Value
			if arg.IsList() && len(arg.Items) > 0 {
				arg = arg.Items[0]
			}
			p.sub(arg)
		}
	}
	for _, it := range n.Items {
		p.walk(it)
	}
	for _, e := range n.Entries {
		p.walk(e.Value)
	}
}

// dependsOn renames the members of DependsOn.
func (p *pipeline) dependsOn(n *tree.Node) {
	items := []*tree.Node{n}
	if n.IsList() {
		items = n.Items
	}
	for _, it := range items {
		if s, ok := it.Str(); ok && p.c.Renamed[s] != "" {
			it.Text = p.c.Renamed[s]
		}
	}
}

func (p *pipeline) ref(n *tree.Node) {
	s, ok := n.Str()
	if !ok {
		return
	}
	if to := p.c.Renamed[s]; to != "" {
		n.Text = to
		return
	}
	if id, prop, ok := strings.Cut(s, "."); ok {
		if to := p.refs[id][prop]; to != "" {
			n.Text = to
		}
	}
}

func (p *pipeline) getAtt(n *tree.Node) *tree.Node {
	if !n.IsList() || len(n.Items) < 2 {
		return n
	}
	var parts []string
	for _, it := range n.Items {
		s, ok := it.Str()
		if !ok {
			return n
		}
		parts = append(parts, strings.Split(s, ".")...)
	}
	if len(parts) < 2 {
		return n
	}
	if to := p.c.Renamed[parts[0]]; to != "" {
		return tree.NewStrings(append([]string{to}, parts[1:]...)...)
	}
	if to := p.refs[parts[0]][parts[1]]; to != "" {
		return tree.NewStrings(append([]string{to}, parts[2:]...)...)
	}
	return n
}

func (p *pipeline) sub(n *tree.Node) {
	if !n.IsString() {
		return
	}
	n.Text, _ = base.SubRefs(n.Text, func(full, name string) (string, error) {
		parts := strings.SplitN(name, ".", 3)
		if to := p.c.Renamed[parts[0]]; to != "" {
			return strings.ReplaceAll(full, parts[0], to), nil
		}
		if len(parts) > 1 {
			if to := p.refs[parts[0]][parts[1]]; to != "" {
				return strings.ReplaceAll(full, parts[0]+"."+parts[1], to), nil
			}
		}
		return full, nil
	})
}
