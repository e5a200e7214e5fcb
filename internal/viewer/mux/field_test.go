// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// Every byte, alone and after each other, through both ends.
func TestHuffman(t *testing.T) {
	var all []byte
	for a := range 256 {
		all = append(all, byte(a))
		for _, s := range [][]byte{{byte(a)}, {byte(a), byte(255 - a), 'e'}, all} {
			coded := hpack.AppendHuffmanString(nil, string(s))
			got, ok := AppendHuffman(nil, coded)
			if !ok || !bytes.Equal(got, s) {
				t.Fatalf("%x: got %x, %v", s, got, ok)
			}
		}
	}
}

func FuzzHuffman(f *testing.F) {
	f.Add([]byte("\xf2\xb2\x4a\x84\xff"))
	f.Add([]byte("\xff\xff\xff\xfa"))
	f.Add([]byte("\x1f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := AppendHuffman(nil, b)
		want, err := hpack.HuffmanDecodeToString(b)
		if ok != (err == nil) || ok && string(got) != want {
			t.Fatalf("%x: %q %v, want %q %v", b, got, ok, want, err)
		}
	})
}

// FuzzCleanValue compares with a look at each byte.
func FuzzCleanValue(f *testing.F) {
	f.Add("max-age=3600, public\tx")
	f.Add("12345678\x7f")
	f.Add("1234567\x1f\x80\xff234567")
	f.Fuzz(func(t *testing.T, v string) {
		if got, want := CleanValue(v), cleanBytes([]byte(v)); got != want {
			t.Fatalf("%q: %v", v, got)
		}
	})
}

func TestCleanValue(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			v := bytes.Repeat([]byte("a"), 20)
			v[at] = byte(c)
			if want := c >= ' ' && c != 0x7f || c == '\t'; CleanValue(string(v)) != want {
				t.Fatalf("byte %x at %d: want %v", c, at, want)
			}
		}
	}
}
