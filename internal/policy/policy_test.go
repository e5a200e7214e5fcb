// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

const oacPolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},
 "Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*",
 "Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::123456789012:distribution/E1"}}}}`

func TestDecide(t *testing.T) {
	edge := []string{"Service:cloudfront.amazonaws.com"}
	from := func(d string) map[string]string {
		return map[string]string{"aws:sourcearn": "arn:aws:cloudfront::123456789012:distribution/" + d, "aws:sourceip": "10.1.2.3"}
	}
	withDeny := strings.Replace(oacPolicy, `"Statement":{`, `"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",
		"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}},{`, 1)
	withDeny = withDeny[:len(withDeny)-1] + "]}"
	tests := []struct {
		name, policy string
		rq           Request
		want         Decision
	}{
		{"the distribution", oacPolicy, Request{"s3:GetObject", "arn:aws:s3:::site/a/b", edge, from("E1")}, Allow},
		{"action without regard to case", oacPolicy, Request{"S3:getobject", "arn:aws:s3:::site/a", edge, from("E1")}, Allow},
		{"another distribution", oacPolicy, Request{"s3:GetObject", "arn:aws:s3:::site/a", edge, from("E2")}, Implicit},
		{"no source", oacPolicy, Request{"s3:GetObject", "arn:aws:s3:::site/a", edge, nil}, Implicit},
		{"anonymous", oacPolicy, Request{"s3:GetObject", "arn:aws:s3:::site/a", nil, from("E1")}, Implicit},
		{"another bucket", oacPolicy, Request{"s3:GetObject", "arn:aws:s3:::other/a", edge, from("E1")}, Implicit},
		{"another action", oacPolicy, Request{"s3:PutObject", "arn:aws:s3:::site/a", edge, from("E1")}, Implicit},
		{"deny wins", withDeny, Request{"s3:GetObject", "arn:aws:s3:::site/a", edge, from("E1")}, Deny},
		{
			"unknown operator of an Allow", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"Odd":{"a":"b"}}}]}`,
			Request{Action: "x:Y", Resource: "r", Context: map[string]string{"a": "b"}},
			Implicit,
		},
		{
			"unknown operator of a Deny", `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Odd":{"a":"b"}}}]}`,
			Request{Action: "x:Y", Resource: "r", Context: map[string]string{"a": "b"}},
			Deny,
		},
		{
			"not principal", `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"*","Resource":"*"}]}`,
			Request{Action: "x:Y", Resource: "r", Principals: []string{"AWS:arn:aws:iam::1:root"}},
			Implicit,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse(tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Decide(&tt.rq); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	tests := []struct {
		op, want, got string
		met           bool
	}{
		{"StringEquals", "a", "a", true},
		{"StringNotEquals", "a", "a", false},
		{"StringNotLike", "a*", "b", true},
		{"StringLike", "a*c", "abbc", true},
		{"ArnLike", "arn:aws:cloudfront::1:distribution/*", "arn:aws:cloudfront::1:distribution/E", true},
		{"ArnLike", "arn:*:distribution/E", "arn:aws:cloudfront::1:distribution/E", false},
		{"IpAddress", "2001:db8::/32", "2001:db8::1", true},
		{"NotIpAddress", "10.0.0.0/8", "::ffff:10.1.1.1", false},
		{"Bool", "true", "True", true},
		{"NumericLessThan", "10", "9.5", true},
		{"DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", true},
		{"StringEqualsIfExists", "a", "b", false},
		{"StringEqualsIgnoreCase", "A", "a", true},
		{"StringNotEqualsIgnoreCase", "A", "a", false},
		{"ArnNotEquals", "arn:aws:s3:::b", "arn:aws:s3:::c", true},
		{"NotIpAddress", "10.0.0.0/8", "11.0.0.1", true},
		{"IpAddress", "10.0.0.0/8", "not an address", false},
		{"NumericNotEquals", "1", "2", true},
		{"NumericGreaterThanEquals", "2", "2", true},
		{"DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", true},
		{"DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false},
		{"Null", "false", "a", true},
		{"ForAnyValue:StringLike", "https://shop/*", "https://shop/a", true},
		{"ForAllValues:StringEquals", "a", "b", false},
		{"ForAnyValue:IpAddress", "10.0.0.0/8", "10.1.1.1", true},
	}
	for _, tt := range tests {
		c := condition{tt.op, "k", []string{tt.want}, false}
		if met, known := c.met(map[string]string{"k": tt.got}); !known || met != tt.met {
			t.Errorf("%s %q of %q: %v (known %v)", tt.op, tt.want, tt.got, met, known)
		}
	}
	if met, _ := (condition{"StringEqualsIfExists", "k", []string{"a"}, false}).met(nil); !met {
		t.Error("IfExists of an absent key")
	}
	// Without the key: what holds then, and whether the operator is known.
	for _, tt := range []struct {
		op, want   string
		met, known bool
	}{
		{"Null", "true", true, true},
		{"Null", "True", true, true},
		{"Null", "false", false, true},
		{"Null", "perhaps", false, false},
		{"StringEquals", "a", false, true},
		{"StringNotEquals", "a", true, true},
		{"StringNotLike", "a*", true, true},
		{"NotIpAddress", "10.0.0.0/8", true, true},
		{"ArnNotLike", "arn:*", true, true},
		{"BoolIfExists", "true", true, true},
		{"IpAddressIfExists", "10.0.0.0/8", true, true},
		{"ForAnyValue:StringEquals", "a", false, true},
		{"ForAnyValue:StringNotEquals", "a", false, true},
		{"ForAnyValue:StringEqualsIfExists", "a", true, true},
		{"ForAllValues:StringEquals", "a", true, true},
		{"ForSomeValues:StringEquals", "a", false, false},
		{"OddNot", "a", true, false},
		{"OddIfExists", "a", true, false},
		{"ForAllValues:Odd", "a", true, false},
	} {
		if met, known := (condition{tt.op, "k", []string{tt.want}, false}).met(nil); known != tt.known || known && met != tt.met {
			t.Errorf("%s of an absent key: %v (known %v)", tt.op, met, known)
		}
	}
}

func TestPublic(t *testing.T) {
	pub, _ := Parse(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*"}}`)
	oac, _ := Parse(oacPolicy)
	if !pub.Public() || oac.Public() {
		t.Error("Public")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", `{"Statement":[{"Effect":"Maybe","Action":"*"}]}`, `{"Statement":[{"Effect":"Allow"}]}`, `{"Statement":[{"Effect":"Allow","Action":"*","Principal":"me"}]}`} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// globSlow is the definition of Glob, by trying everything.
func globSlow(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		for i := 0; i <= len(s); i++ {
			if globSlow(p[1:], s[i:]) {
				return true
			}
		}
		return false
	case s == "":
		return false
	}
	return (p[0] == '?' || p[0] == s[0]) && globSlow(p[1:], s[1:])
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c*", "axxbyczz")
	f.Add("***", "")
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 12 || len(s) > 24 {
			return
		}
		if Glob(p, s) != globSlow(p, s) {
			t.Errorf("Glob(%q, %q) = %v", p, s, Glob(p, s))
		}
	})
}
