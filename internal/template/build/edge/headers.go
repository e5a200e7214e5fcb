// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strconv"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

func (b *builder) responseHeadersPolicy(r *base.Resource) *model.ResponseHeadersPolicy {
	c := r.Props.Get("ResponseHeadersPolicyConfig")
	p := &model.ResponseHeadersPolicy{ID: r.Ref, Name: c.Get("Name").Text(), Security: security(c.Get("SecurityHeadersConfig"))}
	if v := c.Get("CorsConfig"); v.Exists() {
		p.CORS = &model.PolicyCORS{
			AllowCredentials: v.Get("AccessControlAllowCredentials").Bool(),
			AllowHeaders:     v.Get("AccessControlAllowHeaders", "Items").Texts(),
			AllowMethods:     v.Get("AccessControlAllowMethods", "Items").Texts(),
			AllowOrigins:     v.Get("AccessControlAllowOrigins", "Items").Texts(),
			ExposeHeaders:    v.Get("AccessControlExposeHeaders", "Items").Texts(),
			MaxAge:           v.Get("AccessControlMaxAgeSec").Int(0),
			Override:         v.Get("OriginOverride").Bool(),
		}
	}
	for _, v := range c.Get("CustomHeadersConfig", "Items").List() {
		p.Custom = append(p.Custom, model.PolicyHeader{Name: v.Get("Header").Text(), Value: v.Get("Value").Text(), Override: v.Get("Override").Bool()})
	}
	for _, v := range c.Get("RemoveHeadersConfig", "Items").List() {
		p.Remove = append(p.Remove, v.Get("Header").Text())
	}
	if v := c.Get("ServerTimingHeadersConfig"); v.Get("Enabled").Bool() {
		rate := v.Get("SamplingRate").Float(0)
		if rate < 0 || rate > 100 {
			v.Get("SamplingRate").Fail("give percent", "a sampling rate is between 0 and 100")
		}
		p.ServerTiming = &rate
	}
	for _, v := range c.Get("CustomHeadersConfig", "Items").List() {
		if forbiddenHeader(v.Get("Header").Text()) {
			v.Get("Header").Fail("remove it", "CloudFront does not let a policy set %s", v.Get("Header").Text())
		}
	}
	return p
}

// forbiddenHeader names headers that frame the message and that CloudFront
// refuses as custom headers.
func forbiddenHeader(name string) bool {
	return containsFold([]string{
		"Connection", "Content-Encoding", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade", "Via", "Warning",
		"X-Accel-Buffering", "X-Accel-Charset", "X-Accel-Limit-Rate", "X-Accel-Redirect", "X-Cache", "X-Forwarded-Proto", "X-Real-IP",
	}, name)
}

// security writes the six security headers out.
func security(v base.Value) []model.PolicyHeader {
	var out []model.PolicyHeader
	add := func(v base.Value, name, value string) {
		if v.Exists() {
			out = append(out, model.PolicyHeader{Name: name, Value: value, Override: v.Get("Override").Bool()})
		}
	}
	csp := v.Get("ContentSecurityPolicy")
	add(csp, "Content-Security-Policy", csp.Get("ContentSecurityPolicy").Text())
	add(v.Get("ContentTypeOptions"), "X-Content-Type-Options", "nosniff")
	frame := v.Get("FrameOptions")
	add(frame, "X-Frame-Options", frame.Get("FrameOption").Text())
	referrer := v.Get("ReferrerPolicy")
	add(referrer, "Referrer-Policy", referrer.Get("ReferrerPolicy").Text())
	hsts := v.Get("StrictTransportSecurity")
	age := "max-age=" + strconv.Itoa(hsts.Get("AccessControlMaxAgeSec").Int(0))
	if hsts.Get("IncludeSubdomains").Bool() {
		age += "; includeSubDomains"
	}
	if hsts.Get("Preload").Bool() {
		age += "; preload"
	}
	add(hsts, "Strict-Transport-Security", age)
	xss := v.Get("XSSProtection")
	protection := "0"
	switch {
	case !xss.Get("Protection").Bool():
		if xss.Get("ModeBlock").Bool() || xss.Get("ReportUri").Exists() {
			xss.Get("Protection").Fail("set Protection to true", "ModeBlock and ReportUri need Protection")
		}
	case xss.Get("ModeBlock").Bool() && xss.Get("ReportUri").Exists():
		xss.Get("ReportUri").Fail("keep one of the two", "ModeBlock and ReportUri cannot both be set")
	case xss.Get("ModeBlock").Bool():
		protection = "1; mode=block"
	case xss.Get("ReportUri").Exists():
		protection = "1; report=" + xss.Get("ReportUri").Text()
	default:
		protection = "1"
	}
	add(xss, "X-XSS-Protection", protection)
	return out
}
