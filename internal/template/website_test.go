// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const routed = `Resources:
  B:
    Type: AWS::S3::Bucket
    Properties:
      WebsiteConfiguration:
        IndexDocument: index.html
        RoutingRules:
          - RoutingRuleCondition: {KeyPrefixEquals: docs/}
            RedirectRule: {ReplaceKeyPrefixWith: documents/, HttpRedirectCode: "302"}
          - RoutingRuleCondition: {HttpErrorCodeReturnedEquals: "404"}
            RedirectRule: {HostName: example.com, Protocol: https, ReplaceKeyWith: ""}
`

func TestS1RoutingRules(t *testing.T) {
	load := func(text string) (*Result, error) {
		file := filepath.Join(t.TempDir(), "t.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(t.Context(), file, Options{})
		if err != nil {
			return nil, err
		}
		return got[0], nil
	}
	r, err := load(routed)
	if err != nil {
		t.Fatal(err)
	}
	rules := r.Stack.Buckets[0].Website.Rules
	if len(rules) != 2 || rules[0].KeyPrefix != "docs/" || *rules[0].KeyPrefixWith != "documents/" || rules[0].Status != 302 || rules[0].Key != nil ||
		rules[1].Error != 404 || rules[1].Host != "example.com" || rules[1].Status != 301 || *rules[1].Key != "" {
		t.Errorf("%+v", rules)
	}
	if err := r.Report.Strict(); err != nil {
		t.Errorf("strict: %v", err)
	}
	for name, text := range map[string]string{
		"is no redirect":     strings.Replace(routed, `"302"`, `"200"`, 1),
		"exclude each other": strings.Replace(routed, "ReplaceKeyWith:", "ReplaceKeyPrefixWith: x, ReplaceKeyWith:", 1),
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
