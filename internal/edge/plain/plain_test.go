// SPDX-License-Identifier: Apache-2.0

package plain

import (
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
)

func TestPlainKeys(t *testing.T) {
	h := Hider{record.NewRecent(record.RecentOptions{Keep: time.Minute})}
	for name, tt := range map[string]struct{ key, want string }{
		"nothing to hide":   {"E1\n/a\norigin=o\naccept-encoding=br,gzip", "E1\n/a\norigin=o\naccept-encoding=br,gzip"},
		"a plain query":     {"E1\n/a?x=1&x=2&y\norigin=o", "E1\n/a?x=1&x=2&y\norigin=o"},
		"a secret query":    {"E1\n/a?x=1&ToKeN=abc\norigin=o", "E1\n/a?x=1&ToKeN=H\norigin=o"},
		"headers":           {"E1\n/a\norigin=o\naccept:x\nauthorization:abc\nx-api-key:abc\nhost:h:80", "E1\n/a\norigin=o\naccept:x\nauthorization:H\nx-api-key:H\nhost:h:80"},
		"cookies":           {"E1\n/a\norigin=o\ncookie:a=abc; b=abc", "E1\n/a\norigin=o\ncookie:a=H; b=H"},
		"no cookies":        {"E1\n/a\norigin=o\ncookie:", "E1\n/a\norigin=o\ncookie:"},
		"a variant":         {"E1\n/a\norigin=o\v7:accept-language,x-key,x-none\v=de\v=abc\v", "E1\n/a\norigin=o\v7:accept-language,x-key,x-none\v=de\v=H\v"},
		"a colon in a path": {"E1\n/a:b\norigin=o:p\nmethod=HEAD", "E1\n/a:b\norigin=o:p\nmethod=HEAD"},
	} {
		got := string(h.AppendKey(nil, tt.key))
		if got != tt.key && !KeyHides(tt.key) {
			t.Errorf("%s: nobody would hide it", name)
		}
		if strings.Contains(got, "abc") {
			t.Errorf("%s: %q", name, got)
		}
		digest := string(h.Append(nil, "abc"))
		if got = strings.ReplaceAll(got, digest, "H"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// FuzzPlainKey: whatever a key has in it, neither the values of cookies and
// hidden headers are in what is kept, nor does it panic.
func FuzzPlainKey(f *testing.F) {
	f.Add("/a", "x=1&token=2", "c=3")
	f.Add("", "&=&token", ";=;")
	f.Fuzz(func(t *testing.T, path, query, cookies string) {
		const secret = "s3cr3tv4lu3"
		clean := strings.NewReplacer("\n", "", "\v", "", "?", "", "&", "", ";", "", "=", "")
		key := "E1\n" + clean.Replace(path) + "?" + strings.NewReplacer("\n", "", "\v", "").Replace(query) + "&token=" + secret + "\norigin=o\nauthorization:" + secret +
			"\ncookie:" + clean.Replace(cookies) + "=" + secret
		h := Hider{record.NewRecent(record.RecentOptions{Keep: 1, Bytes: 1})}
		if got := string(h.AppendKey(nil, key)); !KeyHides(key) || strings.Contains(got, secret) {
			t.Errorf("%q", got)
		}
	})
}

func TestPlainHeaders(t *testing.T) {
	fields := []httpmsg.Field{
		{Name: "Accept", Value: "x"},
		{Name: "Cookie", Value: "a=abc"},
		{Name: "x-amzn-waf-a", Value: "b"},
		{Name: "X-" + strings.Repeat("long", 20), Value: "abc"},
		{Name: "User-Agent", Value: strings.Repeat("u", 300)},
	}
	want := "Accept: x\nCookie: present\nUser-Agent: " + strings.Repeat("u", 256) + "\n"
	if got := string(Hider{}.AppendHeaders(nil, fields)); got != want {
		t.Errorf("%q", got)
	}
}
