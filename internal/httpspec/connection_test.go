// SPDX-License-Identifier: Apache-2.0

package httpspec

import "testing"

func TestConnectionOptions(t *testing.T) {
	for value, want := range map[string]Connection{
		"":                           {},
		"close":                      {Close: true},
		" Keep-Alive , x,\tUPGRADE":  {KeepAlive: true, Upgrade: true},
		"closed, clos, keep alive":   {},
		",,close,":                   {Close: true},
		"close; x":                   {},
		"upgrade-insecure, upgrades": {},
	} {
		var c Connection
		if c.Add(value); c != want {
			t.Errorf("%q: %+v, want %+v", value, c, want)
		}
	}
	c := Connection{Close: true}
	if c.Add("upgrade"); !c.Close || !c.Upgrade {
		t.Error("a second line forgets the first")
	}
}

func TestHexDigits(t *testing.T) {
	for c := range 256 {
		want := -1
		switch {
		case c >= '0' && c <= '9':
			want = c - '0'
		case c >= 'a' && c <= 'f':
			want = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			want = c - 'A' + 10
		}
		if got := Hex(byte(c)); got != want {
			t.Errorf("%#x: %d, want %d", c, got, want)
		}
	}
}
