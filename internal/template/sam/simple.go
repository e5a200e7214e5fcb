// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// The small kinds: tables, layer versions and nested applications.

func stringOrMap(n *tree.Node) string { return base.OneOf(base.IsString, base.IsMap)(n) }

// expandTable makes the AWS::DynamoDB::Table of a SimpleTable.
func expandTable(id string, res *tree.Node) ([]base.Resource, error) {
	err := base.CheckResource(id, res, []base.Prop{
		{Name: "PointInTimeRecoverySpecification", Plain: true},
		{Name: "PrimaryKey", Check: base.MapOf(base.IsString)},
		{Name: "ProvisionedThroughput", Check: base.MapOf(base.OneOf(base.IsInt, base.IsMap))},
		{Name: "TableName", Check: stringOrMap},
		{Name: "Tags", Check: base.IsMap},
		{Name: "SSESpecification", Check: base.IsMap},
	})
	if err != nil {
		return nil, err
	}
	props := res.Get("Properties")
	name, typ := base.Str("id"), "S"
	if key := props.Get("PrimaryKey"); base.Truthy(key) {
		for _, k := range []string{"Name", "Type"} {
			if base.Opt(key, k) == nil {
				return nil, base.Errorf(id, key, "PrimaryKey.%s is required", k)
			}
		}
		name = key.Get("Name").Clone()
		switch base.Text(key, "Type") {
		case "String":
		case "Number":
			typ = "N"
		case "Binary":
			typ = "B"
		default:
			return nil, base.Errorf(id, key.Get("Type"), "PrimaryKey.Type must be String, Number or Binary")
		}
	}
	t := base.NewResource(id, "AWS::DynamoDB::Table").Inherit(res).
		Set("AttributeDefinitions", tree.NewList(base.Map("AttributeName", name, "AttributeType", typ))).
		Set("KeySchema", tree.NewList(base.Map("AttributeName", name.Clone(), "KeyType", "HASH")))
	for _, k := range []string{"PointInTimeRecoverySpecification", "ProvisionedThroughput", "SSESpecification", "TableName"} {
		if v := props.Get(k); base.Truthy(v) {
			t.Set(k, v.Clone())
		}
	}
	if !t.Props().Has("ProvisionedThroughput") {
		t.Set("BillingMode", base.Str("PAY_PER_REQUEST"))
	}
	if v := props.Get("Tags"); base.Truthy(v) {
		t.Set("Tags", base.TagList(v))
	}
	return []base.Resource{t}, nil
}

// expandLayer makes the AWS::Lambda::LayerVersion of a layer. A version cannot
// be changed, so its logical id carries a hash of the layer.
func expandLayer(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	err := base.CheckResource(id, res, []base.Prop{
		{Name: "LayerName", Check: stringOrMap},
		{Name: "Description", Check: base.IsString},
		{Name: "PublishLambdaVersion", Check: base.IsBool},
		{Name: "ContentUri", Check: stringOrMap, Required: true},
		{Name: "CompatibleArchitectures", Check: base.ListOf(stringOrMap)},
		{Name: "CompatibleRuntimes", Check: base.ListOf(stringOrMap)},
		{Name: "LicenseInfo", Check: base.IsString},
		{Name: "RetentionPolicy", Check: base.IsString},
	})
	if err != nil {
		return nil, err
	}
	res = res.Clone()
	props := res.Get("Properties")
	if err := resolveTexts(c, id, props, "LayerName", "LicenseInfo", "Description", "RetentionPolicy"); err != nil {
		return nil, err
	}
	retention, err := retentionOf(id, base.Opt(props, "RetentionPolicy"))
	if err != nil {
		return nil, err
	}
	newID := base.LogicalID(id, layerHash(id, res))
	c.Renamed[id] = newID
	l, err := c.Location(id, props.Get("ContentUri"), "ContentUri")
	if err != nil {
		return nil, err
	}
	layer := base.NewResource(newID, "AWS::Lambda::LayerVersion").PassThrough(res)
	if d := res.Get(base.DependsOn); base.Truthy(d) {
		layer.Attr(base.DependsOn, d.Clone())
	}
	if retention == "" && !layer.Node.Has(base.DeletionPolicy) {
		retention = "Retain"
	}
	if retention != "" {
		layer.Attr(base.DeletionPolicy, base.Str(retention))
	}
	name := props.Get("LayerName")
	if !base.Truthy(name) {
		name = base.Str(id)
	}
	layer.Set("LayerName", name).Set("Content", l.Code()).
		SetAll(props, "Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo")
	if archs := props.Get("CompatibleArchitectures"); archs.IsList() {
		for _, a := range archs.Items {
			if s, _ := a.Str(); !a.IsIntrinsic() && s != "x86_64" && s != "arm64" {
				return nil, base.Errorf(id, a, "CompatibleArchitectures takes x86_64 and arm64")
			}
		}
	}
	return []base.Resource{layer}, nil
}

