// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

func (b *builder) origins(r *base.Resource, d *model.Distribution, c base.Value) {
	list := c.Get("Origins").List()
	for _, v := range list {
		o := b.origin(r, v)
		if d.Origin(o.ID) != nil {
			v.Get("Id").Fail("rename one of the two", "the origin id %q is used twice", o.ID)
			continue
		}
		d.Origins = append(d.Origins, o)
	}
	for _, name := range []string{"S3Origin", "CustomOrigin"} { // the form of 2012: one origin without a name
		if v := c.Get(name); v.Exists() {
			d.Origins = append(d.Origins, b.oldOrigin(name, v))
		}
	}
	if len(d.Origins) == 0 {
		c.Fail("add Origins with at least one origin", "the distribution has no origin")
	}
}

func (b *builder) origin(r *base.Resource, v base.Value) *model.Origin {
	o := &model.Origin{
		ID: v.Get("Id").Text(), DomainName: strings.ToLower(v.Get("DomainName").Text()), Path: v.Get("OriginPath").Text(),
		HTTPPort: 80, HTTPSPort: 443, ReadTimeout: 30 * time.Second, KeepAlive: 5 * time.Second,
		Connect: v.Get("ConnectionTimeout").Seconds(10 * time.Second), Attempts: v.Get("ConnectionAttempts").Int(3),
		Completion: v.Get("ResponseCompletionTimeout").Seconds(0),
	}
	domain(v.Get("DomainName"))
	if o.Path == "/" {
		o.Path = ""
	}
	if o.Path != "" && (!strings.HasPrefix(o.Path, "/") || strings.HasSuffix(o.Path, "/")) {
		v.Get("OriginPath").Fail("write /"+strings.Trim(o.Path, "/"), "an origin path begins with a slash and does not end with one: %q", o.Path)
	}
	between(v.Get("ConnectionAttempts"), 1, 3)
	between(v.Get("ConnectionTimeout"), 1, 10)
	b.originKind(o, v)
	for _, h := range v.Get("OriginCustomHeaders").List() {
		if deniedOriginHeader(h.Get("HeaderName").Text()) {
			h.Get("HeaderName").Fail("use another name", "CloudFront does not send %s as a custom header", h.Get("HeaderName").Text())
		}
		o.Headers = append(o.Headers, model.HeaderField{Name: h.Get("HeaderName").Text(), Value: h.Get("HeaderValue").Text()})
	}
	if s := v.Get("OriginShield"); s.Get("Enabled").Bool() {
		o.ShieldRegion = s.Get("OriginShieldRegion").Text()
	}
	if id := v.Get("OriginAccessControlId").Text(); id != "" {
		o.Access = b.Shared.Access[id]
		if o.Access == nil {
			o.Access = &model.OriginAccess{ID: id, Type: "s3", Signing: "always"}
			r.Note(v.Get("OriginAccessControlId"), fidelity.Approximated, "the access control is not of this stack: it is taken to sign always")
		}
	}
	return o
}

// deniedOriginHeader names the headers that cannot be custom headers (row O5).
// Source: CloudFront Developer Guide, "Custom headers that CloudFront can't add
// to origin requests".
func deniedOriginHeader(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "x-amz-") || strings.HasPrefix(lower, "x-edge-") || containsFold([]string{
		"Cache-Control", "Connection", "Content-Length", "Cookie", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
		"If-Unmodified-Since", "Max-Forwards", "Pragma", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Range",
		"Request-Range", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Via", "X-Real-Ip",
	}, name)
}

// s3Host refuses a host that is no REST endpoint of a bucket.
func s3Host(o *model.Origin, v base.Value) {
	switch {
	case strings.Contains(o.DomainName, ".s3-website"):
		v.Fail("use CustomOriginConfig: {OriginProtocolPolicy: http-only}", "%s is a website endpoint, S3OriginConfig is for the REST endpoint of a bucket", o.DomainName)
	case !strings.Contains(o.DomainName, ".s3.") && !strings.Contains(o.DomainName, ".s3-"):
		v.Fail("use !GetAtt Bucket.RegionalDomainName, or CustomOriginConfig for another host", "%s is no bucket", o.DomainName)
	}
}

