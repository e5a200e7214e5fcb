// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // functions ask for it by name
	"crypto/sha1" //nolint:gosec // functions ask for it by name
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/edgerule"
)

// host is what lib.js and guard.js borrow from Go.
func (m *machine) host() *goja.Object {
	o := m.vm.NewObject()
	for name, f := range map[string]func(goja.FunctionCall) goja.Value{
		"tooLarge":     m.tooLarge,
		"log":          func(c goja.FunctionCall) goja.Value { m.log(c.Argument(0).String()); return goja.Undefined() },
		"rawQuery":     m.rawQuery,
		"encode":       m.encode,
		"decode":       m.decode,
		"digest":       m.digest,
		"unescape":     func(c goja.FunctionCall) goja.Value { return m.vm.ToValue(unescape(c.Argument(0).String())) },
		"kvsOpen":      m.kvsOpen,
		"kvsGet":       m.kvsGet,
		"kvsExists":    m.kvsExists,
		"kvsMeta":      m.kvsMeta,
		"origin":       m.setOrigin,
		"edgeLocation": m.edgeLocation,
		"cwtValidate":  m.cwtValidate,
		"cwtGenerate":  m.cwtGenerate,
	} {
		_ = o.Set(name, f)
	}
	return o
}

func (m *machine) tooLarge(goja.FunctionCall) goja.Value {
	panic(m.vm.NewGoError(&limit{"the function needs too much memory"}))
}

// bytesOf is the memory of a typed array, or the UTF-8 of a string.
func (m *machine) bytesOf(v goja.Value) []byte {
	if o, ok := v.(*goja.Object); ok {
		buffer, ok := o.Get("buffer").Export().(goja.ArrayBuffer)
		if !ok {
			panic(m.vm.NewTypeError("not a string or Buffer-like object"))
		}
		at, n := o.Get("byteOffset").ToInteger(), o.Get("byteLength").ToInteger()
		all := buffer.Bytes()
		if at < 0 || n < 0 || at+n > int64(len(all)) {
			panic(m.vm.NewTypeError("not a string or Buffer-like object"))
		}
		return all[at : at+n]
	}
	return []byte(v.String())
}

// encode writes bytes as text.
func (m *machine) encode(call goja.FunctionCall) goja.Value {
	b, enc := m.bytesOf(call.Argument(0)), call.Argument(1).String()
	switch enc {
	case "utf8", "utf-8":
		return m.vm.ToValue(strings.ToValidUTF8(string(b), "\uFFFD"))
	case "strict-utf8":
		if !utf8.Valid(b) {
			panic(m.vm.NewTypeError("The encoded data was not valid"))
		}
		return m.vm.ToValue(string(b))
	case "hex":
		return m.vm.ToValue(hex.EncodeToString(b))
	case "base64":
		return m.vm.ToValue(base64.StdEncoding.EncodeToString(b))
	case "base64url":
		return m.vm.ToValue(base64.RawURLEncoding.EncodeToString(b))
	case "latin1", "binary", "ascii":
		mask := byte(0xff)
		if enc == "ascii" {
			mask = 0x7f
		}
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c & mask)
		}
		return m.vm.ToValue(string(r))
	case "utf16le", "ucs2":
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		return goja.StringFromUTF16(u)
	}
	panic(m.vm.NewTypeError(fmt.Sprintf("Unknown digest encoding: %q", enc)))
}

// decode reads text as bytes. As in Node, reading hex and base64 stops at what
// does not belong there.
func (m *machine) decode(call goja.FunctionCall) goja.Value {
	s, enc := call.Argument(0), call.Argument(1).String()
	var b []byte
	switch enc {
	case "utf8", "utf-8":
		b = []byte(s.String())
	case "hex":
		text := s.String()
		for len(text) >= 2 {
			pair, err := hex.DecodeString(text[:2])
			if err != nil {
				break
			}
			b, text = append(b, pair[0]), text[2:]
		}
	case "base64", "base64url":
		b = decodeBase64(s.String())
	default:
		for _, r := range s.String() {
			if enc == "utf16le" || enc == "ucs2" {
				for _, u := range utf16.Encode([]rune{r}) {
					b = append(b, byte(u), byte(u>>8))
				}
				continue
			}
			if r > 0xff && enc == "strict-latin1" {
				panic(m.vm.NewTypeError("invalid character (>= U+00FF)"))
			}
			b = append(b, byte(r))
		}
	}
	return m.vm.ToValue(m.vm.NewArrayBuffer(b))
}

// decodeBase64 reads both alphabets, with and without padding.
func decodeBase64(s string) []byte {
	text := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '-':
			text = append(text, '+')
		case c == '_':
			text = append(text, '/')
		case c == '+' || c == '/' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			text = append(text, c)
		case c == '=':
			i = len(s)
		}
	}
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	b := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, _ := base64.RawStdEncoding.Decode(b, text)
	return b[:n]
}

// digest is a hash, or with a key an HMAC, of parts.
func (m *machine) digest(call goja.FunctionCall) goja.Value {
	var h func() hash.Hash
	switch call.Argument(0).String() {
	case "md5":
		h = md5.New
	case "sha1":
		h = sha1.New
	default:
		h = sha256.New
	}
	sum := h()
	if key := call.Argument(1); !goja.IsUndefined(key) {
		sum = hmac.New(h, m.bytesOf(key))
	}
	parts := call.Argument(2).(*goja.Object)
	for i := range parts.Get("length").ToInteger() {
		sum.Write(m.bytesOf(parts.Get(fmt.Sprint(i))))
	}
	return m.vm.ToValue(m.vm.NewArrayBuffer(sum.Sum(nil)))
}

// unescape decodes what can be decoded; bad sequences become U+FFFD.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// rawQuery is rawQueryString(): undefined without a query string.
func (m *machine) rawQuery(goja.FunctionCall) goja.Value {
	if m.query == "" {
		return goja.Undefined()
	}
	return m.vm.ToValue(utf8Text(m.query))
}

// edgeLocation is cf.edgeLocation; it is empty at viewer-response.
func (m *machine) edgeLocation(goja.FunctionCall) goja.Value {
	o := m.vm.NewObject()
	if !m.viewer {
		return o
	}
	for _, f := range [3][2]string{{"name", m.ev.EdgeLocation}, {"serverIp", m.ev.ServerIP}, {"region", m.ev.Region}} {
		if f[1] != "" {
			_ = o.Set(f[0], f[1])
		}
	}
	return o
}

// utf8Text is s when it is UTF-8, else s read as ISO-8859-1, as CloudFront
// reads it ("URI and query string encoding").
func utf8Text(s string) string { return edgerule.UTF8(s) }
