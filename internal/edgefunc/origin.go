// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// OriginAction is what a function asked of the origin.
type OriginAction uint8

// The actions.
const (
	OriginUpdate OriginAction = iota // Override changes the behavior's own origin
	OriginSelect                     // Select[0] is the origin, with its Override
	OriginGroup                      // Select has primary and secondary, StatusCodes when to fail over
)

// String is a word for records.
func (a OriginAction) String() string { return [...]string{"update", "select", "group", "?"}[a&3] }

// Origin is an origin that a function chose (CloudFront Developer Guide,
// "Helper methods for origin modification"). The last call of a run counts.
type Origin struct {
	Action       OriginAction
	Override     Override
	Select       []OriginChoice
	StatusCodes  []int
	MediaQuality bool // selectionCriteria media-quality-score
}

// OriginChoice is an origin of the distribution, by its id.
type OriginChoice struct {
	ID       string
	Override Override
}

// Override is what changes of an origin. Nil and zero fields stay as the
// origin has them.
type Override struct {
	DomainName   string
	HostHeader   string
	Path         *string
	Headers      *[]model.HeaderField // replaces the custom headers; empty: none
	Attempts     int
	ReadTimeout  time.Duration
	KeepAlive    time.Duration
	Connect      time.Duration
	Completion   time.Duration
	Port         int
	Protocol     string // http, https
	TLSVersions  []string
	SNI          string
	Certificates []string
	ShieldRegion *string // empty: no shield
	Access       *model.OriginAccess
	AccessOff    bool
}

// setOrigin is the three helper methods.
func (m *machine) setOrigin(call goja.FunctionCall) goja.Value {
	if !m.viewer {
		panic(m.failed("Error", "the origin can only be changed in viewer-request functions"))
	}
	arg, ok := call.Argument(1).(*goja.Object)
	if !ok {
		panic(m.vm.NewTypeError("the argument must be an object"))
	}
	r := originReader{m: m}
	o := &Origin{}
	switch call.Argument(0).String() {
	case "update":
		o.Action, o.Override = OriginUpdate, r.override(arg)
	case "select":
		o.Action = OriginSelect
		o.Select = []OriginChoice{r.choice(arg)}
	case "group":
		o.Action = OriginGroup
		r.group(o, arg)
	}
	m.origin = o
	return goja.Undefined()
}

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
	if _, isText := v.Export().(string); !isText {
		r.fail("%s is not a string", name)
	}
	return strings.Clone(v.String())
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
		out = append(out, strings.Clone(v.String()))
	}
	return out
}

func (r originReader) choice(o *goja.Object) OriginChoice {
	c := OriginChoice{ID: r.text(o, "originId")}
	if c.ID == "" {
		r.fail("originId is missing")
	}
	if v, ok := r.has(o, "originOverrides"); ok {
		over, isObject := v.(*goja.Object)
		if !isObject {
			r.fail("originOverrides is not an object")
		}
		c.Override = r.override(over)
	}
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
	v, ok := r.has(arg, "failoverCriteria")
	if !ok {
		r.fail("failoverCriteria is missing")
	}
	for _, code := range r.list(v.ToObject(r.m.vm), "statusCodes", 32) {
		o.StatusCodes = append(o.StatusCodes, int(code.ToInteger()))
	}
	if len(o.StatusCodes) == 0 {
		r.fail("failoverCriteria.statusCodes is empty")
	}
	o.MediaQuality = r.text(arg, "selectionCriteria") == "media-quality-score"
}

func (r originReader) override(o *goja.Object) Override {
	ov := Override{
		DomainName: r.text(o, "domainName"), HostHeader: r.text(o, "hostHeader"), SNI: r.text(o, "sni"),
		Attempts: int(r.number(o, "connectionAttempts", 1, 3)), Certificates: r.texts(o, "allowedCertificateNames", 20),
	}
	if d := ov.DomainName; d != "" {
		if _, err := netip.ParseAddr(d); err == nil || len(d) > 253 || strings.ContainsAny(d, ":/") {
			r.fail("domainName %.60q is not a domain name", d)
		}
	}
	if _, ok := r.has(o, "originPath"); ok {
		path := r.text(o, "originPath")
		if path != "" && (path[0] != '/' || path[len(path)-1] == '/' || len(path) > 255) {
			r.fail("originPath %.60q must begin with / and not end with it, and have at most 255 characters", path)
		}
		ov.Path = &path
	}
	if v, ok := r.has(o, "customHeaders"); ok {
		ov.Headers = r.headers(v.ToObject(r.m.vm))
	}
	if v, ok := r.has(o, "timeouts"); ok {
		t := v.ToObject(r.m.vm)
		ov.ReadTimeout = time.Duration(r.number(t, "readTimeout", 1, 120)) * time.Second
		ov.KeepAlive = time.Duration(r.number(t, "keepAliveTimeout", 1, 120)) * time.Second
		ov.Connect = time.Duration(r.number(t, "connectionTimeout", 1, 10)) * time.Second
		ov.Completion = time.Duration(r.number(t, "responseCompletionTimeout", 1, 3600)) * time.Second
	}
	if v, ok := r.has(o, "customOriginConfig"); ok {
		c := v.ToObject(r.m.vm)
		ov.Port, ov.Protocol = int(r.number(c, "port", 1, 65535)), r.text(c, "protocol")
		ov.TLSVersions = r.texts(c, "sslProtocols", 8)
		if ov.Protocol != "http" && ov.Protocol != "https" {
			r.fail("customOriginConfig.protocol is not http or https")
		}
	}
	r.signing(o, &ov)
	return ov
}

// signing reads Origin Shield and origin access control.
func (r originReader) signing(o *goja.Object, ov *Override) {
	if v, ok := r.has(o, "originShield"); ok {
		s, region := v.ToObject(r.m.vm), ""
		if e := s.Get("enabled"); e != nil && e.ToBoolean() {
			if region = r.text(s, "region"); region == "" {
				r.fail("originShield.region is missing")
			}
		}
		ov.ShieldRegion = &region
	}
	v, ok := r.has(o, "originAccessControlConfig")
	if !ok {
		return
	}
	c := v.ToObject(r.m.vm)
	if e := c.Get("enabled"); e == nil || !e.ToBoolean() {
		ov.AccessOff = true
		return
	}
	ov.Access = &model.OriginAccess{Type: r.text(c, "originType"), Signing: r.text(c, "signingBehavior")}
}

func (r originReader) headers(o *goja.Object) *[]model.HeaderField {
	fields := []model.HeaderField{}
	for _, name := range o.Keys() {
		value := r.text(o, name)
		switch {
		case name != strings.ToLower(name) || !httpspec.ValidName(name):
			r.fail("customHeaders: %q is not a header name in lower case", clip(name, 60))
		case disallowed(name):
			r.fail("customHeaders: %s is not allowed", name)
		case !httpspec.ValidValue(value):
			r.fail("customHeaders: the value of %s is not valid", name)
		}
		fields = append(fields, model.HeaderField{Name: canonical(name), Value: value})
	}
	return &fields
}
