// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// RFC 8392, A.4: a CWT in a COSE_Mac0 structure, and its key (A.2.2).
const (
	rfcToken = "d83dd18443a10104a1044c53796d6d65747269633235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b7703" +
		"7818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7148093101ef6d789200"
	rfcKey = "403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388"
)

func TestE3TokenOfTheRFC(t *testing.T) {
	got := eval(t, v2, "cf.cwt.validateToken(Buffer.from('"+rfcToken+"', 'hex'), { key: Buffer.from('"+rfcKey+"', 'hex') })")
	want := `{"protectedHeaders":{"1":4},"unprotectedHeaders":{"4":{"type":"Buffer","data":[83,121,109,109,101,116,114,105,99,50,53,54]}},` +
		`"payload":{"1":"coap://as.example.com","2":"erikw","3":"coap://light.example.com","4":1444064944,"5":1443944944,"6":1443944944,"7":{"type":"Buffer","data":[11,113]}}}`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestE3TokensAreMadeAndRead(t *testing.T) {
	const claims = `{ 1: 'me', 4: 1740000000, '-5': -1, 401: { 1: { 2: '.cloudfront.net' } }, list: ['GET', 1.5, true, null], b: Buffer.from('hi') }`
	for _, order := range []string{"token, context", "context, token"} {
		code := `(function () {
			const context = { cwtTag: true, coseTag: 'MAC0', key: 'secret' }, token = { protected: { 1: '5' }, unprotected: { 4: 'kid' }, payload: ` + claims + ` };
			const raw = cf.cwt.generateToken(` + order + `);
			const back = cf.cwt.validateToken(raw, { key: Buffer.from('secret') });
			const again = cf.cwt.generateToken(back, { coseTag: 'MAC0', key: 'secret' });
			return [Buffer.isBuffer(raw), back, raw.subarray(2).equals(again)];
		})()`
		got := eval(t, v2, code)
		want := `[true,{"protectedHeaders":{"1":5},"unprotectedHeaders":{"4":"kid"},"payload":{"1":"me","4":1740000000,"401":{"1":{"2":".cloudfront.net"}},` +
			`"-5":-1,"list":["GET",1.5,true,null],"b":{"type":"Buffer","data":[104,105]}}},true]`
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", order, got, want)
		}
	}
}

func TestE3TokensAreRefused(t *testing.T) {
	raw, _ := hex.DecodeString(rfcToken)
	key, _ := hex.DecodeString(rfcKey)
	broken := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(raw)) }
	empty := func() *webToken {
		return &webToken{protected: &cborMap{}, unprotected: &cborMap{}, payload: &cborMap{}}
	}
	sealed, err := sealToken(empty(), key, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, word string
		raw, key   []byte
	}{
		{"another key", "tag is wrong", raw, []byte("x")},
		{"no key", "key is empty", raw, nil},
		{"changed claim", "tag is wrong", broken(func(b []byte) []byte { b[40]++; return b }), key},
		{"changed tag", "tag is wrong", broken(func(b []byte) []byte { b[len(b)-1]++; return b }), key},
		{"cut", "too early", raw[:len(raw)-1], key},
		{"longer", "behind its end", append(bytes.Clone(raw), 0), key},
		{"no tag of COSE", "COSE_Mac0", sealed[1:], key},
		{"too long", "1024", make([]byte, 1025), key},
		{"nothing", "too early", nil, key},
		{"signed by another algorithm", "algorithm", broken(func(b []byte) []byte { b[7] = 6; return b }), key},
		{"indefinite length", "form", []byte{0xd1, 0x9f, 0xff}, key},
		{"deep", "deep", bytes.Repeat([]byte{0x81}, 100), key},
		{"a list that is not there", "too early", []byte{0xd1, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0}, key},
	} {
		if _, err := openToken(tt.raw, tt.key); err == nil || !strings.Contains(err.Error(), tt.word) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := openToken(sealed, key); err != nil {
		t.Error(err)
	}
	twice := empty()
	twice.payload = &cborMap{keys: []string{"4", "4"}, values: []any{int64(1), int64(2)}}
	if raw, err := sealToken(twice, key, false); err != nil {
		t.Error(err)
	} else if _, err := openToken(raw, key); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a claim that stands there twice: %v", err)
	}
	for expr, word := range map[string]string{
		"cf.cwt.validateToken('text', { key: 'k' })":                                                                      "not a Buffer",
		"cf.cwt.validateToken(Buffer.from('text'), {})":                                                                   "key is not",
		"cf.cwt.validateToken(Buffer.from('text'))":                                                                       "key is not",
		"cf.cwt.generateToken({ payload: {} }, { key: 'k', coseTag: 'SIGN1' })":                                           "coseTag",
		"cf.cwt.generateToken({ payload: 5 }, { key: 'k', coseTag: 'MAC0' })":                                             "are objects",
		"cf.cwt.generateToken({ payload: {} }, { key: '', coseTag: 'MAC0' })":                                             "key is empty",
		"cf.cwt.generateToken({ protected: { 1: 7 }, payload: {} }, { key: 'k', coseTag: 'MAC0' })":                       "algorithm",
		"cf.cwt.generateToken({ payload: { 1: 'x'.repeat(1100) } }, { key: 'k', coseTag: 'MAC0' })":                       "1024",
		"(function () { const a = {}; a.a = a; cf.cwt.generateToken({ payload: a }, { key: 'k', coseTag: 'MAC0' }); })()": "are objects",
	} {
		got := eval(t, v2, "(function () { try { "+expr+"; } catch (e) { return e.message; } })()")
		if !strings.Contains(got, word) {
			t.Errorf("%s: %s", expr, got)
		}
	}
}

func FuzzCBOR(f *testing.F) {
	for _, s := range []string{rfcToken, "a10105", "f93c00", "fb3ff8000000000000", "c11a514b67b0", "8301f5f6"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeCBOR(b)
		if err != nil {
			return
		}
		once := appendCBOR(nil, v)
		again, err := decodeCBOR(once)
		if err != nil {
			t.Fatalf("%x: %v", once, err)
		}
		if twice := appendCBOR(nil, again); !bytes.Equal(once, twice) {
			t.Fatalf("%x and %x", once, twice)
		}
	})
}
