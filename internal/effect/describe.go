// SPDX-License-Identifier: Apache-2.0

package effect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const none = "none"

// distribution describes what holds for all paths.
func (x *index) distribution(d *model.Distribution) []meaning {
	served := meaning{aspect: Served, text: "yes"}
	if !d.Enabled {
		served.text = "no (disabled)"
	}
	hosts := slices.Sorted(slices.Values(d.Aliases))
	acl := meaning{aspect: Access, text: "no web ACL"}
	if d.WebACL != "" {
		acl = meaning{Access, "web ACL " + d.WebACL, "", 1}
		for _, s := range x.stacks {
			for _, a := range s.WebACLs {
				if a.ARN == d.WebACL {
					acl.text, acl.secret = "web ACL "+a.LogicalID, asJSON(a.Rules)+asJSON(a.Default)
				}
			}
		}
	}
	return []meaning{
		served,
		{aspect: Host, text: list(hosts)},
		{aspect: RootObject, text: or(d.DefaultRootObject)},
		{aspect: ErrorPages, text: errorPages(d.CustomErrors)},
		acl,
		certificates(d.MTLS),
		{aspect: Protocol, text: or(d.MinimumProtocol) + ", " + d.HTTPVersion},
	}
}

// certificates describes what viewers are asked for. The authorities are those of
// a file, which is not looked into.
func certificates(m *model.ViewerMTLS) meaning {
	if m == nil {
		return meaning{aspect: Authorisation, text: none}
	}
	text, guards := "certificates of viewers "+m.Mode.String(), 0
	if m.Mode != model.MTLSPassthrough {
		text += " by trust store " + cmp.Or(m.Store.LogicalID, m.Store.ID)
	}
	if m.Mode == model.MTLSRequired {
		if guards = 2; m.IgnoreExpiry {
			text, guards = text+", expired ones too", 1
		}
	}
	if m.Function {
		text, guards = text+" and a connection function", 3
	}
	return meaning{Authorisation, text, m.Store.Bucket + "/" + m.Store.Key, guards}
}

// countries tells how the countries of viewers that are served differ.
func countries(before, after model.GeoRestriction) []Change {
	c := Change{Aspect: Access, Before: geo(before), After: geo(after)}
	if c.Before == c.After {
		return nil
	}
	for _, country := range slices.Concat(before.Countries, after.Countries, []string{"any other"}) {
		c.Opens = c.Opens || !serves(before, country) && serves(after, country)
	}
	return []Change{c}
}

func serves(g model.GeoRestriction, country string) bool {
	return len(g.Countries) == 0 || g.Allow == slices.Contains(g.Countries, country)
}

func geo(g model.GeoRestriction) string {
	switch names := list(slices.Sorted(slices.Values(g.Countries))); {
	case len(g.Countries) == 0:
		return "all countries"
	case g.Allow:
		return "only " + names
	default:
		return "all countries but " + names
	}
}

