// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// cors is a CorsConfiguration, ready to be written. An HTTP API ignores the
// integration's own CORS fields once it has one; a function URL adds its fields
// to the function's ("Configuring CORS" in both guides).
type cors struct {
	anyOrigin   bool
	origins     []string // lower case; may end or begin with *
	credentials bool
	methods     string
	headers     string
	expose      string
	maxAge      string
}

func compileCORS(m *model.APICORS) *cors {
	if m == nil {
		return nil
	}
	c := &cors{
		credentials: m.AllowCredentials,
		methods:     strings.ToUpper(strings.Join(m.AllowMethods, ",")),
		headers:     strings.ToLower(strings.Join(m.AllowHeaders, ",")),
		expose:      strings.ToLower(strings.Join(m.ExposeHeaders, ",")),
	}
	for _, o := range m.AllowOrigins {
		c.anyOrigin = c.anyOrigin || o == "*"
		c.origins = append(c.origins, strings.ToLower(strings.TrimSuffix(o, "/")))
	}
	if m.MaxAge != nil {
		c.maxAge = strconv.Itoa(*m.MaxAge)
	}
	return c
}

// isPreflight tells a CORS preflight from an ordinary OPTIONS.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header["Origin"]) > 0 && len(r.Header["Access-Control-Request-Method"]) > 0
}

// allow is the value of Access-Control-Allow-Origin, or empty.
func (c *cors) allow(origin string) string {
	if origin == "" {
		return ""
	}
	if c.anyOrigin {
		if c.credentials { // a browser takes no * here; AWS refuses such a configuration for APIs
			return origin
		}
		return "*"
	}
	lower := strings.ToLower(origin)
	for _, o := range c.origins {
		before, after, wild := strings.Cut(o, "*")
		if o == lower || wild && len(lower) >= len(o)-1 && strings.HasPrefix(lower, before) && strings.HasSuffix(lower, after) {
			return origin
		}
	}
	return ""
}

// simple adds the fields of an answer that is not a preflight's.
func (c *cors) simple(origin string, add func(name, value string)) {
	allowed := c.allow(origin)
	if allowed == "" {
		return
	}
	add("Access-Control-Allow-Origin", allowed)
	if c.credentials {
		add("Access-Control-Allow-Credentials", "true")
	}
	if c.expose != "" {
		add("Access-Control-Expose-Headers", c.expose)
	}
}

// preflight adds the fields of a preflight's answer.
func (c *cors) preflight(origin string, add func(name, value string)) {
	allowed := c.allow(origin)
	if allowed == "" {
		return
	}
	add("Access-Control-Allow-Origin", allowed)
	if c.methods != "" {
		add("Access-Control-Allow-Methods", c.methods)
	}
	if c.headers != "" {
		add("Access-Control-Allow-Headers", c.headers)
	}
	if c.credentials {
		add("Access-Control-Allow-Credentials", "true")
	}
	if c.maxAge != "" {
		add("Access-Control-Max-Age", c.maxAge)
	}
	if c.expose != "" {
		add("Access-Control-Expose-Headers", c.expose)
	}
}

// dropCORS removes what the integration said about CORS.
func dropCORS(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
}
