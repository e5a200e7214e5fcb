// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// This file reads the arguments of the origin helpers and holds them to the
// rules of the guide, "Helper methods for origin modification". What it cannot
// know, for it depends on the distribution, package edge judges: which origins
// there are, and what they have.

// Bounds of the guide.
const (
	maxHost         = 253
	maxBucketHost   = 128
	maxPath         = 255
	maxCertificates = 20
	maxCertificate  = 64
	maxHeaderName   = 256
	maxHeaderValue  = 1783
	maxHeaderBytes  = 10240
)

// originReader reads arguments; what breaks a rule throws.
type originReader struct{ m *machine }

func (r originReader) fail(format string, args ...any) {
	panic(r.m.vm.NewGoError(invalid(format, args...)))
}

// has returns a property that is there.
func (r originReader) has(o *goja.Object, name string) (goja.Value, bool) {
	v := o.Get(name)
	return v, v != nil && !goja.IsUndefined(v) && !goja.IsNull(v)
}

func (r originReader) text(o *goja.Object, name string) string {
	v, ok := r.has(o, name)
	if !ok {
		return ""
	}
	s, isText := textOf(v)
	if !isText {
		r.fail("%s is not a string", name)
	}
	return strings.Clone(s)
}

// word is a text that is one of a list.
func (r originReader) word(o *goja.Object, name string, words ...string) string {
	s := r.text(o, name)
	if !slices.Contains(words, s) {
		r.fail("%s %q is not one of %s", name, clip(s, 30), strings.Join(words, ", "))
	}
	return s
}

// part is a property that is an object, or nil when there is none.
func (r originReader) part(o *goja.Object, name string) *goja.Object {
	v, ok := r.has(o, name)
	if !ok {
		return nil
	}
	p, ok := v.(*goja.Object)
	if !ok {
		r.fail("%s is not an object", name)
	}
	return p
}

// enabled reads the switch that some parts must have.
func (r originReader) enabled(o *goja.Object, of string) bool {
	v, ok := r.has(o, "enabled")
	if !ok {
		r.fail("%s.enabled is missing", of)
	}
	return v.ToBoolean()
}

func (r originReader) number(o *goja.Object, name string, low, high int64) int64 {
	v, ok := r.has(o, name)
	if !ok {
		return 0
	}
	n := v.ToInteger()
	if n < low || n > high {
		r.fail("%s is not between %d and %d", name, low, high)
	}
	return n
}

func (r originReader) seconds(o *goja.Object, name string, high int64) time.Duration {
	return time.Duration(r.number(o, name, 1, high)) * time.Second
}

func (r originReader) list(o *goja.Object, name string, most int) []goja.Value {
	v, ok := r.has(o, name)
	if !ok {
		return nil
	}
	a, ok := v.(*goja.Object)
	if !ok || a.ClassName() != "Array" {
		r.fail("%s is not an array", name)
	}
	n := int(a.Get("length").ToInteger())
	if n > most {
		r.fail("%s has %d members; %d are allowed", name, n, most)
	}
	out := make([]goja.Value, n)
	for i := range n {
		if out[i] = a.Get(fmt.Sprint(i)); out[i] == nil {
			out[i] = goja.Undefined()
		}
	}
	return out
}

func (r originReader) texts(o *goja.Object, name string, most int) []string {
	var out []string
	for _, v := range r.list(o, name, most) {
		s, ok := textOf(v)
		if !ok {
			r.fail("%s has a member that is not a string", name)
		}
		out = append(out, strings.Clone(s))
	}
	return out
}

// host is a name of DNS: no address, no port.
func (r originReader) host(o *goja.Object, name string) string {
	s := r.text(o, name)
	if s == "" {
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil || len(s) > maxHost || !hostName(s) {
		r.fail("%s %q is not a domain name", name, clip(s, 60))
	}
	return s
}

// hostName tells whether s is made of what names of DNS are made of.
func hostName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != "" && s[0] != '.' && !strings.Contains(s, "..")
}

