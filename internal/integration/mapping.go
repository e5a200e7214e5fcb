// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Parameter mapping (row A9): HTTP APIs append to, overwrite and remove
// headers, query strings, the path and the status; REST APIs set headers,
// query strings and path variables of an outgoing request.

type mapOp uint8

const (
	opAppend mapOp = iota
	opOverwrite
	opRemove
)

type mapPlace uint8

const (
	inHeader mapPlace = iota
	inQuery
	inPath
	inPathVar // REST: a {variable} of the URI
	inStatus
)

type mapRule struct {
	op    mapOp
	place mapPlace
	name  string
	value expr
}

type requestMapping []mapRule

type statusMapping struct {
	status int
	rules  []mapRule
}

// parseRule reads "append:header.x" and its value.
func parseRule(m model.Mapping, response bool) (mapRule, error) {
	op, rest, _ := strings.Cut(m.To, ":")
	r := mapRule{value: parseExpr(m.From)}
	switch op {
	case "append":
		r.op = opAppend
	case "overwrite":
		r.op = opOverwrite
	case "remove":
		r.op = opRemove
	default:
		return r, fmt.Errorf("parameter mapping %q: want one of append, overwrite and remove before the colon", m.To)
	}
	place, name, _ := strings.Cut(rest, ".")
	r.name = name
	switch {
	case place == "header" && name != "":
		r.place, r.name = inHeader, textproto.CanonicalMIMEHeaderKey(name)
		if reservedHeader(r.name) {
			return r, fmt.Errorf("parameter mapping %q: the field is reserved", m.To)
		}
	case place == "querystring" && name != "" && !response:
		r.place = inQuery
	case place == "path" && name == "" && r.op == opOverwrite && !response:
		r.place = inPath
	case place == "statuscode" && name == "" && r.op == opOverwrite && response:
		r.place = inStatus
	default:
		return r, fmt.Errorf("parameter mapping %q: no such place", m.To)
	}
	return r, r.checkSources(m, response)
}

func (r *mapRule) checkSources(m model.Mapping, response bool) error {
	for _, p := range r.value {
		fromRequest := p.source >= requestHeader && p.source <= requestBody
		fromResponse := p.source == responseHeader || p.source == responseBody
		if p.source == unknownSource || response && fromRequest || !response && fromResponse {
			return fmt.Errorf("parameter mapping %q: %q is no value it can take", m.To, m.From)
		}
	}
	return nil
}

// reservedHeader is the list of "Reserved headers" in the developer guide.
func reservedHeader(name string) bool {
	n := strings.ToLower(name)
	for _, prefix := range []string{"access-control-", "apigw-", "x-amz-", "x-amzn-"} {
		if strings.HasPrefix(n, prefix) {
			return true
		}
	}
	switch n {
	case "authorization", "connection", "content-encoding", "content-length", "content-location", "forwarded",
		"keep-alive", "origin", "proxy-authenticate", "proxy-authorization", "te", "trailers", "transfer-encoding",
		"upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via":
		return true
	}
	return false
}

// parseRESTRule reads "integration.request.header.x" and its value.
func parseRESTRule(m model.Mapping) (mapRule, error) {
	r := mapRule{op: opOverwrite, value: parseRESTExpr(m.From)}
	rest, ok := strings.CutPrefix(m.To, "integration.request.")
	place, name, _ := strings.Cut(rest, ".")
	if !ok || name == "" {
		return r, fmt.Errorf("request parameter %q: want integration.request.{header,querystring,path}.NAME", m.To)
	}
	r.name = name
	switch place {
	case "header", "multivalueheader":
		r.place, r.name = inHeader, textproto.CanonicalMIMEHeaderKey(name)
	case "querystring", "multivaluequerystring":
		r.place = inQuery
	case "path":
		r.place = inPathVar
	default:
		return r, fmt.Errorf("request parameter %q: no such place", m.To)
	}
	return r, r.checkSources(m, false)
}

// needsBody tells whether a rule looks into the request's body.
func (rules requestMapping) needsBody() bool {
	return slices.ContainsFunc(rules, func(r mapRule) bool { return r.value.uses(requestBody) })
}

// apply changes the call. Values are taken from the call as it came.
func (rules requestMapping) apply(c *Call, body []byte) error {
	if len(rules) == 0 {
		return nil
	}
	values := make([]string, len(rules))
	found := make([]bool, len(rules))
	s := &scope{call: c, body: body}
	for i, r := range rules {
		values[i], found[i] = r.value.eval(s)
	}
	for i, r := range rules {
		if !found[i] && r.op != opRemove {
			continue // a source without a value maps nothing
		}
		switch r.place {
		case inHeader:
			if r.op != opRemove && !validValue(values[i]) {
				return faultf(FaultConfig, "parameter mapping: the value for %s is not fit for a field", r.name)
			}
			setHeader(c.ownHeader(), r.op, r.name, values[i])
		case inQuery:
			c.Query = editQuery(c.Query, r.op, r.name, values[i])
		case inPath:
			c.mappedPath, c.pathMapped = values[i], true
		case inPathVar, inStatus: // the first is read by the URI, the second is of responses
		}
	}
	return nil
}

func setHeader(h map[string][]string, op mapOp, name, value string) {
	switch op {
	case opAppend:
		h[name] = append(h[name], value)
	case opOverwrite:
		h[name] = []string{value}
	case opRemove:
		delete(h, name)
	}
}

// editQuery changes one name of a query string and leaves the rest as it is.
func editQuery(query string, op mapOp, name, value string) string {
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		n, _, _ := strings.Cut(part, "=")
		if part != "" && (op == opAppend || unescape(n) != name) {
			kept = append(kept, part)
		}
	}
	if op != opRemove {
		kept = append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return strings.Join(kept, "&")
}

// mapResponse applies the rules for the answer's status.
func mapResponse(mappings []statusMapping, c *Call, a *Answer) (*Answer, error) {
	i := slices.IndexFunc(mappings, func(m statusMapping) bool { return m.status == a.Status })
	if i < 0 {
		return a, nil
	}
	s := &scope{call: c, answer: a}
	rules := mappings[i].rules
	if slices.ContainsFunc(rules, func(r mapRule) bool { return r.value.uses(responseBody) }) && a.Body != nil {
		data, err := io.ReadAll(io.LimitReader(a.Body, MaxPayload+1))
		_ = a.Body.Close() // everything that is wanted has been read
		if err != nil || len(data) > MaxPayload {
			return nil, faultf(FaultMalformed, "reading the response for its parameter mapping: %w", orTooLarge(err))
		}
		a.Body, a.Length, s.reply = io.NopCloser(bytes.NewReader(data)), int64(len(data)), data
	}
	values := make([]string, len(rules))
	found := make([]bool, len(rules))
	for i, r := range rules {
		values[i], found[i] = r.value.eval(s)
	}
	for i, r := range rules {
		switch {
		case !found[i] && r.op != opRemove:
		case r.place == inStatus:
			n, err := strconv.Atoi(values[i])
			if err != nil || n < 200 || n > 599 {
				return nil, faultf(FaultConfig, "overwrite:statuscode: %q is no status", values[i])
			}
			a.Status = n
		case r.place == inHeader && (r.op == opRemove || validValue(values[i])):
			setHeader(a.Header, r.op, r.name, values[i])
		}
	}
	return a, nil
}

func orTooLarge(err error) error {
	if err == nil {
		return errTooLarge
	}
	return err
}
