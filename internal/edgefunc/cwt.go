// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/dop251/goja"
)

// CBOR web tokens (RFC 8392) in a COSE_Mac0 structure (RFC 9052, 6.2), which is
// all that CloudFront's cf.cwt knows:
//
//	61(17([ protected, unprotected, payload, tag ]))
//
// Tag 61 may be left out, tag 17 may not. protected and payload are byte
// strings with a map each; tag is the HMAC of ["MAC0", protected, '', payload].
// The algorithm stands in protected: 5 is HMAC-SHA256, 4 the same cut to eight
// bytes. Claims are not looked at: that is the function's business.

const (
	maxToken    = 1 << 10
	tagCWT      = 61
	tagMac0     = 17
	headerAlg   = "1"
	headerCrit  = "2"
	algHMAC64   = 4
	algHMAC     = 5
	mac0Context = "MAC0"
)

// webToken is a token, decoded.
type webToken struct{ protected, unprotected, payload *cborMap }

var errTokenMAC = errors.New("its authentication tag is wrong")

// openToken verifies a token and decodes it.
func openToken(raw, key []byte) (*webToken, error) {
	if len(raw) > maxToken {
		return nil, fmt.Errorf("it has %d bytes; CloudFront allows %d", len(raw), maxToken)
	}
	if len(key) == 0 {
		return nil, errors.New("the key is empty")
	}
	v, err := decodeCBOR(raw)
	if err != nil {
		return nil, err
	}
	t, ok := v.(cborTag)
	if ok && t.number == tagCWT {
		t, ok = t.value.(cborTag)
	}
	parts, isList := t.value.([]any)
	if !ok || t.number != tagMac0 || !isList || len(parts) != 4 {
		return nil, errors.New("it is not a COSE_Mac0 structure with its tag")
	}
	protected, ok1 := parts[0].([]byte)
	unprotected, ok2 := parts[1].(*cborMap)
	payload, ok3 := parts[2].([]byte)
	tag, ok4 := parts[3].([]byte)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, errors.New("it is not a COSE_Mac0 structure")
	}
	out := &webToken{unprotected: unprotected}
	if out.protected, err = mapIn(protected); err != nil {
		return nil, err
	}
	alg, err := algorithm(out.protected)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(tag, mac0(alg, key, protected, payload)) {
		return nil, errTokenMAC
	}
	out.payload, err = mapIn(payload)
	return out, err
}

// mapIn is the map that a byte string holds; an empty one stands for an empty
// map.
func mapIn(b []byte) (*cborMap, error) {
	if len(b) == 0 {
		return &cborMap{}, nil
	}
	v, err := decodeCBOR(b)
	if err != nil {
		return nil, err
	}
	m, ok := v.(*cborMap)
	if !ok {
		return nil, errors.New("headers or claims are not a map")
	}
	return m, nil
}

func algorithm(protected *cborMap) (int64, error) {
	if _, ok := protected.get(headerCrit); ok {
		return 0, errors.New("it has critical headers, which are not known")
	}
	v, _ := protected.get(headerAlg)
	if n, ok := v.(int64); ok && (n == algHMAC || n == algHMAC64) {
		return n, nil
	}
	return 0, errors.New("its algorithm is not HMAC-SHA256 (5)")
}

func mac0(alg int64, key, protected, payload []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(appendCBOR(nil, []any{mac0Context, protected, []byte{}, payload}))
	sum := h.Sum(nil)
	if alg == algHMAC64 {
		return sum[:8]
	}
	return sum
}

// sealToken writes a token; without an algorithm it is HMAC-SHA256.
func sealToken(t *webToken, key []byte, tagged bool) ([]byte, error) {
	if len(key) == 0 {
		return nil, errors.New("the key is empty")
	}
	if _, ok := t.protected.get(headerAlg); !ok {
		t.protected.keys, t.protected.values = append(t.protected.keys, headerAlg), append(t.protected.values, int64(algHMAC))
	}
	for i, k := range t.protected.keys { // the guide writes "5"
		if text, ok := t.protected.values[i].(string); ok && k == headerAlg {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				t.protected.values[i] = n
			}
		}
	}
	alg, err := algorithm(t.protected)
	if err != nil {
		return nil, err
	}
	protected, payload := appendCBOR(nil, t.protected), appendCBOR(nil, t.payload)
	var v any = cborTag{tagMac0, []any{protected, t.unprotected, payload, mac0(alg, key, protected, payload)}}
	if tagged {
		v = cborTag{tagCWT, v}
	}
	out := appendCBOR(nil, v)
	if len(out) > maxToken {
		return nil, fmt.Errorf("it has %d bytes; CloudFront allows %d", len(out), maxToken)
	}
	return out, nil
}

