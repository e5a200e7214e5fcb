// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/forelane/forelane/internal/httpmsg"
)

// This file runs a function on an event that somebody wrote, as CloudFront's
// TestFunction does. The event becomes a message, runs as any request does, and
// what is then in force of the message is written as AWS writes it:
//
//	{"request":{"headers":{…},"method":"GET","querystring":{…},"uri":"/a","cookies":{…}}}
//	{"response":{"headers":{…},"statusDescription":"OK","cookies":{…},"statusCode":200}}
//
// So the output also shows what the rules made of the function's answer, and a
// broken rule is an error, as it is in production.

// MaxEvent bounds an event (AWS: API_TestFunction).
const MaxEvent = 40 << 10

// TestResult is what came of a test. As JSON it has the names of AWS's TestResult.
type TestResult struct {
	Output      json.RawMessage `json:"FunctionOutput"`     // null after an error
	Utilization int             `json:"ComputeUtilization"` // percent, at most 100
	Log         []string        `json:"FunctionExecutionLogs"`
	Error       string          `json:"FunctionErrorMessage"` // empty: none
	// Origin is what the function did to the origin: a word for it, which AWS
	// does not tell. Empty: nothing.
	Origin string `json:"OriginAction,omitempty"`
}

// Test runs f on an event, a JSON text as the guide's "Event structure" has it.
// context.eventType says at which event; without one a response says it. The
// error is one of the event, or of ctx; what the function does wrong stands in
// the TestResult. The function runs a few times, so that neither the making of a
// machine nor other work of this one counts as its own: the shortest run says
// the utilization, the last one all else.
func (f *Function) Test(ctx context.Context, event []byte) (*TestResult, error) {
	in, err := readEvent(event)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	least := 100
	for n := 1; ; n++ {
		t, err := f.try(ctx, in)
		if err != nil {
			return nil, err
		}
		if least = min(least, t.Utilization); n == 5 || t.Error != "" {
			t.Utilization = least
			return t, nil
		}
	}
}

func (f *Function) try(ctx context.Context, in *eventFile) (*TestResult, error) {
	t := &TestResult{Log: []string{}}
	ev := &Event{
		DistributionDomain: in.Context.DistributionDomainName, DistributionID: in.Context.DistributionID, RequestID: in.Context.RequestID,
		EdgeLocation: "LOC", Log: func(l Line) { t.Log = append(t.Log, l.Text) },
	}
	rq, rs, err := in.messages()
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	var out Outcome
	if rs == nil {
		rs, out, err = f.ViewerRequest(ctx, ev, rq)
	} else {
		if out, err = f.ViewerResponse(ctx, ev, rq, rs); out.words == "" {
			out.words = http.StatusText(rs.Status)
		}
	}
	t.Utilization = out.Utilization
	if out.Origin != nil {
		t.Origin = out.Origin.Action.String()
	}
	var own *Error
	switch {
	case errors.As(err, &own):
		t.Error = own.Error()
		return t, nil
	case err != nil:
		return nil, err
	}
	if rs == nil {
		t.Output = writeRequest(rq)
		return t, nil
	}
	t.Output, err = writeResponse(rs, out)
	return t, err
}

// eventFile is an event as JSON.
type eventFile struct {
	Context struct {
		DistributionDomainName string `json:"distributionDomainName"`
		DistributionID         string `json:"distributionId"`
		EventType              string `json:"eventType"`
		RequestID              string `json:"requestId"`
	} `json:"context"`
	Viewer struct {
		IP string `json:"ip"`
	} `json:"viewer"`
	Request *struct {
		Method      string          `json:"method"`
		URI         string          `json:"uri"`
		Querystring json.RawMessage `json:"querystring"`
		Headers     json.RawMessage `json:"headers"`
		Cookies     json.RawMessage `json:"cookies"`
	} `json:"request"`
	Response *struct {
		StatusCode int             `json:"statusCode"`
		Headers    json.RawMessage `json:"headers"`
		Cookies    json.RawMessage `json:"cookies"`
	} `json:"response"`
}

func readEvent(text []byte) (*eventFile, error) {
	if len(text) > MaxEvent {
		return nil, fmt.Errorf("it has %d bytes; CloudFront allows %d", len(text), MaxEvent)
	}
	in := &eventFile{}
	if err := json.Unmarshal(text, in); err != nil {
		return nil, err
	}
	switch in.Context.EventType {
	case "":
	case "viewer-request":
		in.Response = nil
	case "viewer-response":
		if in.Response == nil {
			return nil, errors.New("it has no response, and context.eventType is viewer-response")
		}
	default:
		return nil, fmt.Errorf("context.eventType %.40q is not viewer-request or viewer-response", in.Context.EventType)
	}
	switch {
	case in.Request == nil:
		return nil, errors.New("it has no request")
	case in.Request.Method == "":
		return nil, errors.New("request.method is missing")
	case !strings.HasPrefix(in.Request.URI, "/"):
		return nil, errors.New("request.uri does not begin with /")
	}
	_, _, err := in.messages()
	return in, err
}

