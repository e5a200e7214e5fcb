// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// restDomain makes the custom domain of a REST API: domain name, base path
// mappings and Route 53 records. A PRIVATE one is of the second generation of
// resource types. What is filled in is written back to Domain, because Domain
// is part of the deployment's hash.
func (u *unit) restDomain() error {
	d := u.get("Domain")
	if d == nil {
		return nil
	}
	if !d.IsMap() {
		return u.errorf(d, "Domain must be a map")
	}
	for _, k := range []string{"DomainName", "CertificateArn"} {
		if base.Opt(d, k) == nil {
			return u.errorf(d, "Domain.%s is required", k)
		}
	}
	private := base.Text(d, "EndpointConfiguration") == "PRIVATE"
	id, err := u.domainName(d, private)
	if err != nil {
		return err
	}
	if err := u.basePaths(d, id, private); err != nil {
		return err
	}
	if a := base.Opt(d, "AccessAssociation"); a != nil && private {
		vpce := a.Get("VpcEndpointId")
		if vpce == nil {
			vpce = tree.NewNull()
		}
		aid := base.LogicalID("DomainNameAccessAssociation", tree.NewList(vpce, base.Str(id)))
		u.out = append(u.out, u.new(aid, "AWS::ApiGateway::DomainNameAccessAssociation").
			Set("DomainNameArn", base.Ref(id)).
			Set("AccessAssociationSourceType", base.Str("VPCE")).
			Set("AccessAssociationSource", vpce.Clone()))
	}
	return u.records(d, id, true)
}

// domainName makes the domain name and returns its logical id.
func (u *unit) domainName(d *tree.Node, private bool) (string, error) {
	prefix, typ := "ApiGatewayDomainName", "AWS::ApiGateway::DomainName"
	if private {
		prefix, typ = prefix+"V2", typ+"V2"
	}
	id := base.LogicalID(prefix, d.Get("DomainName"))
	if !private {
		setMade(d, "ApiDomainName", base.Str(id))
	}
	endpoint := base.Opt(d, "EndpointConfiguration")
	if endpoint == nil {
		endpoint = base.Str("REGIONAL")
		setMade(d, "EndpointConfiguration", endpoint)
	}
	name := u.new(id, typ).Set("DomainName", d.Get("DomainName").Clone())
	switch text, _ := endpoint.Str(); text {
	case "REGIONAL":
		name.Set("RegionalCertificateArn", d.Get("CertificateArn").Clone())
	case "EDGE", "PRIVATE":
		name.Set("CertificateArn", d.Get("CertificateArn").Clone())
	default:
		return "", u.errorf(endpoint, "Domain.EndpointConfiguration must be EDGE, REGIONAL or PRIVATE")
	}
	cfg := base.Map("Types", tree.NewList(endpoint.Clone()))
	if v := d.Get("IpAddressType"); base.Truthy(v) {
		cfg.Set("IpAddressType", v.Clone())
	}
	name.Set("EndpointConfiguration", cfg)
	optional := []string{"SecurityPolicy", "EndpointAccessMode", "OwnershipVerificationCertificateArn"}
	if private {
		optional[2] = "Policy"
	} else {
		tls, err := u.mutualTLS(d)
		if err != nil {
			return "", err
		}
		name.Set("MutualTlsAuthentication", tls)
	}
	for _, k := range optional {
		if v := d.Get(k); base.Truthy(v) {
			name.Set(k, v.Clone())
		}
	}
	u.out = append(u.out, name)
	return id, nil
}

// setMade puts a value that the transform made, with a key it made.
func setMade(m *tree.Node, key string, v *tree.Node) {
	if m.Has(key) {
		m.Set(key, v)
		return
	}
	m.Entries = append(m.Entries, tree.Entry{Key: key, Value: v})
}

func (u *unit) mutualTLS(d *tree.Node) (*tree.Node, error) {
	in := d.Get("MutualTlsAuthentication")
	if !base.Truthy(in) {
		return nil, nil
	}
	if !in.IsMap() {
		return nil, u.errorf(in, "Domain.MutualTlsAuthentication must be a map of TruststoreUri and TruststoreVersion")
	}
	out := tree.NewMap()
	for _, e := range in.Entries {
		if e.Key != "TruststoreUri" && e.Key != "TruststoreVersion" {
			return nil, u.errorf(e.Value, "Domain.MutualTlsAuthentication has no property %s", e.Key)
		}
		if base.Truthy(e.Value) {
			out.Set(e.Key, e.Value.Clone())
		}
	}
	return out, nil
}

// pathList is BasePath as a list; nil if it is absent.
func pathList(d *tree.Node) []*tree.Node {
	p := d.Get("BasePath")
	switch {
	case !base.Truthy(p):
		return nil
	case p.IsList():
		return p.Items
	case p.IsString():
		return []*tree.Node{p}
	}
	return nil
}

