// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"slices"
	"testing"
)

func TestC9Hosts(t *testing.T) {
	var h Hosts[string]
	for _, n := range []string{"www.Example.com", "*.example.com", "*.shop.example.com", "d1.cloudfront.net", "localhost"} {
		if err := h.Add(n, n); err != nil {
			t.Fatal(err)
		}
	}
	for host, want := range map[string]string{
		"www.example.com":      "www.Example.com",
		"WWW.EXAMPLE.COM.:443": "www.Example.com",
		"api.example.com":      "*.example.com",
		"a.b.example.com":      "*.example.com",
		"x.shop.example.com":   "*.shop.example.com",
		"shop.example.com":     "*.example.com",
		"example.com":          "",
		"badexample.com":       "",
		"d1.cloudfront.net:80": "d1.cloudfront.net",
		"localhost:8080":       "localhost",
		"":                     "",
		".example.com":         "",
		"[::1]:80":             "",
	} {
		if got, ok := h.Find(host); got != want || ok != (want != "") {
			t.Errorf("%q = %q %v, want %q", host, got, ok, want)
		}
	}
	if got, want := h.Names(), []string{"*.example.com", "*.shop.example.com", "d1.cloudfront.net", "localhost", "www.example.com"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if n := testing.AllocsPerRun(50, func() { h.Find("api.example.com:80") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestC9HostErrors(t *testing.T) {
	var h Hosts[int]
	if err := h.Add("a.example", 1); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"", "*", "*.", "A.example", "a..b", "a.*.b", "a b", "w*.example.com", "a/b"} {
		if err := h.Add(n, 2); err == nil {
			t.Errorf("%q is taken", n)
		}
	}
}

func TestTrimPort(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a:1": "a", "a:": "a", "[::1]:80": "[::1]", "[::1]": "[::1]", "::1": "::1", "1.2.3.4:5": "1.2.3.4", "": "", "80": "80", "a:b": "a:b",
	} {
		if got := TrimPort(in); got != want {
			t.Errorf("%q = %q", in, got)
		}
	}
}
