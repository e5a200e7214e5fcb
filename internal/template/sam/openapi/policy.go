// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// AddPolicy adds the statements that Auth.ResourcePolicy means for one path.
// stage is a name or an intrinsic.
func (s *Swagger) AddPolicy(policy, path, stage *tree.Node) error {
	if !policy.IsMap() {
		return s.errorf(policy, "ResourcePolicy must be a map")
	}
	uris, err := s.policyURIs(path, stage)
	if err != nil {
		return err
	}
	for _, p := range []struct{ key, effect string }{{"AwsAccountWhitelist", "Allow"}, {"AwsAccountBlacklist", "Deny"}} {
		if err := s.accountPolicy(policy.Get(p.key), p.effect, uris); err != nil {
			return err
		}
	}
	for _, p := range []struct{ key, test string }{{"IpRangeWhitelist", "NotIpAddress"}, {"IpRangeBlacklist", "IpAddress"}} {
		l := policy.Get(p.key)
		if !base.Truthy(l) {
			continue
		}
		if !l.IsList() {
			l = tree.NewList(l)
		}
		s.allowAndDeny(uris, base.Map(p.test, base.Map("aws:SourceIp", l.Clone())))
	}
	for _, p := range []struct{ suffix, test string }{{"Blacklist", "StringEquals"}, {"Whitelist", "StringNotEquals"}} {
		if err := s.vpcPolicy(policy, p.suffix, p.test, uris); err != nil {
			return err
		}
	}
	pydict.Put(s.doc, policyKey, s.policy)
	return nil
}

// AddStatements adds statements of the user.
func (s *Swagger) AddStatements(custom *tree.Node) {
	if custom.IsNull() {
		return
	}
	pydict.Put(s.policy, "Version", tree.NewString("2012-10-17"))
	if s.policy.Get("Statement").IsNull() {
		pydict.Put(s.policy, "Statement", custom.Clone())
	} else {
		l := listOf(custom)
		s.extend(l.Items, true)
	}
	pydict.Put(s.doc, policyKey, s.policy)
}

func listOf(n *tree.Node) *tree.Node {
	if n.IsList() {
		return n.Clone()
	}
	return tree.NewList(n.Clone())
}

// extend appends to Statement; unique leaves out what is there.
func (s *Swagger) extend(add []*tree.Node, unique bool) {
	st := s.policy.Get("Statement")
	if !st.IsList() {
		st = tree.NewList(st)
	}
	for _, a := range add {
		found := false
		for _, it := range st.Items {
			found = found || unique && tree.Equal(it, a)
		}
		if !found {
			st.Add(a)
		}
	}
	pydict.Put(s.policy, "Statement", st)
}

// policyURIs are the resources of a policy: one a method of the path.
func (s *Swagger) policyURIs(path, stage *tree.Node) (*tree.Node, error) {
	items, err := s.items(path.Text)
	if err != nil {
		return nil, err
	}
	l := tree.NewList()
	for _, it := range items {
		for _, e := range pydict.Order(it) {
			method, pos := strings.ToUpper(e.Key), e.KeyPos
			if m := strings.ToLower(e.Key); m == AnyMethod || m == "any" {
				method, pos = "*", tree.Pos{}
			}
			text := pydict.Text("execute-api:/${__Stage__}/"+method+RESTPattern(path.Text), pos, path.Pos)
			l.Add(base.Map("Fn::Sub", tree.NewList(text, base.Map("__Stage__", stage.Clone()))))
		}
	}
	return l, nil
}

func invoke(effect string, uris *tree.Node) *tree.Node {
	return base.Map("Effect", effect, "Action", "execute-api:Invoke", "Resource", uris.Clone())
}

func (s *Swagger) accountPolicy(accounts *tree.Node, effect string, uris *tree.Node) error {
	if !base.Truthy(accounts) {
		return nil
	}
	if !accounts.IsList() && !accounts.IsMap() {
		return s.errorf(accounts, "the accounts of a ResourcePolicy must be a list")
	}
	pydict.Put(s.policy, "Version", tree.NewString("2012-10-17"))
	st := invoke(effect, uris)
	pydict.Put(st, "Principal", base.Map("AWS", listOf(accounts)))
	if s.policy.Get("Statement").IsNull() {
		pydict.Put(s.policy, "Statement", st)
	} else {
		s.extend([]*tree.Node{st}, false)
	}
	return nil
}

// allowAndDeny adds a statement that allows all and one that denies on a
// condition.
func (s *Swagger) allowAndDeny(uris, condition *tree.Node) {
	pydict.Put(s.policy, "Version", tree.NewString("2012-10-17"))
	allow, deny := invoke("Allow", uris), invoke("Deny", uris)
	pydict.Put(allow, "Principal", tree.NewString("*"))
	pydict.Put(deny, "Principal", tree.NewString("*"))
	pydict.Put(deny, "Condition", condition)
	if s.policy.Get("Statement").IsNull() {
		pydict.Put(s.policy, "Statement", tree.NewList(allow, deny))
		return
	}
	s.extend([]*tree.Node{allow, deny}, true)
}

func (s *Swagger) vpcPolicy(policy *tree.Node, suffix, test string, uris *tree.Node) error {
	vpc, vpce := tree.NewList(), tree.NewList()
	if l := policy.Get("SourceVpc" + suffix); !l.IsNull() {
		if base.ListOf(base.IsString)(l) != "" {
			return s.errorf(l, "SourceVpc%s must be a list of strings (use IntrinsicVpc%s for intrinsic functions)", suffix, suffix)
		}
		for _, it := range l.Items {
			switch {
			case strings.HasPrefix(it.Text, "vpce-"):
				vpce.Add(it.Clone())
			case strings.HasPrefix(it.Text, "vpc-"):
				vpc.Add(it.Clone())
			}
		}
	}
	for _, p := range []struct {
		key string
		to  *tree.Node
	}{{"IntrinsicVpc" + suffix, vpc}, {"IntrinsicVpce" + suffix, vpce}} {
		l := policy.Get(p.key)
		if l.IsNull() {
			continue
		}
		if !l.IsList() {
			return s.errorf(l, "%s must be a list", p.key)
		}
		p.to.Add(l.Clone().Items...)
	}
	cond := tree.NewMap()
	if vpc.Len() > 0 {
		pydict.Put(cond, "aws:SourceVpc", vpc)
	}
	if vpce.Len() > 0 {
		pydict.Put(cond, "aws:SourceVpce", vpce)
	}
	if cond.Len() > 0 {
		s.allowAndDeny(uris, base.Map(test, cond))
	}
	return nil
}
