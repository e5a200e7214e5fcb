// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edgerule"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// origin is a custom origin or one of S3, never both.
type origin struct {
	Custom *custom `json:"custom,omitempty"`
	S3     *s3     `json:"s3,omitempty"`
}

type custom struct {
	CustomHeaders    headers  `json:"customHeaders"`
	DomainName       string   `json:"domainName"`
	KeepaliveTimeout int      `json:"keepaliveTimeout"`
	Path             string   `json:"path"`
	Port             int      `json:"port"`
	Protocol         string   `json:"protocol"`
	ReadTimeout      int      `json:"readTimeout"`
	SSLProtocols     []string `json:"sslProtocols"`
}

type s3 struct {
	AuthMethod    string  `json:"authMethod"`
	CustomHeaders headers `json:"customHeaders"`
	DomainName    string  `json:"domainName"`
	Path          string  `json:"path"`
	Region        string  `json:"region"`
}

const (
	byIdentity = "origin-access-identity"
	unsigned   = "none"
)

func (o *origin) customHeaders() headers {
	if o.S3 != nil {
		return o.S3.CustomHeaders
	}
	return o.Custom.CustomHeaders
}

// originOf shows an origin. scheme is the viewer's.
func originOf(o *model.Origin, scheme string) *origin {
	if o == nil {
		return nil
	}
	h := headers{}
	for _, f := range o.Headers {
		name := strings.ToLower(f.Name)
		h[name] = append(h[name], pair{f.Name, f.Value})
	}
	if o.S3 {
		method := unsigned
		if o.OAI != "" {
			method = byIdentity
		}
		return &origin{S3: &s3{method, h, o.DomainName, o.Path, region(o.DomainName)}}
	}
	c := &custom{
		CustomHeaders: h, DomainName: o.DomainName, Path: o.Path, Port: or(o.HTTPPort, 80), Protocol: "http",
		KeepaliveTimeout: int(or(o.KeepAlive, 5*time.Second) / time.Second), ReadTimeout: int(or(o.ReadTimeout, 30*time.Second) / time.Second),
		SSLProtocols: append([]string{}, o.TLSVersions...),
	}
	if o.Protocol == model.OriginHTTPSOnly || o.Protocol == model.OriginMatchViewer && scheme == "https" {
		c.Port, c.Protocol = or(o.HTTPSPort, 443), "https"
	}
	if len(c.SSLProtocols) == 0 {
		c.SSLProtocols = []string{"TLSv1", "TLSv1.1", "TLSv1.2"}
	}
	return &origin{Custom: c}
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// region is that of a bucket's host: b.s3.eu-west-1.amazonaws.com,
// b.s3-eu-west-1.amazonaws.com; us-east-1 where it says none.
func region(host string) string {
	_, rest, _ := strings.Cut(host, ".s3")
	rest = strings.TrimPrefix(strings.TrimLeft(rest, ".-"), "dualstack.")
	if label, _, _ := strings.Cut(rest, "."); label != "" && label != "amazonaws" {
		return label
	}
	return "us-east-1"
}

// readOrigin reads the origin that a function returned. It is nil when that is
// the one it was shown.
func readOrigin(raw json.RawMessage, sent *origin, was *model.Origin) (*model.Origin, error) {
	if raw == nil {
		return nil, nil
	}
	if sent == nil {
		return nil, invalid("request.origin can be set at origin-request only")
	}
	kinds, err := object(raw, "request.origin")
	if err != nil {
		return nil, err
	}
	if kinds.has("custom") == kinds.has("s3") {
		return nil, invalid("request.origin has to have custom or s3, and not both")
	}
	if kinds.has("s3") {
		return readS3(kinds["s3"], sent, was)
	}
	return readCustom(kinds["custom"], sent, was)
}

func readCustom(raw json.RawMessage, sent *origin, was *model.Origin) (*model.Origin, error) {
	const at = "request.origin.custom"
	o, err := object(raw, at)
	if err != nil {
		return nil, err
	}
	c := &custom{KeepaliveTimeout: 5, ReadTimeout: 30, SSLProtocols: []string{"TLSv1", "TLSv1.1", "TLSv1.2"}}
	r := reader{o, at, nil}
	c.DomainName, c.Protocol, c.Path = r.must("domainName"), r.must("protocol"), r.text("path")
	c.Port = r.number("port", 0)
	c.KeepaliveTimeout, c.ReadTimeout = r.number("keepaliveTimeout", c.KeepaliveTimeout), r.number("readTimeout", c.ReadTimeout)
	if o.has("sslProtocols") {
		c.SSLProtocols = r.texts("sslProtocols")
	}
	c.CustomHeaders = r.headers("customHeaders")
	if r.err != nil {
		return nil, r.err
	}
	if sent.Custom != nil && sameOrigin(c, sent.Custom) {
		return nil, nil
	}
	switch {
	case c.Protocol != "http" && c.Protocol != "https":
		return nil, invalid("%s.protocol %q is neither http nor https", at, clip(c.Protocol))
	case c.Port != 80 && c.Port != 443 && (c.Port < 1024 || c.Port > 65535):
		return nil, invalid("%s.port %d is not 80, 443 or 1024 to 65535", at, c.Port)
	case c.KeepaliveTimeout < 1 || c.KeepaliveTimeout > 120, c.ReadTimeout < 1 || c.ReadTimeout > 120:
		return nil, invalid("%s: readTimeout and keepaliveTimeout are 1 to 120 seconds", at)
	}
	for _, v := range c.SSLProtocols {
		if !slices.Contains([]string{"TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3"}, v) {
			return nil, invalid("%s.sslProtocols: %q is not known", at, clip(v))
		}
	}
	now := *was
	if was.S3 {
		now.S3, now.OAI, now.OAICanonical, now.Access = false, "", "", nil
	}
	c.settings(&now, or(sent.Custom, &custom{}))
	return &now, place(&now, was, target{at, c.DomainName, c.Path, c.CustomHeaders})
}

// settings writes into o in what c differs from what was shown: the rest stays
// as the template has it.
func (c *custom) settings(o *model.Origin, shown *custom) {
	if c.Protocol != shown.Protocol || c.Port != shown.Port {
		o.Protocol, o.HTTPPort = model.OriginHTTPOnly, c.Port
		if c.Protocol == "https" {
			o.Protocol, o.HTTPSPort = model.OriginHTTPSOnly, c.Port
		}
	}
	if !slices.Equal(c.SSLProtocols, shown.SSLProtocols) {
		o.TLSVersions = c.SSLProtocols
	}
	if c.KeepaliveTimeout != shown.KeepaliveTimeout {
		o.KeepAlive = time.Duration(c.KeepaliveTimeout) * time.Second
	}
	if c.ReadTimeout != shown.ReadTimeout {
		o.ReadTimeout = time.Duration(c.ReadTimeout) * time.Second
	}
}

func readS3(raw json.RawMessage, sent *origin, was *model.Origin) (*model.Origin, error) {
	const at = "request.origin.s3"
	o, err := object(raw, at)
	if err != nil {
		return nil, err
	}
	r := reader{o, at, nil}
	c := &s3{DomainName: r.must("domainName"), Path: r.text("path"), Region: r.text("region"), AuthMethod: r.text("authMethod")}
	c.AuthMethod = or(c.AuthMethod, unsigned)
	c.CustomHeaders = r.headers("customHeaders")
	if r.err != nil {
		return nil, r.err
	}
	if sent.S3 != nil && sameOrigin(c, sent.S3) {
		return nil, nil
	}
	switch {
	case c.AuthMethod != unsigned && c.AuthMethod != byIdentity:
		return nil, invalid("%s.authMethod %q is neither none nor origin-access-identity", at, clip(c.AuthMethod))
	case c.AuthMethod == byIdentity && c.Region == "":
		return nil, invalid("%s.region is missing, which an origin access identity needs", at)
	case c.AuthMethod == byIdentity && was.OAI == "":
		return nil, invalid("%s.authMethod: the origin of the distribution has no origin access identity", at)
	case len(c.DomainName) > 128 || c.DomainName != strings.ToLower(c.DomainName):
		return nil, invalid("%s.domainName %q is no host of a bucket", at, clip(c.DomainName))
	}
	now := *was
	if !was.S3 {
		now.S3, now.Protocol, now.HTTPPort, now.HTTPSPort = true, model.OriginMatchViewer, 80, 443
		now.Access, now.TLSVersions, now.ReadTimeout, now.KeepAlive = nil, nil, 30*time.Second, 5*time.Second
	}
	if c.AuthMethod == unsigned {
		now.OAI, now.OAICanonical = "", ""
	}
	return &now, place(&now, was, target{at, c.DomainName, c.Path, c.CustomHeaders})
}

// sameOrigin tells whether a function left an origin as it was shown. The
// spelling of keys does not count.
func sameOrigin[T custom | s3](a, b *T) bool {
	x, y := any(a), any(b)
	if c, ok := x.(*custom); ok {
		m, n := *c, *y.(*custom)
		same := sameHeaders(m.CustomHeaders, n.CustomHeaders)
		m.CustomHeaders, n.CustomHeaders = nil, nil
		return same && reflect.DeepEqual(m, n)
	}
	m, n := *x.(*s3), *y.(*s3)
	same := sameHeaders(m.CustomHeaders, n.CustomHeaders)
	m.CustomHeaders, n.CustomHeaders = nil, nil
	return same && reflect.DeepEqual(m, n)
}

func sameHeaders(a, b headers) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if w, ok := b[name]; !ok || !sameValues(v, w) {
			return false
		}
	}
	return true
}

