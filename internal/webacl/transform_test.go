// SPDX-License-Identifier: Apache-2.0

package webacl

import "testing"

func TestW3Transformations(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"COMPRESS_WHITE_SPACE", "a \t\n b\xa0c", "a b c"},
		{"HTML_ENTITY_DECODE", "&lt;b&gt;&#65;&quot;", `<b>A"`},
		{"LOWERCASE", "ABC-xyZ", "abc-xyz"},
		{"CMD_LINE", `c^m"d'  ,;/ \(X`, "cmd/(x"},
		{"URL_DECODE", "a%20b+c%zz%4", "a b c%zz%4"},
		{"URL_DECODE_UNI", "%u0041%uff1cx%41", "A<xA"},
		{"BASE64_DECODE", "aGVsbG8=", "hello"},
		{"BASE64_DECODE", "not base64!", "not base64!"},
		{"BASE64_DECODE_EXT", "aG Vs!bG8", "hello"},
		{"HEX_DECODE", "3c62", "<b"},
		{"HEX_DECODE", "xyz", "xyz"},
		{"MD5", "", "\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e"},
		{"REPLACE_COMMENTS", "a/*x*/b/*y", "a b "},
		{"REPLACE_COMMENTS", "a*/b", "a*/b"},
		{"ESCAPE_SEQ_DECODE", `\x41\102\n\q`, "AB\n\\q"},
		{"SQL_HEX_DECODE", "0x414243 0x", "ABC 0x"},
		{"CSS_DECODE", `ja\vascript \000041 b\`, "javascript Ab\\"},
		{"JS_DECODE", `\u0041\x42\103\'\q`, "ABC'q"},
		{"NORMALIZE_PATH", "/a/./b//../c/", "/a/c/"},
		{"NORMALIZE_PATH", "../a", "../a"},
		{"NORMALIZE_PATH_WIN", `\a\..\b`, "/b"},
		{"REMOVE_NULLS", "a\x00b", "ab"},
		{"REPLACE_NULLS", "a\x00b", "a b"},
		{"UTF8_TO_UNICODE", "aü€", "a%u00fc%u20ac"},
	} {
		if got := transformNamed(tt.name)(tt.in); got != tt.want {
			t.Errorf("%s of %q is %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
	for _, n := range Transforms()[1:] {
		if transformNamed(n) == nil {
			t.Errorf("%s is not built", n)
		}
	}
}

// FuzzTransforms: no transformation panics, or makes a text more than six times
// as long.
func FuzzTransforms(f *testing.F) {
	f.Add(`\u00`)
	f.Add("%u%41/*0x4\\")
	f.Fuzz(func(t *testing.T, s string) {
		for _, n := range Transforms()[1:] {
			if got := transformNamed(n)(s); len(got) > 6*len(s)+16 {
				t.Errorf("%s: %d bytes of %d", n, len(got), len(s))
			}
		}
	})
}
