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
