// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

type responseConfig struct {
	Comment  string              `xml:"Comment"`
	Name     string              `xml:"Name"`
	CORS     *corsConfig         `xml:"CorsConfig,omitempty"`
	Security *securityConfig     `xml:"SecurityHeadersConfig,omitempty"`
	Timing   *timingConfig       `xml:"ServerTimingHeadersConfig,omitempty"`
	Custom   *list[customHeader] `xml:"CustomHeadersConfig,omitempty"`
	Remove   *list[removeHeader] `xml:"RemoveHeadersConfig,omitempty"`
}

type corsConfig struct {
	Origins     list[string]  `xml:"AccessControlAllowOrigins"`
	Headers     list[string]  `xml:"AccessControlAllowHeaders"`
	Methods     list[string]  `xml:"AccessControlAllowMethods"`
	Credentials bool          `xml:"AccessControlAllowCredentials"`
	Expose      *list[string] `xml:"AccessControlExposeHeaders,omitempty"`
	MaxAge      int           `xml:"AccessControlMaxAgeSec,omitempty"`
	Override    bool          `xml:"OriginOverride"`
}

type timingConfig struct {
	Enabled  bool    `xml:"Enabled"`
	Sampling float64 `xml:"SamplingRate"`
}

type customHeader struct {
	Header   string `xml:"Header"`
	Value    string `xml:"Value"`
	Override bool   `xml:"Override"`
}

type removeHeader struct {
	Header string `xml:"Header"`
}

type securityConfig struct {
	XSS      *xssProtection  `xml:"XSSProtection,omitempty"`
	Frame    *frameOptions   `xml:"FrameOptions,omitempty"`
	Referrer *referrerPolicy `xml:"ReferrerPolicy,omitempty"`
	CSP      *contentPolicy  `xml:"ContentSecurityPolicy,omitempty"`
	Type     *typeOptions    `xml:"ContentTypeOptions,omitempty"`
	STS      *transport      `xml:"StrictTransportSecurity,omitempty"`
}

type xssProtection struct {
	Override   bool   `xml:"Override"`
	Protection bool   `xml:"Protection"`
	Block      bool   `xml:"ModeBlock"`
	Report     string `xml:"ReportUri,omitempty"`
}

type frameOptions struct {
	Override bool   `xml:"Override"`
	Option   string `xml:"FrameOption"`
}

type referrerPolicy struct {
	Override bool   `xml:"Override"`
	Policy   string `xml:"ReferrerPolicy"`
}

type contentPolicy struct {
	Override bool   `xml:"Override"`
	Policy   string `xml:"ContentSecurityPolicy"`
}

type typeOptions struct {
	Override bool `xml:"Override"`
}

type transport struct {
	Override   bool `xml:"Override"`
	Subdomains bool `xml:"IncludeSubdomains"`
	Preload    bool `xml:"Preload"`
	MaxAge     int  `xml:"AccessControlMaxAgeSec"`
}

func responseConfigOf(p *model.ResponseHeadersPolicy) responseConfig {
	c := responseConfig{Name: p.Name}
	if m := p.CORS; m != nil {
		c.CORS = &corsConfig{
			Origins: texts("Origin", m.AllowOrigins), Headers: texts("Header", m.AllowHeaders), Methods: texts("Method", m.AllowMethods),
			Credentials: m.AllowCredentials, MaxAge: m.MaxAge, Override: m.Override,
		}
		if len(m.ExposeHeaders) > 0 {
			expose := texts("Header", m.ExposeHeaders)
			c.CORS.Expose = &expose
		}
	}
	for _, h := range p.Security {
		if c.Security == nil {
			c.Security = &securityConfig{}
		}
		c.Security.take(h)
	}
	if p.ServerTiming != nil {
		c.Timing = &timingConfig{true, *p.ServerTiming}
	}
	if len(p.Custom) > 0 {
		c.Custom = &list[customHeader]{}
	}
	for _, h := range p.Custom {
		c.Custom.add("ResponseHeadersPolicyCustomHeader", customHeader{h.Name, h.Value, h.Override})
	}
	if len(p.Remove) > 0 {
		c.Remove = &list[removeHeader]{}
	}
	for _, name := range p.Remove {
		c.Remove.add("ResponseHeadersPolicyRemoveHeader", removeHeader{name})
	}
	return c
}

// take reads a security header back into the settings that it was written from.
func (c *securityConfig) take(h model.PolicyHeader) {
	has := func(word string) bool { return strings.Contains(strings.ToLower(h.Value), word) }
	switch strings.ToLower(h.Name) {
	case "x-xss-protection":
		_, report, _ := strings.Cut(h.Value, "report=")
		c.XSS = &xssProtection{h.Override, strings.HasPrefix(h.Value, "1"), has("mode=block"), report}
	case "x-frame-options":
		c.Frame = &frameOptions{h.Override, h.Value}
	case "referrer-policy":
		c.Referrer = &referrerPolicy{h.Override, h.Value}
	case "content-security-policy":
		c.CSP = &contentPolicy{h.Override, h.Value}
	case "x-content-type-options":
		c.Type = &typeOptions{h.Override}
	case "strict-transport-security":
		_, age, _ := strings.Cut(h.Value, "max-age=")
		age, _, _ = strings.Cut(age, ";")
		n, _ := strconv.Atoi(strings.TrimSpace(age)) // our own text
		c.STS = &transport{h.Override, has("includesubdomains"), has("preload"), n}
	}
}
