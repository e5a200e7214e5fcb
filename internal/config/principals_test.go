// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const goodPrincipals = `principals:
  - accessKeyId: AKIAIOSFODNN7EXAMPLE
    secretAccessKey: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
    arn: arn:aws:iam::123456789012:user/staff/alice
    policies:
      - Caller
      - Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: "execute-api:Invoke", Resource: "*"}
  - accessKeyId: ASIAIOSFODNN7EXAMPLE
    secretAccessKey: "00000000000000000000000000000001"
    sessionToken: token
    expires: 2030-01-02T03:04:05Z
    arn: arn:aws:sts::123456789012:assumed-role/R/s
    id: AROAEXAMPLE:s
`

func TestA13PrincipalsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "principals.yaml")
	if err := os.WriteFile(file, []byte(goodPrincipals), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := ReadPrincipals(file)
	if err != nil {
		t.Fatal(err)
	}
	alice, session := set.Find("AKIAIOSFODNN7EXAMPLE"), set.Find("ASIAIOSFODNN7EXAMPLE")
	if alice == nil || session == nil || len(set.All()) != 2 {
		t.Fatalf("%d principals", len(set.All()))
	}
	if len(alice.Policies) != 1 || len(alice.Names) != 1 || alice.Account() != "123456789012" || !strings.HasPrefix(alice.ID, "AIDA") {
		t.Errorf("%d policies, names %v, account %s, id %s", len(alice.Policies), alice.Names, alice.Account(), alice.ID)
	}
	if session.ID != "AROAEXAMPLE:s" || !session.HasToken("token") || session.HasToken("") || !session.Expired(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("session %s, expires %v", session.ID, session.Expires)
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPrincipals(file); err == nil || !strings.Contains(err.Error(), "everybody on this machine may read it") {
		t.Errorf("a file that others may read: %v", err)
	}
}

func TestA13PrincipalsFileErrors(t *testing.T) {
	change := func(old, now string) string { return strings.Replace(goodPrincipals, old, now, 1) }
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "# nobody\n", "p.yaml:1:1: the file names nobody"},
		{"an empty list", "principals: []\n", "p.yaml:1:1: principals: it names nobody"},
		{"a list at the top", "- a\n", "p.yaml:1:1: want a map, not a list"},
		{"another top", "principal: []\n", "p.yaml:1:1: principal: there is no such setting"},
		{"no YAML", "principals: [*wJalrXUtnFEMI\n", "it cannot be read as YAML"},
		{"an unknown key", change("arn:", "ARN:"), "p.yaml:4:5: principals[0].ARN: there is no such setting (did you mean arn?)"},
		{"a key twice", change("    arn:", "    accessKeyId: b\n    arn:"), "p.yaml:4:5: principals[0].accessKeyId: it is given twice: line 2 has it already"},
		{"a short key", change("AKIAIOSFODNN7EXAMPLE", "AKIA"), "p.yaml:2:18: principals[0].accessKeyId: want 16 to 128"},
		{"a number for a secret", change(`"00000000000000000000000000000001"`, "12345678901234567890"), "p.yaml:11:22: principals[1].secretAccessKey: want a text (put it in quotes)"},
		{"a short secret", change("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "short"), "p.yaml:3:22: principals[0].secretAccessKey: want 16 to 4096 bytes"},
		{"no secret", change("    secretAccessKey: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n", ""), "p.yaml:2:5: principals[0].secretAccessKey: want 16"},
		{"a role for a user", change("user/staff/alice", "role/r"), "p.yaml:4:10: principals[0].arn: want arn:aws:iam::123456789012:user/NAME"},
		{"a session of iam", change("arn:aws:sts", "arn:aws:iam"), "p.yaml:14:10: principals[1].arn: want"},
		{"a key of another", change("ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"), "p.yaml:10:18: principals[1].accessKeyId: line 2 has this access key already"},
		{"a day for a time", change("2030-01-02T03:04:05Z", "2030-01-02"), "p.yaml:13:14: principals[1].expires: want a time"},
		{"a name for a list", change("policies:\n      - Caller", "policies: Caller\n    x:\n      - Caller"), "p.yaml:5:15: principals[0].policies: want names of policies, or documents"},
		{"a misspelt condition", change(`Resource: "*"`, `Resource: "*", Conditions: {}`), "p.yaml:9:74: principals[0].policies[1].Statement[0].Conditions: there is no such setting (did you mean Condition?)"},
		{"a principal in it", change(`Resource: "*"`, `Resource: "*", Principal: "*"`), "Statement[0].Principal: there is no such setting"},
		{"no resource", change(`, Resource: "*"`, ""), "p.yaml:9:13: principals[0].policies[1].Statement[0]: the resource is missing"},
		{"no effect", change("Effect: Allow, ", ""), "p.yaml:7:9: principals[0].policies[1]: policy: statement 1: the effect must be Allow or Deny"},
		{"no statement", change("Statement:", "Id:"), "the document has no statement"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := parsePrincipals("p.yaml", []byte(tt.text))
			if err == nil || set != nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "wJalr") || strings.Contains(err.Error(), "12345678901234567890") || strings.Contains(err.Error(), "short") && tt.name == "a short secret" {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

// TestA13PrincipalsPage: the example of the reference page is a file that is
// read, and the page names every property.
func TestA13PrincipalsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/principals.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the page has no example")
	}
	set, err := parsePrincipals("principals.md", []byte(example))
	if err != nil || len(set.All()) != 2 {
		t.Fatalf("%d principals: %v", len(set.All()), err)
	}
	for _, property := range principalProperties() {
		if !strings.Contains(string(page), "`"+property+"`") {
			t.Errorf("the page does not have %s", property)
		}
	}
}