// choice reads an origin by its id, with the little that may change of it.
func (r originReader) choice(o *goja.Object) OriginChoice {
	c := OriginChoice{ID: r.text(o, "originId")}
	if c.ID == "" {
		r.fail("originId is missing")
	}
	over := r.part(o, "originOverrides")
	if over == nil {
		return c
	}
	for _, k := range over.Keys() {
		switch k {
		case "hostHeader", "sni", "allowedCertificateNames":
		default:
			r.fail("originOverrides cannot change %s, only hostHeader, sni and allowedCertificateNames", clip(k, 60))
		}
	}
	r.names(over, &c.Override)
	return c
}

func (r originReader) group(o *Origin, arg *goja.Object) {
	for _, member := range r.list(arg, "originIds", 2) {
		if id, isText := textOf(member); isText {
			o.Select = append(o.Select, OriginChoice{ID: strings.Clone(id)})
		} else if c, isObject := member.(*goja.Object); isObject {
			o.Select = append(o.Select, r.choice(c))
		}
	}
	if len(o.Select) != 2 {
		r.fail("originIds must have two members")
	}
	criteria := r.part(arg, "failoverCriteria")
	if criteria == nil {
		r.fail("failoverCriteria is missing")
	}
	for _, code := range r.list(criteria, "statusCodes", 32) {
		n := int(code.ToInteger())
		switch n {
		case 400, 403, 404, 416, 429, 500, 502, 503, 504:
		default:
			r.fail("failoverCriteria.statusCodes: %d is not a status to fail over on", n)
		}
		o.StatusCodes = append(o.StatusCodes, n)
	}
	if len(o.StatusCodes) == 0 {
		r.fail("failoverCriteria.statusCodes is empty")
	}
	if _, ok := r.has(arg, "selectionCriteria"); ok {
		o.MediaQuality = r.word(arg, "selectionCriteria", "default", "media-quality-score") == "media-quality-score"
	}
}

// names reads what an origin is called, and by which certificate it is known.
func (r originReader) names(o *goja.Object, ov *Override) {
	ov.HostHeader, ov.SNI = r.host(o, "hostHeader"), r.host(o, "sni")
	ov.Certificates = r.texts(o, "allowedCertificateNames", maxCertificates)
	for _, n := range ov.Certificates {
		if len(n) > maxCertificate || !hostName(strings.TrimPrefix(n, "*.")) {
			r.fail("allowedCertificateNames: %q is not a domain name of at most %d characters", clip(n, 70), maxCertificate)
		}
	}
}

func (r originReader) override(o *goja.Object) Override {
	ov := Override{DomainName: r.host(o, "domainName"), Attempts: int(r.number(o, "connectionAttempts", 1, 3))}
	if d := ov.DomainName; bucketHost(d) && (len(d) > maxBucketHost || hasUpper(d)) {
		r.fail("domainName %q: the name of a bucket's host is in lower case and has at most %d characters", clip(d, 60), maxBucketHost)
	}
	r.names(o, &ov)
	if _, ok := r.has(o, "originPath"); ok {
		path := r.text(o, "originPath")
		if path != "" && (path[0] != '/' || path[len(path)-1] == '/' || len(path) > maxPath || escapePath(path) != path) {
			r.fail("originPath %q must begin with / and not end with it, be percent-encoded and have at most %d characters", clip(path, 60), maxPath)
		}
		ov.Path = &path
	}
	if h := r.part(o, "customHeaders"); h != nil {
		ov.Headers = r.headers(h)
	}
	if t := r.part(o, "timeouts"); t != nil {
		ov.ReadTimeout, ov.KeepAlive = r.seconds(t, "readTimeout", 120), r.seconds(t, "keepAliveTimeout", 120)
		ov.Connect, ov.Completion = r.seconds(t, "connectionTimeout", 10), r.seconds(t, "responseCompletionTimeout", 3600)
	}
	if c := r.part(o, "customOriginConfig"); c != nil {
		r.connection(c, &ov)
	}
	r.signing(o, &ov)
	return ov
}

