// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/edgerule"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// The event, member by member as the guide has it. An example of it, in short:
//
//	{"Records": [{"cf": {
//	  "config": {"distributionDomainName": …, "distributionId": …, "eventType": "origin-request", "requestId": …},
//	  "request": {"clientIp": "203.0.113.178", "headers": {"host": [{"key": "Host", "value": "example.org"}]},
//	              "method": "GET", "origin": {"custom": …}, "querystring": "", "uri": "/"}}}]}
type event struct {
	Records [1]record `json:"Records"`
}

type record struct {
	CF cf `json:"cf"`
}

type cf struct {
	Config   config    `json:"config"`
	Request  request   `json:"request"`
	Response *response `json:"response,omitempty"`
}

type config struct {
	DistributionDomainName string `json:"distributionDomainName"`
	DistributionID         string `json:"distributionId"`
	EventType              string `json:"eventType"`
	RequestID              string `json:"requestId"`
}

type request struct {
	Body        *body   `json:"body,omitempty"`
	ClientIP    string  `json:"clientIp"`
	Headers     headers `json:"headers"`
	Method      string  `json:"method"`
	Origin      *origin `json:"origin,omitempty"`
	QueryString string  `json:"querystring"`
	URI         string  `json:"uri"`
}

type response struct {
	Headers           headers `json:"headers"`
	Status            string  `json:"status"`
	StatusDescription string  `json:"statusDescription"`
}

// headers are fields by their names in lower case.
type headers map[string][]pair

// pair is one field: its name as it is sent, and its value.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (e *event) cf() *cf { return &e.Records[0].CF }

// newEvent is the event of a request, without bodies.
func (f *Function) newEvent(c *Call, rq *httpmsg.Request) *event {
	ev := &event{}
	e := ev.cf()
	e.Config = config{c.DistributionDomain, c.DistributionID, f.event.String(), c.RequestID}
	e.Request = request{
		Headers: headersOf(&rq.Header, "cookie"), Method: rq.Method, Origin: originOf(c.Origin, rq.Scheme),
		QueryString: edgerule.UTF8(rq.Query), URI: edgerule.UTF8(rq.Path),
	}
	if a := rq.Viewer.Addr.Addr(); a.IsValid() {
		e.Request.ClientIP = a.Unmap().WithZone("").String()
	}
	if rq.Host != "" {
		e.Request.Headers["host"] = []pair{{"Host", edgerule.UTF8(rq.Host)}}
	}
	if rq.Body != nil && rq.ContentLength > 0 {
		e.Request.Headers["content-length"] = []pair{{"Content-Length", strconv.FormatInt(rq.ContentLength, 10)}}
	}
	if o := e.Request.Origin; o != nil { // they win over what was forwarded
		for name := range o.customHeaders() {
			delete(e.Request.Headers, name)
		}
	}
	return ev
}

// headersOf are the fields that functions see. Those called joined are shown
// as one: HTTP/2 takes cookies apart.
func headersOf(h *httpmsg.Header, joined string) headers {
	out := make(headers, h.Len()+2)
	for _, f := range h.Fields() {
		name := strings.ToLower(f.Name)
		if edgerule.Disallowed(name) || !httpspec.ValidName(name) {
			continue
		}
		if name == joined {
			out[name] = []pair{{f.Name, edgerule.UTF8(h.Join(name))}}
			continue
		}
		out[name] = append(out[name], pair{f.Name, edgerule.UTF8(f.Value)})
	}
	return out
}