// messages are the event's request and, at viewer-response, its response.
func (in *eventFile) messages() (*httpmsg.Request, *httpmsg.Response, error) {
	rq := &httpmsg.Request{Method: in.Request.Method, Scheme: "https", Path: in.Request.URI, Proto: httpmsg.HTTP11}
	if in.Viewer.IP != "" {
		ip, err := netip.ParseAddr(in.Viewer.IP)
		if err != nil {
			return nil, nil, fmt.Errorf("viewer.ip: %w", err)
		}
		rq.Viewer.Addr = netip.AddrPortFrom(ip, 0)
	}
	if err := headersOf(in.Request.Headers, "request.headers", &rq.Header); err != nil {
		return nil, nil, err
	}
	rq.Host = rq.Header.Get("host")
	var query, cookies []string
	if err := members(in.Request.Querystring, "request.querystring", func(name string, it item) {
		query = append(query, name+"="+it.value)
	}); err != nil {
		return nil, nil, err
	}
	if err := members(in.Request.Cookies, "request.cookies", func(name string, it item) {
		cookies = append(cookies, name+"="+it.value)
	}); err != nil {
		return nil, nil, err
	}
	rq.Query = strings.Join(query, "&")
	if cookies != nil {
		rq.Header.Add("cookie", strings.Join(cookies, "; "))
	}
	if in.Response == nil {
		return rq, nil, nil
	}
	rs := &httpmsg.Response{Status: in.Response.StatusCode, ContentLength: -1}
	if rs.Status < 100 || rs.Status > 599 {
		return nil, nil, errors.New("response.statusCode is missing")
	}
	if err := headersOf(in.Response.Headers, "response.headers", &rs.Header); err != nil {
		return nil, nil, err
	}
	err := members(in.Response.Cookies, "response.cookies", func(name string, it item) {
		rs.Header.Add("set-cookie", setCookie(name, it))
	})
	return rq, rs, err
}

func headersOf(raw json.RawMessage, what string, h *httpmsg.Header) error {
	upper := ""
	err := members(raw, what, func(name string, it item) {
		if hasUpper(name) {
			upper = name
		}
		h.Add(name, it.value)
	})
	if err == nil && upper != "" {
		err = fmt.Errorf("%s: %q must be in lower case", what, upper)
	}
	return err
}

// members reads {name: {value, attributes, multiValue}, …} in its order.
func members(raw json.RawMessage, what string, each func(name string, it item)) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%s is not an object", what)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		var m struct {
			eventItem
			MultiValue []eventItem `json:"multiValue"`
		}
		if err := d.Decode(&m); err != nil {
			return fmt.Errorf("%s[%q]: %w", what, name, err)
		}
		if m.MultiValue == nil {
			m.MultiValue = []eventItem{m.eventItem}
		}
		for _, one := range m.MultiValue {
			if one.Value == nil {
				return fmt.Errorf("%s[%q] has no value", what, name)
			}
			each(name, item{*one.Value, one.Attributes})
		}
	}
	return nil
}

type eventItem struct {
	Value      *string `json:"value"`
	Attributes string  `json:"attributes"`
}

// writeRequest writes a request as TestFunction does, in its order.
func writeRequest(rq *httpmsg.Request) []byte {
	b := append([]byte(nil), `{"request":{"headers":`...)
	b = appendMembers(b, headerSource{header: &rq.Header})
	b = appendText(append(b, `,"method":`...), rq.Method)
	b = appendMembers(append(b, `,"querystring":`...), querySource(rq.Query))
	b = appendText(append(b, `,"uri":`...), utf8Text(rq.Path))
	b = appendMembers(append(b, `,"cookies":`...), cookieSource(rq.Header.Join("Cookie")))
	return append(b, "}}"...)
}

// writeResponse writes a response; its body when the function gave one.
func writeResponse(rs *httpmsg.Response, out Outcome) ([]byte, error) {
	b := append([]byte(nil), `{"response":{"headers":`...)
	b = appendMembers(b, headerSource{header: &rs.Header, response: true})
	if out.words != "" {
		b = appendText(append(b, `,"statusDescription":`...), out.words)
	}
	b = appendMembers(append(b, `,"cookies":`...), setCookieSource{&rs.Header})
	b = strconv.AppendInt(append(b, `,"statusCode":`...), int64(rs.Status), 10)
	if rs.Body != nil {
		text, err := io.ReadAll(rs.Body)
		if err != nil {
			return nil, err
		}
		if utf8.Valid(text) {
			b = appendText(append(b, `,"body":{"encoding":"text","data":`...), string(text))
		} else {
			data, _ := json.Marshal(text)
			b = append(append(b, `,"body":{"encoding":"base64","data":`...), data...)
		}
		b = append(b, '}')
	}
	return append(b, "}}"...), nil
}

func appendMembers(b []byte, s source) []byte {
	b = append(b, '{')
	seen := map[string]bool{}
	s.names(func(name string) {
		items := s.lookup(name)
		if seen[name] || items == nil {
			return
		}
		if len(seen) > 0 {
			b = append(b, ',')
		}
		seen[name] = true
		b = append(appendText(b, name), ':')
		b = appendItem(b, items[0])
		if len(items) > 1 {
			b = append(b[:len(b)-1], `,"multiValue":[`...)
			for i, it := range items {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendItem(b, it)
			}
			b = append(b, "]}"...)
		}
	})
	return append(b, '}')
}

func appendItem(b []byte, it item) []byte {
	b = append(b, '{')
	if it.attributes != "" {
		b = append(appendText(append(b, `"attributes":`...), it.attributes), ',')
	}
	return append(appendText(append(b, `"value":`...), it.value), '}')
}

// appendText writes a JSON string, with <, > and & as they are.
func appendText(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string: cannot fail
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}