// resolveTexts resolves parameters in properties that must be texts.
func resolveTexts(c *base.Context, id string, props *tree.Node, names ...string) error {
	for _, k := range names {
		v := props.Get(k)
		if !base.Truthy(v) {
			continue
		}
		r, err := c.Resolve(v)
		if err != nil {
			return err
		}
		if !r.IsString() && !r.IsMap() {
			return base.Errorf(id, v, "%s must be a string or a Ref to a parameter that is one", k)
		}
		props.Set(k, r)
	}
	return nil
}

// layerHash is what the hash of a layer is made of: the resource without the
// attributes that do not concern its content.
func layerHash(id string, res *tree.Node) *tree.Node {
	d := tree.NewMap()
	for _, k := range []string{"Type", base.DependsOn, base.Condition, base.UpdatePolicy} {
		if v := res.Get(k); v != nil && (k != base.DependsOn || base.Truthy(v)) {
			d.Set(k, v)
		}
	}
	props := tree.NewMap()
	for _, e := range res.Get("Properties").Entries {
		if !e.Value.IsNull() {
			props.Set(e.Key, e.Value)
		}
	}
	d.Set("Properties", props)
	return tree.NewMap().With(id, d)
}

func retentionOf(id string, v *tree.Node) (string, error) {
	if v == nil {
		return "", nil
	}
	s, ok := v.Str()
	switch {
	case ok && strings.EqualFold(s, "Retain"):
		return "Retain", nil
	case ok && strings.EqualFold(s, "Delete"):
		return "Delete", nil
	}
	return "", base.Errorf(id, v, "RetentionPolicy must be Retain or Delete")
}

// application makes the nested stack of an application: of a template, or of
// the Serverless Application Repository.
func (p *pipeline) application(id string, res *tree.Node) ([]base.Resource, error) {
	props := res.Get("Properties")
	if props.Get("Location").IsNull() {
		return nil, base.Errorf(id, res, "property Location is required")
	}
	err := base.CheckResource(id, res, []base.Prop{
		{Name: "Location", Check: stringOrMap, Required: true},
		{Name: "TemplateUrl", Check: base.IsString},
		{Name: "Parameters", Check: base.IsMap},
		{Name: "NotificationARNs", Check: base.ListOf(stringOrMap)},
		{Name: "Tags", Check: base.IsMap},
		{Name: "TimeoutInMinutes", Check: base.IsInt},
	})
	if err != nil {
		return nil, err
	}
	location := props.Get("Location")
	url := location.Clone()
	extra := tree.NewMap()
	if location.IsMap() {
		if url, err = p.repository(id, location, extra); err != nil {
			return nil, err
		}
	}
	tags, err := base.SAMTags(id, props.Get("Tags"), extra)
	if err != nil {
		return nil, err
	}
	stack := base.NewResource(id, "AWS::CloudFormation::Stack").PassThrough(res).Set("TemplateURL", url).Set("Tags", tags)
	if d := res.Get(base.DependsOn); base.Truthy(d) {
		stack.Attr(base.DependsOn, d.Clone())
	}
	for _, k := range []string{"Parameters", "NotificationARNs", "TimeoutInMinutes"} {
		stack.Set(k, props.Get(k).Clone())
	}
	return []base.Resource{stack}, nil
}

// repository finds an application of the repository and adds its tags.
func (p *pipeline) repository(id string, location, tags *tree.Node) (*tree.Node, error) {
	var text [2]string
	for i, k := range []string{"ApplicationId", "SemanticVersion"} {
		v := base.Opt(location, k)
		if !base.Truthy(v) {
			return nil, base.Errorf(id, location, "Location.%s is required", k)
		}
		r, err := p.c.Resolve(v)
		if err != nil {
			return nil, err
		}
		if r, err = p.c.FindInMap(r); err != nil {
			return nil, base.Errorf(id, v, "Location.%s: %v", k, err)
		}
		s, ok := r.Str()
		if !ok {
			return nil, base.Errorf(id, v, "Location.%s must be a string, a Ref to a parameter or an Fn::FindInMap", k)
		}
		text[i] = s
		tags.Set([]string{"serverlessrepo:applicationId", "serverlessrepo:semanticVersion"}[i], r)
	}
	if p.app == nil {
		return base.Str(""), nil
	}
	url, err := p.app(text[0], text[1])
	if err != nil {
		return nil, base.Errorf(id, location, "application %s: %v", text[0], err)
	}
	return base.Str(url), nil
}
