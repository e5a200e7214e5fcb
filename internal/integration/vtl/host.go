// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"unicode/utf16"
)

// inputObject is $input: the body and the parameters.
type inputObject struct {
	root   any // the body as JSON, once it was asked for
	parsed bool
	params *dict
}

// body is $input.body: {} when there is none.
func (r *renderer) body() string {
	if r.in.Body == "" {
		return "{}"
	}
	return r.in.Body
}

// tree is the body as JSON; what is no JSON is a string.
func (o *inputObject) tree(r *renderer) (any, error) {
	if !o.parsed {
		v, err := r.parseJSON(r.body())
		if errors.Is(err, errJSON) {
			v, err = strings.TrimSpace(r.body()), nil
		}
		if err != nil {
			return nil, err
		}
		o.root, o.parsed = v, true
	}
	return o.root, nil
}

func (o *inputObject) property(r *renderer, name string) (any, error) {
	if name == "body" {
		return r.body(), nil
	}
	return nil, nil
}

func (o *inputObject) call(r *renderer, name string, args []any) (any, bool, error) {
	switch {
	case name == "path" && len(args) == 1:
		v, err := o.find(r, args[0])
		return v, true, err
	case name == "json" && len(args) == 1:
		v, err := o.find(r, args[0])
		if err != nil {
			return nil, true, err
		}
		if v == nil {
			return `""`, true, nil
		}
		s, err := r.toJSON(v)
		return s, true, err
	case name == "params" && len(args) == 0:
		return o.all(r), true, nil
	case name == "params" && len(args) == 1:
		return r.param(toText(args[0])), true, nil
	case name == "getBody" && len(args) == 0:
		return r.body(), true, nil
	}
	return nil, false, nil
}

func (o *inputObject) find(r *renderer, path any) (any, error) {
	root, err := o.tree(r)
	if err != nil {
		return nil, err
	}
	return r.jsonPath(root, toText(path))
}

// all is $input.params(): a map of three maps.
func (o *inputObject) all(r *renderer) any {
	if o.params == nil {
		o.params = newDict()
		for _, group := range [...]struct {
			name  string
			pairs []Pair
		}{{"path", r.in.Path}, {"querystring", r.in.Query}, {"header", r.in.Header}} {
			d := newDict()
			for _, p := range group.pairs {
				d.put(p.Name, p.Value)
			}
			o.params.put(group.name, d)
		}
	}
	return o.params
}

// param is $input.params('x'): path, query string, header, in this order.
// Header names are found in any case, for the wire has no case of its own.
func (r *renderer) param(name string) any {
	for _, pairs := range [...][]Pair{r.in.Path, r.in.Query} {
		for _, p := range pairs {
			if p.Name == name {
				return p.Value
			}
		}
	}
	for _, p := range r.in.Header {
		if strings.EqualFold(p.Name, name) {
			return p.Value
		}
	}
	return ""
}

// utilObject is $util.
type utilObject struct{}

func (utilObject) property(*renderer, string) (any, error) { return nil, nil }

func (utilObject) call(r *renderer, name string, args []any) (any, bool, error) {
	if len(args) != 1 {
		return nil, false, nil
	}
	s, err := r.text(args[0])
	if err != nil {
		return nil, true, err
	}
	if err := r.charge(3 * len(s)); err != nil {
		return nil, true, err
	}
	switch name {
	case "escapeJavaScript":
		return escapeJavaScript(s), true, nil
	case "parseJson":
		v, err := r.parseJSON(s)
		if errors.Is(err, errJSON) {
			err = r.fail(Exception, "$util.parseJson: no JSON: %s", clip(s))
		}
		return v, true, err
	case "base64Encode":
		return base64.StdEncoding.EncodeToString([]byte(s)), true, nil
	case "base64Decode":
		return decodeBase64(s), true, nil
	case "urlEncode":
		return urlEncode(s), true, nil
	case "urlDecode":
		d, err := url.QueryUnescape(s)
		if err != nil {
			return nil, true, r.fail(Exception, "$util.urlDecode: %v", err)
		}
		return strings.ToValidUTF8(d, "\ufffd"), true, nil
	}
	return nil, false, nil
}

// escapeJavaScript is that of Apache Commons Lang: quotes of both kinds, slash
// and backslash get a backslash, all but printable ASCII a number.
func escapeJavaScript(s string) string {
	const upper = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+len(s)/8)
	for _, c := range s {
		switch c {
		case '"', '\'', '\\', '/':
			b = append(b, '\\', byte(c))
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			if ' ' <= c && c < 0x7f {
				b = append(b, byte(c))
				continue
			}
			for _, u := range utf16.Encode([]rune{c}) {
				b = append(b, '\\', 'u', upper[u>>12], upper[u>>8&15], upper[u>>4&15], upper[u&15])
			}
		}
	}
	return string(b)
}

// urlEncode is java.net.URLEncoder: like a form's, but * stays and ~ does not.
func urlEncode(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "~", "%7E"), "%2A", "*")
}

// decodeBase64 skips what is no base64, as Java's MIME decoder does.
func decodeBase64(s string) string {
	clean := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		if c == '-' {
			c = '+'
		} else if c == '_' {
			c = '/'
		}
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean) // cleaned before
	return strings.ToValidUTF8(string(out[:n]), "\ufffd")
}

// stageVariables is a map of its own.
func (r *renderer) stageVariables() *dict {
	d := newDict()
	for _, k := range sortedKeys(r.in.Stage) {
		d.put(k, r.in.Stage[k])
	}
	return d
}
