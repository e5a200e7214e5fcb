// SPDX-License-Identifier: Apache-2.0

package graphql

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/grant"
	"github.com/forelane/forelane/internal/template/tree"
)

// source makes a data source called name in the template.
func (a *api) source(name, kind string, n *tree.Node) base.Resource {
	r := a.add(a.id+name+kind+"DataSource", "AWS::AppSync::DataSource")
	r.Set("Name", orText(n.Get("Name"), name)).Set("ApiId", a.apiID())
	take(r, n, "Description")
	a.sources[name] = base.GetAtt(r.ID, "Name")
	return r
}

// actAs gives a data source the user's role, or makes one with which it may
// use the destination. connector ends the name of the policy's connection.
func (a *api) actAs(r base.Resource, n *tree.Node, connector string, to grant.End, access []string) error {
	if role := n.Get("ServiceRoleArn"); base.Truthy(role) {
		r.Set("ServiceRoleArn", role.Clone())
		return nil
	}
	role := a.serviceRole(r.ID + "Role")
	r.Set("ServiceRoleArn", base.GetAtt(role.ID, "Arn"))
	return a.grant(grant.Link{
		ID: r.ID + connector, At: n, Access: access, Destination: to,
		Source: grant.End{Type: r.Type(), Arn: base.GetAtt(r.ID, "DataSourceArn"), RoleName: base.Ref(role.ID)},
	})
}

// tables makes the DynamoDB data sources.
func (a *api) tables() error {
	for _, e := range entries(a.props.At("DataSources", "DynamoDb")) {
		n := e.Value
		r := a.source(e.Key, "DynamoDB", n).Set("Type", tree.NewString("AMAZON_DYNAMODB"))
		region := n.Get("Region").Clone()
		if !base.Truthy(region) {
			region = base.Ref("AWS::Region")
		}
		conf := base.Map("AwsRegion", region, "TableName", n.Get("TableName").Clone())
		for _, k := range []string{"UseCallerCredentials", "Versioned"} {
			if v := n.Get(k); base.Truthy(v) {
				conf.Set(k, v.Clone())
			}
		}
		if d := base.Opt(n, "DeltaSync"); d != nil {
			conf.Set("DeltaSyncConfig", d.Clone())
		}
		r.Set("DynamoDBConfig", conf)

		arn := n.Get("TableArn").Clone()
		if !base.Truthy(arn) {
			arn = base.Sub("arn:${AWS::Partition}:dynamodb:${__Region__}:${AWS::AccountId}:table/${__TableName__}",
				base.Map("__TableName__", n.Get("TableName").Clone(), "__Region__", region.Clone()))
		}
		var access []string
		for _, p := range items(n.Get("Permissions")) {
			access = append(access, p.Text)
		}
		if len(access) == 0 {
			access = []string{"Read", "Write"}
		}
		if err := a.actAs(r, n, "ToTableConnector", grant.End{Type: "AWS::DynamoDB::Table", Arn: arn}, access); err != nil {
			return err
		}
	}
	return nil
}

// lambdas makes the Lambda data sources.
func (a *api) lambdas() error {
	for _, e := range entries(a.props.At("DataSources", "Lambda")) {
		arn := e.Value.Get("FunctionArn")
		r := a.source(e.Key, "Lambda", e.Value).Set("Type", tree.NewString("AWS_LAMBDA"))
		r.Set("LambdaConfig", base.Map("LambdaFunctionArn", arn.Clone()))
		to := grant.End{Type: "AWS::Lambda::Function", Arn: arn}
		if err := a.actAs(r, e.Value, "ToLambdaConnector", to, []string{"Write"}); err != nil {
			return err
		}
	}
	return nil
}

// noSource is the name of the data source for functions that ask for NONE.
func (a *api) noSource() *tree.Node {
	if a.none == nil {
		id := a.id + "NoneDataSource"
		r := base.NewResource(id, "AWS::AppSync::DataSource").Inherit(a.res)
		r.Set("ApiId", a.apiID()).Set("Name", tree.NewString(id)).Set("Type", tree.NewString("NONE"))
		a.none = &r
	}
	return base.GetAtt(a.none.ID, "Name")
}
