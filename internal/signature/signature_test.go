// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rfcRequest is test-request of RFC 9421 appendix B.2.
func rfcRequest() *Message {
	fields := map[string][]string{
		"date": {"Tue, 20 Apr 2021 02:07:55 GMT"}, "content-type": {"application/json"}, "content-length": {"18"},
		"content-digest": {"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"},
	}
	return &Message{
		Method: "POST", Scheme: "https", Authority: "example.com", Path: "/foo", Query: "param=Value&Pet=dog",
		Field: func(name string) []string { return append([]string(nil), fields[name]...) },
	}
}

func rfcKeys(t testing.TB) (shared, ed Key) {
	t.Helper()
	shared = Key{ID: "test-shared-secret", Secret: bytesOf(t, "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")}
	private, err := x509.ParsePKCS8PrivateKey(bytesOf(t, "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(bytesOf(t, "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="))
	if err != nil {
		t.Fatal(err)
	}
	return shared, Key{ID: "test-key-ed25519", Private: private.(ed25519.PrivateKey), Public: public.(ed25519.PublicKey)}
}

const rfcCreated = 1618884473

func TestRFC9421Vectors(t *testing.T) {
	shared, ed := rfcKeys(t)
	for _, tt := range []struct {
		name  string // the section
		key   Key
		p     Params
		input string
		value string
	}{
		{
			"B.2.5", shared,
			Params{Components: []string{"date", "@authority", "content-type"}, Created: rfcCreated},
			`("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
			"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
		},
		{
			"B.2.6", ed,
			Params{Components: []string{"date", "@method", "@path", "@authority", "content-type", "content-length"}, Created: rfcCreated},
			`("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
			"wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			input, value, err := Sign(rfcRequest(), &tt.key, tt.p)
			if err != nil {
				t.Fatal(err)
			}
			if want := Label + "=" + tt.input; input != want {
				t.Errorf("input %s\nwant  %s", input, want)
			}
			if want := Label + "=:" + tt.value + ":"; value != want {
				t.Errorf("signature %s\nwant      %s", value, want)
			}
			// As the RFC has it, with a label of its own and another signature beside.
			inputs := []string{`other=("@method");keyid="x"`, "sig=" + tt.input}
			values := []string{"sig=:" + tt.value + ":, other=:AAAA:"}
			p := &Policy{Label: "sig", Keys: []Key{shared, ed}, MaxAge: time.Minute, Cover: tt.p.Components}
			id, err := Verify(rfcRequest(), inputs, values, p, time.Unix(rfcCreated+30, 0))
			if err != nil || id != tt.key.ID {
				t.Errorf("verified by %q: %v", id, err)
			}
		})
	}
}

func TestRFC9421DerivedComponents(t *testing.T) {
	m := &Message{Method: "POST", Scheme: "https", Authority: "WWW.Example.com:443", Path: "/path", Query: "param=value"}
	for name, want := range map[string]string{
		"@method": "POST", "@target-uri": "https://www.example.com/path?param=value", "@authority": "www.example.com",
		"@scheme": "https", "@request-target": "/path?param=value", "@path": "/path", "@query": "?param=value",
	} {
		if got, err := m.component(name); got != want || err != nil {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
	if got, _ := (&Message{}).component("@query"); got != "?" {
		t.Errorf("the empty query is %q", got)
	}
	two := &Message{Field: func(string) []string { return []string{" a ", "b"} }}
	if got, _ := two.component("x"); got != "a, b" {
		t.Errorf("a field of two lines is %q", got)
	}
}

func TestVerifyRefuses(t *testing.T) {
	k := Key{ID: "edge", Secret: []byte("0123456789abcdef")}
	good := func() *Message {
		return &Message{Method: "GET", Scheme: "https", Authority: "api", Path: "/a", Query: "q=1"}
	}
	now := time.Unix(1_800_000_000, 0)
	sign := func(p Params) (string, string) {
		p.Created = now.Unix()
		i, v, err := Sign(good(), &k, p)
		if err != nil {
			t.Fatal(err)
		}
		return i, v
	}
	cover := []string{"@method", "@authority", "@path", "@query"}
	input, value := sign(Params{Components: cover})
	short, shortValue := sign(Params{Components: cover[:3]})
	policy := Policy{Keys: []Key{k}, MaxAge: time.Minute, Skew: 5 * time.Second, Cover: cover}
	for _, tt := range []struct {
		name         string
		change       func(m *Message)
		input, value string
		at           time.Time
		want         error
	}{
		{"good", nil, input, value, now, nil},
		{"another method", func(m *Message) { m.Method = "POST" }, input, value, now, ErrWrong},
		{"another path", func(m *Message) { m.Path = "/b" }, input, value, now, ErrWrong},
		{"another query", func(m *Message) { m.Query = "" }, input, value, now, ErrWrong},
		{"another host", func(m *Message) { m.Authority = "evil" }, input, value, now, ErrWrong},
		{"old", nil, input, value, now.Add(61 * time.Second), ErrAge},
		{"of the future", nil, input, value, now.Add(-6 * time.Second), ErrAge},
		{"a little ahead", nil, input, value, now.Add(-4 * time.Second), nil},
		{"covers too little", nil, short, shortValue, now, ErrCover},
		{"no signature", nil, "", "", now, ErrMissing},
		{"no value", nil, input, "", now, ErrMissing},
		{"another label", nil, strings.Replace(input, "forelane", "sig1", 1), value, now, ErrMissing},
		{"another key", nil, strings.Replace(input, `"edge"`, `"eve"`, 1), value, now, ErrKey},
		{"another algorithm", nil, input + `;alg="ed25519"`, value, now, ErrKey},
		{"a parameter more", nil, input + `;tag="x"`, value, now, ErrWrong},
		{"twice", nil, input + ", " + input, value, now, ErrMalformed},
		{"an unknown parameter", nil, input + `;x="y"`, value, now, ErrMalformed},
		{"a component's parameter", nil, strings.Replace(input, `"@query"`, `"@query";req`, 1), value, now, ErrMalformed},
		{"not base64", nil, input, "forelane=:?:", now, ErrMalformed},
		{"too long", nil, input, value + strings.Repeat(" ", 9000), now, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := good()
			if tt.change != nil {
				tt.change(m)
			}
			var inputs, values []string
			if tt.input != "" {
				inputs = []string{tt.input}
			}
			if tt.value != "" {
				values = []string{tt.value}
			}
			if _, err := Verify(m, inputs, values, &policy, tt.at); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzInput checks that what is read is written the same way again.
func FuzzInput(f *testing.F) {
	f.Add(`forelane=("@method" "date");created=1;keyid="a"`)
	f.Add(`a=();expires=2;nonce="\"", forelane=("x");alg="ed25519";tag="t"`)
	f.Add(`forelane=( "x"  "y" )`)
	f.Fuzz(func(t *testing.T, s string) {
		in, err := readInput([]string{s}, Label)
		if err != nil {
			return
		}
		again, err := readInput([]string{Label + "=" + in.Params.String()}, Label)
		if err != nil {
			t.Fatalf("%q: %v", in.Params.String(), err)
		}
		if again.Params.String() != in.Params.String() {
			t.Errorf("%q and %q", again.Params.String(), in.Params.String())
		}
	})
}

func FuzzValue(f *testing.F) {
	f.Add("forelane=:AAAA:")
	f.Add("a=::, forelane=:YQ==:")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := readValue([]string{s}, Label)
		if err != nil {
			return
		}
		again, err := readValue([]string{Label + "=:" + base64.StdEncoding.EncodeToString(b) + ":"}, Label)
		if err != nil || string(again) != string(b) {
			t.Errorf("%q: %q, %v", s, again, err)
		}
	})
}