// originKind reads the one of the three configurations that says what the
// origin is.
func (b *builder) originKind(o *model.Origin, v base.Value) {
	s3, custom, vpc := v.Get("S3OriginConfig"), v.Get("CustomOriginConfig"), v.Get("VpcOriginConfig")
	kinds := 0
	for _, k := range []base.Value{s3, custom, vpc} {
		if k.Exists() {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		v.Fail("add CustomOriginConfig: {OriginProtocolPolicy: https-only}, or S3OriginConfig: {} for a bucket", "origin %q has neither CustomOriginConfig nor S3OriginConfig", o.ID)
	case kinds > 1:
		v.Fail("keep one", "origin %q has more than one of S3OriginConfig, CustomOriginConfig and VpcOriginConfig", o.ID)
	case s3.Exists():
		s3Host(o, v.Get("DomainName"))
		o.S3, o.Protocol = true, model.OriginMatchViewer
		o.ReadTimeout = s3.Get("OriginReadTimeout").Seconds(o.ReadTimeout)
		b.identity(o, s3.Get("OriginAccessIdentity"))
	case vpc.Exists():
		o.VPCOrigin = b.Stack.PrivateName(vpc.Get("VpcOriginId").Text())
		o.ReadTimeout = vpc.Get("OriginReadTimeout").Seconds(o.ReadTimeout)
		o.KeepAlive = vpc.Get("OriginKeepaliveTimeout").Seconds(o.KeepAlive)
	default:
		customOrigin(o, custom)
	}
}

func (b *builder) identity(o *model.Origin, v base.Value) {
	const prefix = "origin-access-identity/cloudfront/"
	id := v.Text()
	if id == "" {
		return
	}
	if !strings.HasPrefix(id, prefix) {
		v.Fail("write !Sub "+prefix+"${Identity}", "an origin access identity is written %sID", prefix)
	}
	o.OAI = strings.TrimPrefix(id, prefix)
	o.OAICanonical = b.Shared.OAI[o.OAI]
}

func customOrigin(o *model.Origin, v base.Value) {
	o.Protocol = protocol(v.Get("OriginProtocolPolicy").Text())
	o.HTTPPort, o.HTTPSPort = v.Get("HTTPPort").Int(80), v.Get("HTTPSPort").Int(443)
	for _, name := range []string{"HTTPPort", "HTTPSPort"} {
		if p := v.Get(name).Int(80); p != 80 && p != 443 && (p < 1024 || p > 65535) {
			v.Get(name).Fail("use 80, 443 or 1024 to 65535", "CloudFront reaches no origin at port %d", p)
		}
	}
	o.TLSVersions = v.Get("OriginSSLProtocols").Texts()
	o.ClientCert = v.Get("OriginMtlsConfig", "ClientCertificateArn").Text()
	o.ReadTimeout = v.Get("OriginReadTimeout").Seconds(o.ReadTimeout)
	o.KeepAlive = v.Get("OriginKeepaliveTimeout").Seconds(o.KeepAlive)
	between(v.Get("OriginReadTimeout"), 1, 180)
	between(v.Get("OriginKeepaliveTimeout"), 1, 180)
}

func protocol(s string) model.OriginProtocol {
	switch s {
	case "https-only":
		return model.OriginHTTPSOnly
	case "match-viewer":
		return model.OriginMatchViewer
	}
	return model.OriginHTTPOnly
}

func (b *builder) oldOrigin(name string, v base.Value) *model.Origin {
	o := &model.Origin{
		ID: name, DomainName: strings.ToLower(v.Get("DNSName").Text()), HTTPPort: 80, HTTPSPort: 443,
		ReadTimeout: 30 * time.Second, KeepAlive: 5 * time.Second, Connect: 10 * time.Second, Attempts: 3,
	}
	domain(v.Get("DNSName"))
	if name == "S3Origin" {
		o.S3, o.Protocol = true, model.OriginMatchViewer
		b.identity(o, v.Get("OriginAccessIdentity"))
		return o
	}
	customOrigin(o, v)
	return o
}

// between refuses a number outside a range.
func between(v base.Value, least, most int) {
	if i := v.Int(least); i < least || i > most {
		v.Fail("stay between the two", "%d is outside %d to %d", i, least, most)
	}
}

// domain refuses what is no host name, which is most often a URL.
func domain(v base.Value) {
	name := v.Text()
	switch {
	case strings.Contains(name, "${"):
		v.Fail("write !Sub before the text that has it", "an origin's domain name cannot contain ${…}: %q", name)
	case strings.Contains(name, "://"):
		v.Fail("take the host out of the URL: !Select [2, !Split [\"/\", URL]]", "an origin's domain name cannot be a URL: %q", name)
	case strings.Contains(name, ":"):
		v.Fail("give the port in CustomOriginConfig", "an origin's domain name cannot contain a colon: %q", name)
	case strings.Contains(name, "/"):
		v.Fail("move the path to OriginPath", "an origin's domain name cannot contain a path: %q", name)
	case name == "" || strings.ContainsAny(name, " *?,\"") || len(name) > 253:
		v.Fail("give a host name", "%q is no domain name", name)
	}
}

// signatures reads Metadata.Forelane.Sign of a distribution: by an origin's id
// the key by which requests to it are signed (RFC 9421). CloudFront does not.
func (b *builder) signatures(r *base.Resource, d *model.Distribution) {
	for _, p := range r.Meta.Get("Forelane", "Sign").Pairs() {
		o := d.Origin(p.Key)
		if o == nil {
			p.Value.Fail("write the Id of one of its origins", "the distribution has no origin %q", p.Key)
			continue
		}
		k := base.Key(p.Value, true)
		o.Sign = &k
		r.Note(p.Value, fidelity.Approximated, "requests to the origin are signed here, CloudFront does not sign them")
	}
}