// basePaths makes the base path mappings of a REST API.
func (u *unit) basePaths(d *tree.Node, domain string, private bool) error {
	mapping := func(id string, path *tree.Node) {
		typ, prop := "AWS::ApiGateway::BasePathMapping", "DomainName"
		if private {
			typ, prop = typ+"V2", "DomainNameArn"
		}
		u.out = append(u.out, u.new(id, typ).
			Set(prop, base.Ref(domain)).
			Set("RestApiId", base.Ref(u.id)).
			Set("Stage", base.Ref(u.id+".Stage")).
			Set("BasePath", path))
	}
	paths := pathList(d)
	if paths == nil {
		mapping(u.id+"BasePathMapping", nil)
		return nil
	}
	for _, p := range paths {
		if !p.IsString() {
			return u.errorf(p, "Domain.BasePath must be a string or a list of strings")
		}
		clean := strings.Map(func(r rune) rune {
			if alnum(string(r)) {
				return r
			}
			return -1
		}, p.Text)
		value := base.Str(clean)
		if !flagOr(d.Get("NormalizeBasePath"), true) {
			value = p.Clone()
		}
		mapping(u.id+clean+"BasePathMapping", value)
	}
	return nil
}

// records makes or extends the record set group of a custom domain.
func (u *unit) records(d *tree.Node, domain string, rest bool) error {
	r := base.Opt(d, "Route53")
	if r == nil {
		return nil
	}
	if !r.IsMap() {
		return u.errorf(r, "Domain.Route53 must be a map")
	}
	zone := base.Opt(r, "HostedZoneId")
	if !base.Truthy(zone) {
		if n := base.Opt(r, "HostedZoneName"); n != nil {
			zone = n
		}
	}
	if zone == nil {
		return u.errorf(r, "Domain.Route53 needs HostedZoneId or HostedZoneName")
	}
	sets := u.recordSets(d, r, domain)
	if sep := r.Get("SeparateRecordSetGroup"); rest && base.Truthy(sep) {
		if sep.Kind != tree.Bool {
			return u.errorf(sep, "Domain.Route53.SeparateRecordSetGroup must be a boolean")
		}
		id := base.LogicalID("RecordSetGroup", tree.NewList(zone, d.Get("DomainName")))
		u.out = append(u.out, u.recordGroup(id, r, true).Set("RecordSets", tree.NewList(sets...)))
		return nil
	}
	id := base.LogicalID("RecordSetGroup", zone)
	g, ok := u.c.RecordSets[id]
	if !ok {
		g = u.recordGroup(id, r, rest).Set("RecordSets", tree.NewList())
		u.c.RecordSets[id] = g
	}
	g.Props().Get("RecordSets").Add(sets...)
	u.out = append(u.out, g)
	return nil
}

func (u *unit) recordGroup(id string, r *tree.Node, rest bool) base.Resource {
	g := u.new(id, "AWS::Route53::RecordSetGroup")
	for _, k := range []string{"HostedZoneId", "HostedZoneName"} {
		if rest || !g.Props().Has("HostedZoneId") {
			g.Set(k, r.Get(k).Clone())
		}
	}
	return g
}

// recordSets makes the A record, and the AAAA one if IpV6 asks for it.
func (u *unit) recordSets(d, r *tree.Node, domain string) []*tree.Node {
	target := tree.NewMap().With("EvaluateTargetHealth", base.Opt(r, "EvaluateTargetHealth").Clone())
	if base.Text(d, "EndpointConfiguration") == "PRIVATE" {
		// The records of a private domain are named after the domain itself.
		target.With("HostedZoneId", base.Opt(r, "VpcEndpointHostedZoneId").Clone())
		target.With("DNSName", base.Opt(r, "VpcEndpointDomainName").Clone())
	} else if base.Text(d, "EndpointConfiguration") == "EDGE" {
		if base.Opt(r, "DistributionDomainName") == nil {
			setMade(r, "DistributionDomainName", base.GetAtt(domain, "DistributionDomainName"))
		}
		target.Set("HostedZoneId", base.Str("Z2FDTNDATAQYW2"))
		target.Set("DNSName", r.Get("DistributionDomainName").Clone())
	} else {
		target.Set("HostedZoneId", base.GetAtt(domain, "RegionalHostedZoneId"))
		target.Set("DNSName", base.GetAtt(domain, "RegionalDomainName"))
	}
	types := []string{"A"}
	if v := r.Get("IpV6"); v != nil && v.Kind == tree.Bool && v.Bool {
		types = append(types, "AAAA")
	}
	var out []*tree.Node
	for _, t := range types {
		out = append(out, base.Map("Name", d.Get("DomainName").Clone(), "Type", t, "AliasTarget", target.Clone()).
			With("Region", base.Opt(r, "Region").Clone()).
			With("SetIdentifier", base.Opt(r, "SetIdentifier").Clone()))
	}
	return out
}
