// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"io"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
)

// gatewayResponse is a REST API's own wording of an error (row A20).
type gatewayResponse struct {
	status      int // 0: the default
	fields      []responseField
	contentType string
	// template is no VTL: $context and $stageVariables are written in, and
	// everything else stands as it is. Empty: the default body.
	template string
}

type responseField struct{ name, text, ref string } // ref: a reference instead of the text

func (g *Gateway) compileResponses(m *model.API) map[string]*gatewayResponse {
	out := map[string]*gatewayResponse{}
	for _, mr := range m.GatewayResponses {
		r := &gatewayResponse{}
		if n, err := strconv.Atoi(mr.Status); err == nil && n >= 200 && n <= 599 {
			r.status = n
		}
		for _, p := range mr.Parameters {
			name, ok := strings.CutPrefix(p.To, "gatewayresponse.header.")
			f := responseField{name: textproto.CanonicalMIMEHeaderKey(name)}
			switch {
			case !ok:
				g.note("%s %s: gateway response %s: %q is left out: only gatewayresponse.header.NAME is set", m.Pos, m.LogicalID, mr.Type, p.To)
				continue
			case len(p.From) >= 2 && p.From[0] == '\'' && p.From[len(p.From)-1] == '\'':
				f.text = p.From[1 : len(p.From)-1]
			default:
				f.ref = p.From
			}
			r.fields = append(r.fields, f)
		}
		if len(mr.Templates) > 0 {
			r.contentType = "application/json"
			if _, ok := mr.Templates[r.contentType]; !ok {
				r.contentType = slices.Min(slices.Collect(maps.Keys(mr.Templates)))
			}
			r.template = mr.Templates[r.contentType]
		}
		out[mr.Type] = r
	}
	return out
}

// apply rewrites the default answer.
func (r *gatewayResponse) apply(x *exchange, w wire, a *integration.Answer) {
	if r.status != 0 {
		a.Status = r.status
	}
	for _, f := range r.fields {
		if v := r.value(f, x, w); v != "" && !strings.ContainsAny(v, "\r\n\x00") {
			a.Header[f.name] = []string{v}
		}
	}
	if r.template != "" {
		body := []byte(x.expand(r.template, w))
		a.Body, a.Length = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		a.Header["Content-Type"] = []string{r.contentType}
	}
}

func (r *gatewayResponse) value(f responseField, x *exchange, w wire) string {
	if f.ref == "" {
		return f.text
	}
	if name, ok := strings.CutPrefix(f.ref, "method.request.header."); ok {
		return x.call.Header.Get(name)
	}
	if name, ok := strings.CutPrefix(f.ref, "method.request.querystring."); ok {
		return x.req.URL.Query().Get(name)
	}
	return x.variable(f.ref, w)
}
