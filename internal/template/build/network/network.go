// SPDX-License-Identifier: Apache-2.0

// Package network reads the resources that lead to private targets: what they
// are called, and which interface endpoints private APIs have.
//
// The flow: each resource of these types is kept with the ids by which the rest
// of the template names it; origins and integrations find its logical id there,
// by which agents serve it.
//
// What it does not do: it makes no network. Security groups, subnets and routes
// are not looked at. It runs in one goroutine, before the other builders.
package network

import (
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

// Build puts private origins and interface endpoints into s.Stack.
func Build(s *base.Scope) {
	for _, r := range s.Resources {
		ids := []string{r.Ref}
		switch r.Type {
		case "AWS::CloudFront::VpcOrigin":
			ids = append(ids, r.Att("Arn"))
		case "AWS::ApiGateway::VpcLink", "AWS::ApiGatewayV2::VpcLink", "AWS::ElasticLoadBalancingV2::Listener":
		case "AWS::ElasticLoadBalancingV2::LoadBalancer":
			ids = append(ids, r.Att("DNSName"))
		case "AWS::ServiceDiscovery::Service":
			ids = append(ids, r.Att("Arn"))
		case "AWS::EC2::VPCEndpoint":
			if e := endpoint(r); e != nil {
				s.Stack.Endpoints = append(s.Stack.Endpoints, e)
				ids = append(ids, e.Hosts...)
			}
		default:
			continue
		}
		s.Stack.Privates = append(s.Stack.Privates, &model.PrivateOrigin{Name: r.ID, Type: r.Type, IDs: ids, Pos: r.Where()})
	}
}

// endpoint is an interface endpoint for execute-api; nil: it is for something
// else.
func endpoint(r *base.Resource) *model.Endpoint {
	if !strings.HasSuffix(r.Props.Get("ServiceName").Text(), ".execute-api") {
		return nil
	}
	e := &model.Endpoint{LogicalID: r.ID, ID: r.Ref, VPC: r.Props.Get("VpcId").Text(), PolicyJSON: r.Props.Get("PolicyDocument").JSON(), Pos: r.Where()}
	if _, host, ok := strings.Cut(r.Att("DnsEntries"), ":"); ok {
		e.Hosts = append(e.Hosts, strings.ToLower(host))
	}
	return e
}
