// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"encoding/json"
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// answer reads the response that a function made at a request event. Of its
// members only status has to be there.
func (f *Function) answer(m members) (*httpmsg.Response, error) {
	status, err := statusOf(m)
	if err != nil {
		return nil, err
	}
	r := reader{m, "response", nil}
	fields := r.headers("headers")
	if r.err != nil {
		return nil, r.err
	}
	changes := changesOf(nil, fields)
	if err := f.checkChanges(changes); err != nil {
		return nil, err
	}
	data, _, err := responseBody(m)
	if err != nil {
		return nil, err
	}
	rs := &httpmsg.Response{Status: status}
	applyHeaders(&rs.Header, changes, "")
	if err := f.checkSize(&rs.Header, data, status); err != nil {
		return nil, err
	}
	setResponseBody(rs, data)
	return rs, nil
}

// statusOf reads the status, a text of digits. A number counts as well: the
// guide's own examples write one.
func statusOf(m members) (int, error) {
	raw := m.get("status")
	if raw == nil {
		return 0, invalid("response.status is missing")
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 200 || n > 599 || len(text) != 3 {
		return 0, invalid("response.status %s is not a number from 200 to 599", clip(string(raw)))
	}
	r := reader{m, "response", nil}
	if words := r.text("statusDescription"); !httpspec.ValidValue(words) {
		r.fail("response.statusDescription has characters that are not allowed")
	}
	return n, r.err
}

// responseBody reads body and bodyEncoding. set is false when there is no
// body, and the one that was there stays; an empty one takes it off.
func responseBody(m members) (data []byte, set bool, err error) {
	if !m.has("body") {
		return nil, false, nil
	}
	r := reader{m, "response", nil}
	text, encoding := r.text("body"), r.text("bodyEncoding")
	if r.err != nil {
		return nil, false, r.err
	}
	data, err = decode(text, or(encoding, asText), "response.body")
	return data, err == nil, err
}

// checkSize judges an answer as a whole: head and the body that the function
// made are bounded together.
func (f *Function) checkSize(h *httpmsg.Header, data []byte, status int) error {
	if status == 204 && len(data) > 0 {
		return invalid("a response with status 204 has no body")
	}
	if n := headSize(h) + len(data); n > f.size() {
		return invalid("the response has %d bytes with its headers; at %s it has at most %d", n, f.event, f.size())
	}
	return nil
}
