// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

const regional = "REGIONAL"

// addDomain makes the custom domain, its mappings to the API and its records
// in Route 53.
func (a *api) addDomain() error {
	d := a.domain
	if d == nil {
		return nil
	}
	name, cert := base.Opt(d, "DomainName"), base.Opt(d, "CertificateArn")
	if name == nil || cert == nil {
		return a.fault(d, "Domain needs both DomainName and CertificateArn")
	}
	if e := base.Opt(d, "EndpointConfiguration"); e != nil && !tree.Equal(e, tree.NewString(regional)) {
		return a.fault(e, "EndpointConfiguration of Domain must be %s", regional)
	}
	r := a.add(base.LogicalID("ApiGatewayDomainNameV2", name), "AWS::ApiGatewayV2::DomainName")
	conf := base.Map("CertificateArn", cert.Clone(), "EndpointType", regional)
	for _, n := range []string{"OwnershipVerificationCertificateArn", "SecurityPolicy"} {
		if v := d.Get(n); base.Truthy(v) {
			conf.Set(n, v.Clone())
		}
	}
	r.Set("DomainName", name.Clone()).Set("DomainNameConfigurations", tree.NewList(conf))
	r.Set("Tags", base.Map(createdBy, "SAM"))
	if err := a.addMappings(r.ID); err != nil {
		return err
	}
	return a.addRecords(r.ID)
}

var (
	notInPath  = regexp.MustCompile(`[^0-9a-zA-Z/_-]`)
	separators = regexp.MustCompile(`[-_/]+`)
)

// addMappings maps each base path, or the whole domain, to the stage.
func (a *api) addMappings(domain string) error {
	mapping := func(id string) base.Resource {
		return a.add(a.id+id+"ApiMapping", "AWS::ApiGatewayV2::ApiMapping").
			Set("DomainName", base.Ref(domain)).Set("ApiId", base.Ref(a.id)).Set("Stage", base.Ref(a.id+".Stage"))
	}
	var paths []*tree.Node
	switch p := a.domain.Get("BasePath"); {
	case !base.Truthy(p):
	case p.IsString():
		paths = []*tree.Node{p}
	case p.IsList():
		paths = p.Items
	}
	if len(paths) == 0 {
		mapping("")
		return nil
	}
	for _, p := range paths {
		s, ok := p.Str()
		if !ok {
			return a.fault(p, "a BasePath of Domain must be a string")
		}
		if notInPath.MatchString(s) {
			return a.fault(p, "BasePath %q has other characters than letters, digits, /, - and _", s)
		}
		mapping(separators.ReplaceAllString(s, "")).Set("ApiMappingKey", tree.NewString(strings.Trim(s, "/")))
	}
	return nil
}

// addRecords makes the alias records of the domain. Unlike HTTP APIs,
// WebSocket APIs do not share the record set group of a hosted zone.
func (a *api) addRecords(domain string) error {
	zone := base.Opt(a.domain, "Route53")
	if zone == nil {
		return nil
	}
	if !zone.IsMap() {
		return a.fault(zone, "Route53 of Domain must be a map")
	}
	id, name := base.Opt(zone, "HostedZoneId"), base.Opt(zone, "HostedZoneName")
	if id == nil && name == nil {
		return a.fault(zone, "Route53 of Domain needs HostedZoneId or HostedZoneName")
	}
	key := id
	if !base.Truthy(id) {
		key = name
	}
	r := a.add(base.LogicalID("RecordSetGroup", key), "AWS::Route53::RecordSetGroup")
	if zone.Has("HostedZoneId") {
		r.Set("HostedZoneId", id.Clone())
	} else {
		r.Set("HostedZoneName", name.Clone())
	}
	sets := tree.NewList(a.record("A", domain, zone))
	if v6 := zone.Get("IpV6"); v6 != nil && v6.Kind == tree.Bool && v6.Bool {
		sets.Add(a.record("AAAA", domain, zone))
	}
	r.Set("RecordSets", sets)
	return nil
}

func (a *api) record(typ, domain string, zone *tree.Node) *tree.Node {
	alias := tree.NewMap().With("EvaluateTargetHealth", base.Opt(zone, "EvaluateTargetHealth").Clone())
	alias.Set("HostedZoneId", base.GetAtt(domain, "RegionalHostedZoneId"))
	alias.Set("DNSName", base.GetAtt(domain, "RegionalDomainName"))
	set := base.Map("Name", a.domain.Get("DomainName").Clone(), "Type", typ, "AliasTarget", alias)
	return set.With("Region", base.Opt(zone, "Region").Clone()).With("SetIdentifier", base.Opt(zone, "SetIdentifier").Clone())
}
