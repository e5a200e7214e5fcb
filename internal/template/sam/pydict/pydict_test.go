// SPDX-License-Identifier: Apache-2.0

package pydict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

// The orders wanted here are those of Python 2.7.18.
func TestOrder(t *testing.T) {
	tests := []struct {
		ops  string // +key adds, -key removes
		want string
	}{
		{"+type +security +summary +put +/path", "put security /path type summary"},
		{"+openapi +info +summary +produces +httpMethod +paths +Bucket +responses +credentials +swagger +type -openapi", "info paths swagger responses produces Bucket summary httpMethod credentials type"},
		{"+summary +/path +requestTemplates +x-amazon-apigateway-integration +ServerlessRestApi +/users/{id} +Table +post", "x-amazon-apigateway-integration /path requestTemplates /users/{id} Table post summary ServerlessRestApi"},
		{"+summary -summary +MyApi +title +ServerlessHttpApi", "ServerlessHttpApi title MyApi"},
		{"+type +type +paths +credentials +get +uri +swagger +version +Table +delete +info +type", "info paths get uri version Table credentials swagger type delete"},
		{"+title -title +Bucket +summary -Bucket +options -options +Bucket", "Bucket summary"},
		{"+post +MyApi -MyApi", "post"},
		{"+Table +openapi +post +put -Table +x-amazon-apigateway-integration +openapi -openapi +version +/users/{id} -version +Bucket +httpMethod +credentials +uri +ServerlessRestApi +x-amazon-apigateway-integration +requestTemplates -Bucket +openapi", "x-amazon-apigateway-integration uri openapi httpMethod requestTemplates /users/{id} put credentials post ServerlessRestApi"},
	}
	for _, tt := range tests {
		k := NewKeys()
		for _, op := range strings.Fields(tt.ops) {
			if op[0] == '+' {
				k.Add(op[1:])
			} else {
				k.Remove(op[1:])
			}
		}
		if got := strings.Join(k.List(), " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.ops, got, tt.want)
		}
	}
}

func TestRepr(t *testing.T) {
	n, err := tree.Parse("t.yaml", []byte("a: it's\nb: [1, 2.0, true, null]\nc: \"é’\\n\\\\\""))
	if err != nil {
		t.Fatal(err)
	}
	want := `{u'a': u"it's", u'c': u'\xe9\u2019\n\\', u'b': [1, 2.0, True, None]}`
	if got := Repr(n); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	made := tree.NewMap().With("k", tree.NewString("v"))
	if got := Repr(made); got != `{'k': 'v'}` {
		t.Errorf("got %s", got)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("abc", uint8(3))
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		k := NewKeys()
		in := map[string]bool{}
		for i := range int(n) {
			key := s + fmt.Sprint(i*7%13)
			if i%3 == 2 {
				k.Remove(key)
				delete(in, key)
			} else {
				k.Add(key)
				in[key] = true
			}
		}
		if len(k.List()) != len(in) {
			t.Errorf("table has %d keys, want %d", len(k.List()), len(in))
		}
	})
}

// Settling is copying in place, and ends.
func FuzzSettle(f *testing.F) {
	f.Add("{a: {b: 1, c: [{d: 1, e: 2}]}, f: g}")
	f.Add("{get: 1, put: 2, post: 3, delete: 4, options: 5, head: 6, patch: 7}")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := tree.Parse("f", []byte(s))
		if err != nil {
			return
		}
		for range 4 {
			c := Copy(n)
			changed := Settle(n)
			if a, b := string(tree.JSON(c)), string(tree.JSON(n)); a != b {
				t.Fatalf("copied %s, settled %s", a, b)
			}
			if !changed && string(tree.JSON(Copy(n))) != string(tree.JSON(n)) {
				t.Fatalf("%s was called settled", tree.JSON(n))
			}
		}
	})
}

// A removed key leaves the others in their slots until the map is copied.
func TestDelete(t *testing.T) {
	m := tree.NewMap()
	for _, k := range []string{"swagger", "info", "paths", "securityDefinitions", "definitions", "components"} {
		Put(m, k, tree.NewNull())
	}
	wide := NewKeys(m.Keys()...)
	wide.Remove("definitions")
	Delete(m, "definitions")
	if got, want := strings.Join(OrderKeys(m), " "), strings.Join(wide.List(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := OrderKeys(Copy(m)), NewKeys(wide.List()...).List(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("copied: got %s, want %s", got, want)
	}
}