// target is what origins of both kinds have.
type target struct {
	at, domain, path string
	headers          headers
}

// place writes a target into o. What belongs to the host that the origin had
// does not go on to another one: its private way, its certificate, its keys.
func place(o, was *model.Origin, t target) error {
	_, err := netip.ParseAddr(t.domain)
	switch {
	case t.domain == "" || len(t.domain) > 253 || err == nil || strings.ContainsAny(t.domain, ":/ \t?#@\\\"") || !httpspec.ValidAuthority(t.domain):
		return invalid("%s.domainName %q is no domain name", t.at, clip(t.domain))
	case t.path != "" && (t.path[0] != '/' || t.path[len(t.path)-1] == '/' || len(t.path) > 255):
		return invalid("%s.path %q has to begin with / and not to end with it, and to have at most 255 characters", t.at, clip(t.path))
	}
	o.DomainName, o.Path = strings.ToLower(t.domain), edgerule.EscapePath(t.path)
	if o.DomainName != was.DomainName {
		o.VPCOrigin, o.ClientCert, o.Sign = "", "", nil
		if o.Access != nil && !o.S3 {
			o.Access = nil
		}
	}
	o.Headers = nil
	for _, name := range sorted(t.headers) {
		if denied(name) {
			return invalid("%s.customHeaders: %s is not allowed", t.at, clip(name))
		}
		for _, p := range t.headers[name] {
			if err := checkField(name, p); err != nil {
				return err
			}
			o.Headers = append(o.Headers, model.HeaderField{Name: or(p.Key, edgerule.Canonical(name)), Value: p.Value})
		}
	}
	return nil
}

// denied names what cannot be a custom header (row O5; "Custom headers that
// CloudFront can't add to origin requests").
func denied(name string) bool {
	switch name {
	case "cache-control", "connection", "content-length", "cookie", "host", "if-match", "if-modified-since", "if-none-match",
		"if-range", "if-unmodified-since", "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization",
		"proxy-connection", "range", "request-range", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-real-ip":
		return true
	}
	return edgerule.Disallowed(name) || strings.HasPrefix(name, "x-amz-")
}
