// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// reply is a function's answer to a proxy event, taken apart.
type reply struct {
	status  int // 0: none given
	header  http.Header
	multi   http.Header
	cookies []string
	body    string
	base64  bool
	unknown string // a member that the format does not have
}

// readReply reads the object of format 1.0 or 2.0, or the head of a streamed
// answer.
func readReply(object rawValue) (*reply, error) {
	r := &reply{}
	err := object.members(func(name string, v rawValue) error {
		switch name {
		case "statusCode":
			return r.readStatus(v)
		case "headers":
			return readFields(v, &r.header, "headers")
		case "multiValueHeaders":
			return readFields(v, &r.multi, "multiValueHeaders")
		case "cookies":
			return r.readCookies(v)
		case "body":
			if v.isNull() {
				return nil
			}
			if !v.isString() {
				return errors.New("body is not a string")
			}
			r.body = v.str()
		case "isBase64Encoded":
			s, _ := v.scalar()
			r.base64 = s == "true"
		case "base64Encoded": // accepted of old beside isBase64Encoded
			s, _ := v.scalar()
			r.base64 = r.base64 || s == "true"
		default:
			r.unknown = name
		}
		return nil
	})
	return r, err
}

func (r *reply) readStatus(v rawValue) error {
	if v.isNull() {
		return nil
	}
	n, ok := v.integer()
	if !ok || n < 200 || n > 599 {
		return fmt.Errorf("statusCode %s is not a status from 200 to 599", clip(v))
	}
	r.status = n
	return nil
}

func (r *reply) readCookies(v rawValue) error {
	if v.isNull() {
		return nil
	}
	if !v.isArray() {
		return errors.New("cookies is not a list")
	}
	return v.elements(func(e rawValue) error {
		s, ok := e.scalar()
		if !ok || !validValue(s) {
			return errors.New("a cookie is not a string")
		}
		r.cookies = append(r.cookies, s)
		return nil
	})
}

// readFields reads an object of strings or of lists of strings. Numbers and
// booleans are taken as their text, null is no field.
func readFields(v rawValue, into *http.Header, member string) error {
	if v.isNull() {
		return nil
	}
	if !v.isObject() {
		return fmt.Errorf("%s is not an object", member)
	}
	h := http.Header{}
	*into = h
	return v.members(func(name string, value rawValue) error {
		if !validName(name) {
			return fmt.Errorf("%s: %q is no field name", member, name)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		add := func(value rawValue) error {
			if value.isNull() {
				return nil
			}
			s, ok := value.scalar()
			if !ok || !validValue(s) {
				return fmt.Errorf("%s: the value of %s is not a string fit for a field", member, name)
			}
			h[name] = append(h[name], s)
			return nil
		}
		if value.isArray() && member == "multiValueHeaders" {
			return value.elements(add)
		}
		return add(value)
	})
}

// fields is the head of the answer: headers and multiValueHeaders merged; where
// both have a name, multiValueHeaders counts.
func (r *reply) fields() http.Header {
	h := r.header
	if h == nil {
		h = http.Header{}
	}
	for name, values := range r.multi {
		h[name] = values
	}
	if len(r.cookies) > 0 {
		h["Set-Cookie"] = append(h["Set-Cookie"], r.cookies...)
	}
	return h
}

// decodeBase64 is lenient about line breaks and missing padding, as AWS is.
func decodeBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("\r", "", "\n", "").Replace(s)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

func validName(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

// validValue refuses what would break out of a field.
func validValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// clip shortens a value for a message.
func clip(v []byte) string {
	if len(v) > 80 {
		return string(v[:80]) + "…"
	}
	return string(v)
}
