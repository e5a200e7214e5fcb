// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"strings"

	"github.com/forelane/forelane/internal/edgerule"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// readOnly tells fields that functions see at an event but cannot add, change
// or delete ("Read-only headers").
func readOnly(name string, e model.EdgeEvent) bool {
	switch name {
	case "via":
		return true
	case "transfer-encoding":
		return true
	case "content-length":
		return e != model.OriginResponse
	case "host":
		return e == model.ViewerRequest
	case "cdn-loop":
		return e == model.ViewerRequest || e == model.OriginRequest
	case "accept-encoding", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since":
		return e == model.OriginRequest
	case "content-encoding", "warning":
		return e == model.ViewerResponse
	}
	return false
}

// change is what a function did to the fields of one name.
type change struct {
	name     string
	was, now []pair // empty: there is none
}

// changesOf is in what fields differ from those that were sent, by name.
func changesOf(sent, got headers) []change {
	var out []change
	for _, name := range sorted(got) {
		if !sameValues(sent[name], got[name]) {
			out = append(out, change{name, sent[name], got[name]})
		}
	}
	for _, name := range sorted(sent) {
		if _, ok := got[name]; !ok {
			out = append(out, change{name: name, was: sent[name]})
		}
	}
	return out
}

func sameValues(a, b []pair) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}

// checkChanges judges what a function did to fields.
func (f *Function) checkChanges(changes []change) error {
	for _, c := range changes {
		switch {
		case edgerule.Disallowed(c.name):
			return invalid("header %s is not allowed", clip(c.name))
		case readOnly(c.name, f.event):
			return invalid("header %s is read-only at %s; the function tried to add, delete or change it", c.name, f.event)
		case c.name == "cloudfront-viewer-country" && f.event == model.ViewerRequest && len(c.now) > 0:
			return invalid("header %s cannot be added at viewer-request", c.name)
		}
		for _, p := range c.now {
			if err := checkField(c.name, p); err != nil {
				return err
			}
		}
		if c.name == "host" && len(c.now) > 0 && (len(c.now) > 1 || !httpspec.ValidAuthority(c.now[0].Value)) {
			return invalid("header host is no host name")
		}
	}
	return nil
}

// checkField judges one field.
func checkField(name string, p pair) error {
	switch {
	case !httpspec.ValidName(name):
		return invalid("%q is not a header name", clip(name))
	case p.Key != "" && !strings.EqualFold(p.Key, name):
		return invalid("the key %q of header %s is another name", clip(p.Key), clip(name))
	case !httpspec.ValidValue(p.Value):
		return invalid("the value of header %s has characters that are not allowed", clip(name))
	}
	return nil
}