// cwtValidate is cf.cwt.validateToken: token, key, and what makes a Buffer.
func (m *machine) cwtValidate(call goja.FunctionCall) goja.Value {
	t, err := openToken(m.bytesOf(call.Argument(0)), m.bytesOf(call.Argument(1)))
	if err != nil {
		panic(m.failed("Error", "the token is not valid: "+err.Error()))
	}
	buffer, _ := goja.AssertFunction(call.Argument(2))
	o := m.vm.NewObject()
	for _, f := range [3]struct {
		name string
		v    *cborMap
	}{{"protectedHeaders", t.protected}, {"unprotectedHeaders", t.unprotected}, {"payload", t.payload}} {
		_ = o.Set(f.name, m.fromCBOR(f.v, buffer))
	}
	return o
}

func (m *machine) fromCBOR(v any, buffer goja.Callable) goja.Value {
	switch v := v.(type) {
	case nil:
		return goja.Null()
	case []byte:
		b, err := buffer(goja.Undefined(), m.vm.ToValue(m.vm.NewArrayBuffer(append([]byte(nil), v...))))
		if err != nil {
			panic(err)
		}
		return b
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = m.fromCBOR(x, buffer)
		}
		return m.vm.NewArray(list...)
	case *cborMap:
		o := m.vm.NewObject()
		for i, k := range v.keys {
			// A key may be __proto__: it is defined, not assigned.
			_ = o.DefineDataProperty(k, m.fromCBOR(v.values[i], buffer), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		}
		return o
	case cborTag:
		return m.fromCBOR(v.value, buffer)
	}
	return m.vm.ToValue(v)
}

// cwtGenerate is cf.cwt.generateToken: protected and unprotected headers, the
// payload, the key, and whether tag 61 is wanted.
func (m *machine) cwtGenerate(call goja.FunctionCall) goja.Value {
	t := &webToken{}
	for i, to := range []**cborMap{&t.protected, &t.unprotected, &t.payload} {
		v, err := m.toCBOR(call.Argument(i), 0)
		fields, ok := v.(*cborMap)
		if v == nil {
			fields, ok = &cborMap{}, i != 2
		}
		if err != nil || !ok {
			panic(m.vm.NewTypeError("the headers and the payload of a token are objects"))
		}
		*to = fields
	}
	raw, err := sealToken(t, m.bytesOf(call.Argument(3)), call.Argument(4).ToBoolean())
	if err != nil {
		panic(m.failed("Error", "the token cannot be made: "+err.Error()))
	}
	return m.vm.ToValue(m.vm.NewArrayBuffer(raw))
}

var errNoCBOR = errors.New("a value that tokens cannot have")

// toCBOR reads a value of JavaScript; undefined and null are nil.
func (m *machine) toCBOR(v goja.Value, depth int) (any, error) {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil, nil
	}
	if s, ok := textOf(v); ok {
		return s, nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		switch x := v.Export().(type) {
		case bool, int64:
			return x, nil
		case float64:
			if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
				return int64(x), nil
			}
			return x, nil
		}
		return nil, errNoCBOR
	}
	if depth > maxCBORDepth {
		return nil, errNoCBOR
	}
	if b := o.Get("buffer"); b != nil {
		if _, ok := b.Export().(goja.ArrayBuffer); ok {
			return append([]byte(nil), m.bytesOf(v)...), nil
		}
	}
	if o.ClassName() == "Array" {
		return m.listToCBOR(o, depth)
	}
	out := &cborMap{}
	keys := o.Keys()
	if len(keys) > maxToken {
		return nil, errNoCBOR
	}
	for _, k := range keys {
		x, err := m.toCBOR(o.Get(k), depth+1)
		if err != nil {
			return nil, err
		}
		out.keys, out.values = append(out.keys, k), append(out.values, x)
	}
	return out, nil
}

func (m *machine) listToCBOR(o *goja.Object, depth int) (any, error) {
	n := o.Get("length").ToInteger()
	if n > maxToken {
		return nil, errNoCBOR
	}
	list := make([]any, n)
	for i := range list {
		var err error
		if list[i], err = m.toCBOR(o.Get(strconv.Itoa(i)), depth+1); err != nil {
			return nil, err
		}
	}
	return list, nil
}