// bucketHost tells whether a name is the REST endpoint of a bucket at AWS.
func bucketHost(host string) bool {
	rest, ok := strings.CutSuffix(strings.TrimSuffix(strings.ToLower(host), ".cn"), ".amazonaws.com")
	return ok && (strings.Contains(rest, ".s3.") || strings.Contains(rest, ".s3-") && !strings.Contains(rest, ".s3-website") || strings.HasSuffix(rest, ".s3"))
}

// connection reads customOriginConfig.
func (r originReader) connection(c *goja.Object, ov *Override) {
	for _, k := range []string{"port", "protocol", "sslProtocols"} {
		if _, ok := r.has(c, k); !ok {
			r.fail("customOriginConfig.%s is missing", k)
		}
	}
	ov.Port, ov.Protocol = int(r.number(c, "port", 1, 65535)), r.word(c, "protocol", "http", "https")
	if ov.Port != 80 && ov.Port != 443 && ov.Port < 1024 {
		r.fail("customOriginConfig.port is not 80, 443 or between 1024 and 65535")
	}
	ov.TLSVersions = r.texts(c, "sslProtocols", 8)
	for _, v := range ov.TLSVersions {
		switch v {
		case "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2":
		default:
			r.fail("customOriginConfig.sslProtocols: %q is not one of SSLv3, TLSv1, TLSv1.1, TLSv1.2", clip(v, 30))
		}
	}
	if _, ok := r.has(c, "ipAddressType"); ok {
		if ov.Network = r.word(c, "ipAddressType", "ipv4", "ipv6", "dualstack"); ov.DomainName == "" {
			r.fail("customOriginConfig.ipAddressType can only be changed with domainName")
		}
	}
}

// signing reads Origin Shield, origin access control, and mTLS.
func (r originReader) signing(o *goja.Object, ov *Override) {
	if s := r.part(o, "originShield"); s != nil {
		region := ""
		if r.enabled(s, "originShield") {
			if region = r.text(s, "region"); region == "" {
				r.fail("originShield.region is missing")
			}
		}
		ov.ShieldRegion = &region
	}
	if _, ok := r.has(o, "mTLSConfig"); ok {
		ov.MutualOff = r.word(o, "mTLSConfig", "off") == "off"
	}
	c := r.part(o, "originAccessControlConfig")
	switch {
	case c == nil:
		return
	case !r.enabled(c, "originAccessControlConfig"):
		ov.AccessOff = true
		return
	}
	r.word(c, "signingProtocol", "sigv4")
	ov.Access = &model.OriginAccess{
		Type:    r.word(c, "originType", "s3", "mediapackagev2", "mediastore", "lambda"),
		Signing: r.word(c, "signingBehavior", "always", "never", "no-override"),
	}
}

func (r originReader) headers(o *goja.Object) *[]model.HeaderField {
	fields, size := []model.HeaderField{}, 0
	for _, name := range o.Keys() {
		value := r.text(o, name)
		switch {
		case hasUpper(name) || !httpspec.ValidName(name) || len(name) > maxHeaderName:
			r.fail("customHeaders: %q is not a header name in lower case", clip(name, 60))
		case disallowed(name), notToOrigins(name):
			r.fail("customHeaders: %s is not allowed", name)
		case !httpspec.ValidValue(value) || len(value) > maxHeaderValue:
			r.fail("customHeaders: the value of %s is not valid, or has more than %d characters", name, maxHeaderValue)
		case r.m.header != nil && r.m.header.Has(name):
			r.fail("customHeaders: %s is a header of the request", name)
		}
		size += len(name) + len(value)
		fields = append(fields, model.HeaderField{Name: canonical(name), Value: value})
	}
	if size > maxHeaderBytes {
		r.fail("customHeaders have %d bytes; CloudFront allows %d", size, maxHeaderBytes)
	}
	return &fields
}

// notToOrigins are names that no custom header may have, beside those that no
// function may touch ("Custom headers that CloudFront can't add to origin
// requests").
func notToOrigins(name string) bool {
	switch name {
	case "cache-control", "content-length", "cookie", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
		"if-unmodified-since", "max-forwards", "pragma", "range", "request-range", "te", "transfer-encoding", "via", "warning":
		return true
	}
	return false
}
