// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		ok   bool
	}{
		{"open", "\x01\x00\x01A", true},
		{"open without a name", "\x01\x00\x00", false},
		{"open with a long name", "\x01\x00\x81" + strings.Repeat("a", 129), false},
		{"ready", "\x02\x00\x00", true},
		{"ready with content", "\x02\x00\x01x", false},
		{"refuse", "\x03\x00\x02\x01x", true},
		{"ping", "\x06\x00\x0812345678", true},
		{"short ping", "\x06\x00\x071234567", false},
		{"no such kind", "\x00\x00\x00", false},
		{"no such kind either", "\x09\x00\x00", false},
		{"cut in the head", "\x01\x00", false},
		{"cut in the content", "\x01\x00\x02A", false},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readMessage(strings.NewReader(tt.in)); (err == nil) != tt.ok {
				t.Errorf("%v", err)
			}
		})
	}
	for _, tt := range []struct {
		name, content string
		want          []string
	}{
		{"two names", "\x01\x01A\x02B1", []string{"A", "B1"}},
		{"none", "\x01", nil},
		{"another version", "\x02\x01A", nil},
		{"cut", "\x01\x05A", nil},
		{"a name with a space", "\x01\x01 ", nil},
		{"an empty name", "\x01\x00", nil},
		{"too many", "\x01" + strings.Repeat("\x01A", maxNames+1), nil},
	} {
		t.Run("hello of "+tt.name, func(t *testing.T) {
			if got, _ := (message{kindHello, []byte(tt.content)}).hello(); !slices.Equal(got, tt.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

// FuzzMessage checks that what is read is written as it was, and that not a byte
// more is taken.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x01\x00\x01Arest"))
	f.Add([]byte("\x05\x00\x03\x01\x01A"))
	f.Add([]byte("\x03\x00\x02\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		m, err := readMessage(r)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeMessage(&out, m); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(r)
		if !bytes.Equal(append(out.Bytes(), rest...), b) {
			t.Errorf("%x and then %x is not %x", out.Bytes(), rest, b)
		}
		if names, err := m.hello(); err == nil && !bytes.Equal(helloMessage(names).content, m.content) {
			t.Errorf("%q does not make %x", names, m.content)
		}
	})
}

func FuzzJoin(f *testing.F) {
	f.Add([]byte("\x00\x02{}"))
	f.Add([]byte("\x00\x1c{\"token\":\"x\",\"request\":\"YQ==\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var rq joinRequest
		if readJSON(bytes.NewReader(b), &rq) != nil {
			return
		}
		if l := label(rq.Label); strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) || len(l) > 64 {
			t.Errorf("label %q", l)
		}
	})
}