func errorPages(errs []model.CustomError) string {
	var out []string
	for _, e := range errs {
		s := fmt.Sprint(e.Code)
		if e.PagePath != "" {
			s += fmt.Sprintf(" is %s with %d", e.PagePath, e.ResponseCode)
		}
		if e.CachingMinTTL != nil {
			s += fmt.Sprintf(" for %s", *e.CachingMinTTL)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return list(out)
}

// behavior describes what happens to the requests of a behavior.
func (x *index) behavior(d *model.Distribution, b *model.Behavior) []meaning {
	c := b.Cache
	signed := meaning{aspect: Authorisation, text: none}
	switch {
	case len(b.TrustedKeyGroups) > 0:
		keys := asJSON(b.SignerKeys)
		signed = meaning{Authorisation, "signed by key group " + list(slices.Sorted(slices.Values(b.TrustedKeyGroups))), keys, 1}
	case b.TrustedSigners:
		signed = meaning{Authorisation, "signed by trusted signers", "", 1}
	}
	function, code := x.functions(b)
	origin := x.target(d, b.Target)
	out := []meaning{
		origin,
		{aspect: Key, text: key(c)},
		{aspect: TTL, text: ttl(c)},
		signed,
		{aspect: Forwarded, text: forwarded(b.OriginRequest)},
		{aspect: Methods, text: list(b.Allowed) + "; cached " + list(b.Cached)},
		{Protocol, b.Viewer.String(), "", min(int(b.Viewer), 1)},
		{aspect: Functions, text: function, secret: code},
		response(b.ResponseHeaders),
		{aspect: Compression, text: yes(b.Compress && (c.Gzip || c.Brotli))},
	}
	return out
}

func key(c *model.CachePolicy) string {
	if c.Disabled() {
		return "nothing is cached"
	}
	parts := []string{"headers " + selection(c.Headers, true), "cookies " + selection(c.Cookies, false), "query strings " + selection(c.Queries, false)}
	var enc []string
	if c.Brotli {
		enc = append(enc, "br")
	}
	if c.Gzip {
		enc = append(enc, "gzip")
	}
	if enc != nil {
		parts = append(parts, "encoding "+list(enc))
	}
	if c.HonoursVary() {
		parts = append(parts, "Vary")
	}
	return strings.Join(parts, "; ")
}

func ttl(c *model.CachePolicy) string {
	if c.Disabled() {
		return "nothing is cached"
	}
	s := fmt.Sprintf("min %s, default %s, max %s", seconds(c.MinTTL), seconds(c.DefaultTTL), seconds(c.MaxTTL))
	if c.Rules != model.CloudFrontRules {
		s += " by " + c.Rules.String()
	}
	return s
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s" }

func forwarded(p *model.OriginRequestPolicy) string {
	if p == nil {
		return "the key"
	}
	return "the key; headers " + selection(p.Headers, true) + "; cookies " + selection(p.Cookies, false) + "; query strings " + selection(p.Queries, false)
}

// selection writes names in one order; those of headers in one case.
func selection(s model.Selection, fold bool) string {
	names := slices.Clone(s.Names)
	for i := range names {
		if fold {
			names[i] = strings.ToLower(names[i])
		}
	}
	slices.Sort(names)
	switch s.Mode {
	case model.SelectNone:
		return none
	case model.SelectList:
		return list(names)
	case model.SelectAllExcept:
		return "all but " + list(names)
	case model.SelectAllViewerAndCloudFront:
		return "all and " + list(names)
	}
	return "all"
}

// functions names the functions of a behavior, and has their code for the
// comparison.
func (x *index) functions(b *model.Behavior) (names, code string) {
	var out []string
	for _, a := range b.Functions {
		name := a.ARN
		for _, s := range x.stacks {
			for _, f := range s.EdgeFunctions {
				if f.ARN == a.ARN {
					name, code = f.LogicalID, code+a.Event.String()+f.Runtime+f.Code
				}
			}
			if f, _ := s.Function(a.ARN); a.Lambda && f != nil {
				name = f.LogicalID
			}
		}
		out = append(out, a.Event.String()+" "+name)
	}
	slices.Sort(out)
	return list(out), code
}

func response(p *model.ResponseHeadersPolicy) meaning {
	if p == nil {
		return meaning{aspect: Response, text: none}
	}
	var out []string
	for _, h := range slices.Concat(p.Security, p.Custom) {
		out = append(out, h.Name)
	}
	if p.CORS != nil {
		out = append(out, "CORS")
	}
	for _, n := range p.Remove {
		out = append(out, "without "+n)
	}
	same := *p
	same.ID, same.Name, same.Managed = "", "", false
	return meaning{aspect: Response, text: list(out), secret: asJSON(same)}
}

// target describes an origin or a group.
func (x *index) target(d *model.Distribution, id string) meaning {
	if g := d.Group(id); g != nil {
		var texts []string
		m := meaning{aspect: Origin}
		for _, member := range g.Members {
			o := x.target(d, member)
			texts, m.secret = append(texts, o.text), m.secret+o.secret
		}
		m.text = strings.Join(texts, ", then ") + fmt.Sprintf(" on %v", g.StatusCodes)
		return m
	}
	o := d.Origin(id)
	if o == nil {
		return meaning{aspect: Origin, text: none}
	}
	text := x.behind(o) + o.Path
	if !o.S3 {
		text += " by " + o.Protocol.String()
		if o.HTTPPort != 80 || o.HTTPSPort != 443 {
			text += fmt.Sprintf(" (ports %d, %d)", o.HTTPPort, o.HTTPSPort)
		}
	}
	if o.OAI != "" || o.Access != nil && o.Access.Signing != "never" {
		text += ", signed"
	}
	var names []string
	for _, h := range o.Headers {
		names = append(names, h.Name)
	}
	if names != nil {
		text += ", with " + list(names)
	}
	if o.ShieldRegion != "" {
		text += ", shield " + o.ShieldRegion
	}
	times := fmt.Sprint(o.ReadTimeout, o.Connect, o.Attempts, o.Completion)
	return meaning{aspect: Origin, text: text, secret: asJSON(o.Headers) + times + o.VPCOrigin}
}

// behind names what is behind an origin's host, by the template where it can.
func (x *index) behind(o *model.Origin) string {
	host := strings.ToLower(o.DomainName)
	label, _, _ := strings.Cut(host, ".")
	name, _, _ := strings.Cut(host, ".s3")
	for _, s := range x.stacks {
		if a := s.API(label); a != nil && strings.Contains(host, ".execute-api.") {
			return a.LogicalID
		}
		if b := s.Bucket(name); b != nil && strings.Contains(host, ".s3") {
			if strings.Contains(host, ".s3-website") {
				return b.LogicalID + " (website)"
			}
			return b.LogicalID
		}
		for _, f := range s.Functions {
			for _, u := range f.URLs {
				if strings.EqualFold(u.Host, host) {
					return f.LogicalID + " (function URL)"
				}
			}
		}
	}
	return host
}

func list(names []string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

func or(s string) string {
	if s == "" {
		return none
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// asJSON makes values comparable; what cannot be written compares equal.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
