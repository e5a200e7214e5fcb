// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// A JSON body is taken apart into its keys and its scalar values, each with its
// JSON pointer (RFC 6901), in the order they stand: {"a":{"b":[7]}} gives the
// key a at /a, the key b at /a/b and the value 7 at /a/b/0.

// jsonTexts is a body taken apart, up to where it is no JSON any more.
type jsonTexts struct {
	texts   []jsonText
	invalid bool
}

type jsonText struct {
	pointer string
	text    string
	key     bool
}

// maxJSONTexts bounds what a body of 64 KB can be taken apart into.
const maxJSONTexts = 1 << 14

// jsonFrame is an open object or array.
type jsonFrame struct {
	pointer string
	array   bool
	index   int
	key     string
	atValue bool // of an object: the key was read
}

func (f *jsonFrame) next() string {
	if f.array {
		return f.pointer + "/" + strconv.Itoa(f.index)
	}
	return f.pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(f.key)
}

// done closes a value.
func (f *jsonFrame) done() {
	f.index++
	f.atValue = false
}

// readJSON takes a body apart. A body that was cut off at the inspection's
// limit is no fault of the viewer's.
func readJSON(body []byte, cut bool) (out jsonTexts) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	stack := []jsonFrame{}
	values := 0
	for len(out.texts) < maxJSONTexts {
		t, err := d.Token()
		if err != nil {
			out.invalid = !cut && (err != io.EOF || values == 0 || len(stack) > 0)
			return out
		}
		if len(stack) == 0 {
			if values++; values > 1 {
				out.invalid = true
				return out
			}
		}
		stack = out.token(stack, t)
	}
	return out
}

func (out *jsonTexts) token(stack []jsonFrame, t json.Token) []jsonFrame {
	var top *jsonFrame
	at := ""
	if len(stack) > 0 {
		top = &stack[len(stack)-1]
		at = top.next()
	}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' || v == '[' {
			return append(stack, jsonFrame{pointer: at, array: v == '['})
		}
		stack = stack[:len(stack)-1]
		if len(stack) > 0 {
			stack[len(stack)-1].done()
		}
		return stack
	case string:
		if top != nil && !top.array && !top.atValue {
			top.key, top.atValue = v, true
			out.texts = append(out.texts, jsonText{top.next(), v, true})
			return stack
		}
		out.texts = append(out.texts, jsonText{at, v, false})
	case json.Number:
		out.texts = append(out.texts, jsonText{at, v.String(), false})
	case bool:
		out.texts = append(out.texts, jsonText{at, strconv.FormatBool(v), false})
	}
	if top != nil {
		top.done()
	}
	return stack
}

func (in *inspect) anyJSON(x *exam, test func(string) bool) bool {
	if decided, match := in.tooLong(x.more); decided {
		return match
	}
	if len(x.body) == 0 {
		return false
	}
	if !x.parsed.json {
		x.parsed.json = true
		x.tree = readJSON(x.body, x.more)
	}
	if x.tree.invalid {
		switch in.invalid {
		case model.InvalidMatch:
			return true
		case model.InvalidNoMatch:
			return false
		case model.InvalidAsString:
			return in.test(string(x.body), test)
		case model.InvalidToThere:
		}
	}
	for i := range x.tree.texts {
		t := &x.tree.texts[i]
		if in.scope == model.ScopeKeys && !t.key || in.scope == model.ScopeValues && t.key || !in.points(t.pointer) {
			continue
		}
		if in.test(t.text, test) {
			return true
		}
	}
	return false
}

// points tells whether a pointer is one of the included ones, or below one.
func (in *inspect) points(pointer string) bool {
	if in.included == nil {
		return true
	}
	for _, p := range in.included {
		if pointer == p || strings.HasPrefix(pointer, strings.TrimSuffix(p, "/")+"/") {
			return true
		}
	}
	return false
}
