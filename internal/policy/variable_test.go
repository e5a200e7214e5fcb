// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

func TestVariables(t *testing.T) {
	const allow = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x:Y","Resource":"home/${aws:username}/*"}}`
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"x:Y","NotResource":"home/${aws:username}/*"}]}`
	const condition = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x:Y","Resource":"*","Condition":{"StringEquals":{"aws:referer":"${aws:username}"}}}}`
	alice := map[string]string{"aws:username": "alice", "aws:referer": "alice"}
	for _, tt := range []struct {
		name, policy, resource string
		context                map[string]string
		want                   Decision
	}{
		{"one's own", allow, "home/alice/a", alice, Allow},
		{"another's", allow, "home/bob/a", alice, Implicit},
		{"nobody's", allow, "home//a", nil, Implicit},
		{"a name that is a wildcard", allow, "home/bob/a", map[string]string{"aws:username": "*"}, Implicit},
		{"a default", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x:Y","Resource":"home/${aws:username, 'guest'}/*"}}`, "home/guest/a", nil, Allow},
		{"a dollar", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x:Y","Resource":"${$}a"}}`, "$a", nil, Allow},
		{"an old version has none", `{"Statement":{"Effect":"Allow","Action":"x:Y","Resource":"home/${aws:username}/*"}}`, "home/alice/a", alice, Implicit},
		{"deny all but one's own: one's own", deny, "home/alice/a", alice, Allow},
		{"deny all but one's own: another's", deny, "home/bob/a", alice, Deny},
		{"deny all but one's own: nobody's", deny, "home/alice/a", nil, Deny},
		{"condition", condition, "r", alice, Allow},
		{"condition that differs", condition, "r", map[string]string{"aws:username": "bob", "aws:referer": "alice"}, Implicit},
		{"condition of nobody", condition, "r", map[string]string{"aws:referer": "alice"}, Implicit},
		{"never closed", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x:Y","Resource":"a${b"}}`, "a${b", nil, Implicit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse(tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Decide(&Request{Action: "x:Y", Resource: tt.resource, Context: tt.context}); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
