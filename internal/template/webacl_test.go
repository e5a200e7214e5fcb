// SPDX-License-Identifier: Apache-2.0

package template

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

const aclHead = `Resources:
  Set: {Type: AWS::WAFv2::IPSet, Properties: {Scope: CLOUDFRONT, IPAddressVersion: IPV4, Addresses: [192.0.2.0/24]}}
  ACL:
    Type: AWS::WAFv2::WebACL
    Properties:
      Name: acl
      Scope: CLOUDFRONT
      DefaultAction: {Allow: {}}
      VisibilityConfig: {SampledRequestsEnabled: false, CloudWatchMetricsEnabled: false, MetricName: m}
      Rules:
        - Name: r
          Priority: 1
          VisibilityConfig: {SampledRequestsEnabled: false, CloudWatchMetricsEnabled: false, MetricName: m}
`

func TestW1WebACLIsRead(t *testing.T) {
	r := project(t, map[string]string{"template.yaml": aclHead + `
          Action: {Block: {}}
          Statement: {IPSetReferenceStatement: {Arn: !GetAtt Set.Arn}}
`}, Options{})
	a := r.Stack.WebACLs[0]
	s, ok := a.Rules[0].Statement.(*model.IPMatch)
	if !ok || len(s.Addresses) != 1 || a.Namespace != "awswaf:123456789012:webacl:acl:" || a.BodyLimit != 16<<10 {
		t.Errorf("%+v", a)
	}
}

func TestW1WebACLIsRefused(t *testing.T) {
	for want, rule := range map[string]string{
		"no property Captch":        "Action: {Captch: {}}\n          Statement: {LabelMatchStatement: {Scope: LABEL, Key: x}}",
		"no IP set":                 "Action: {Block: {}}\n          Statement: {IPSetReferenceStatement: {Arn: arn:y}}",
		"exactly one kind":          "Action: {Block: {}}\n          Statement: {}",
		"has an OverrideAction":     "Action: {Block: {}}\n          Statement: {ManagedRuleGroupStatement: {VendorName: AWS, Name: AWSManagedRulesSQLiRuleSet}}",
		"cannot be read":            "Action: {Block: {}}\n          Statement: {RegexMatchStatement: {RegexString: 'a(?=b)', FieldToMatch: {UriPath: {}}, TextTransformations: [{Priority: 0, Type: NONE}]}}",
		"rate limit of 9":           "Action: {Block: {}}\n          Statement: {RateBasedStatement: {Limit: 9, AggregateKeyType: IP}}",
		"evaluation window":         "Action: {Block: {}}\n          Statement: {RateBasedStatement: {Limit: 10, EvaluationWindowSec: 90, AggregateKeyType: IP}}",
		"cannot stand inside":       "Action: {Block: {}}\n          Statement: {NotStatement: {Statement: {RateBasedStatement: {Limit: 10, AggregateKeyType: IP}}}}",
		"a block cannot answer":     "Action: {Block: {CustomResponse: {ResponseCode: 299}}}\n          Statement: {LabelMatchStatement: {Scope: LABEL, Key: x}}",
		"there is no property Foo":  "Action: {Block: {}}\n          Statement: {LabelMatchStatement: {Scope: LABEL, Key: x, Foo: y}}",
		"reads exactly one compone": "Action: {Block: {}}\n          Statement: {XssMatchStatement: {FieldToMatch: {}, TextTransformations: [{Priority: 0, Type: NONE}]}}",
	} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(file, []byte(aclHead+"          "+rule+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestW5CapacityIsTold: what the rules cost at AWS stands in the report, and a
// sum that AWS refuses is a warning.
func TestW5CapacityIsTold(t *testing.T) {
	const rule = `
        - {Name: %s, Priority: %d, VisibilityConfig: {SampledRequestsEnabled: false, CloudWatchMetricsEnabled: false, MetricName: m}, %s}`
	managed := "OverrideAction: {None: {}}, Statement: {ManagedRuleGroupStatement: {VendorName: AWS, Name: AWSManagedRules%s, ScopeDownStatement: {GeoMatchStatement: {CountryCodes: [SE]}}}}"
	xss := "Action: {Block: {}}, Statement: {NotStatement: {Statement: {XssMatchStatement: {FieldToMatch: {AllQueryArguments: {}}, TextTransformations: [{Priority: 0, Type: LOWERCASE}, {Priority: 1, Type: URL_DECODE}]}}}}"
	many := ""
	for i := range 70 {
		many += fmt.Sprintf(rule, fmt.Sprint("x", i), 10+i, xss) // 40 + 10 + 2·10 each
	}
	for _, tt := range []struct{ name, rules, fact, note string }{
		{"one set", "\n          Action: {Block: {}}\n          Statement: {IPSetReferenceStatement: {Arn: !GetAtt Set.Arn}}", "capacity 1 of 1,500 included in the price, 5,000 at most", ""},
		{
			"groups and more", "\n          Action: {Block: {}}\n          Statement: {RateBasedStatement: {Limit: 10, AggregateKeyType: IP}}" +
				fmt.Sprintf(rule, "c", 2, fmt.Sprintf(managed, "CommonRuleSet")) + fmt.Sprintf(rule, "s", 3, fmt.Sprintf(managed, "SQLiRuleSet")),
			"capacity 904 of 1,500 included in the price, 5,000 at most", "",
		},
		{
			"another vendor", "\n          OverrideAction: {None: {}}\n          Statement: {ManagedRuleGroupStatement: {VendorName: Other, Name: Theirs}}",
			"capacity 0 of 1,500 included in the price, 5,000 at most; without 1 managed groups whose capacity is not known", "",
		},
		{
			"more than AWS takes", "\n          Action: {Block: {}}\n          Statement: {IPSetReferenceStatement: {Arn: !GetAtt Set.Arn}}" + many + fmt.Sprintf(rule, "c", 2, fmt.Sprintf(managed, "CommonRuleSet")),
			"capacity 5,602 of 1,500 included in the price, 5,000 at most", "AWS refuses a web ACL of more than 5,000",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := project(t, map[string]string{"template.yaml": aclHead + tt.rules}, Options{})
			var text strings.Builder
			if err := r.Report.Text(&text); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), "  "+tt.fact+"\n") || tt.note != "" && !strings.Contains(text.String(), tt.note) {
				t.Errorf("no %q, %q in\n%s", tt.fact, tt.note, text.String())
			}
		})
	}
}

const aclLog = `
          Action: {Block: {}}
          Statement: {IPSetReferenceStatement: {Arn: !GetAtt Set.Arn}}
  Log:
    Type: AWS::WAFv2::LoggingConfiguration
    Properties:
      ResourceArn: !GetAtt ACL.Arn
`

func TestW8LoggingIsRead(t *testing.T) {
	r := project(t, map[string]string{"template.yaml": aclHead + aclLog + `
      LogDestinationConfigs: [!GetAtt Lines.Arn]
      RedactedFields: [{Method: {}}, {SingleHeader: {Name: authorization}}]
      LoggingFilter:
        DefaultBehavior: DROP
        Filters: [{Behavior: KEEP, Requirement: MEETS_ANY, Conditions: [{ActionCondition: {Action: BLOCK}}, {LabelNameCondition: {LabelName: "awswaf:1:a"}}]}]
  Lines: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: aws-waf-logs-a}}
`}, Options{})
	l := r.Stack.WebACLs[0].Logging
	if l == nil || !strings.HasSuffix(l.Destination, ":log-group:aws-waf-logs-a") || !l.Drop || len(l.Redact) != 2 || l.Redact[0].Field != model.ProtectMethod {
		t.Fatalf("%+v", l)
	}
	if f := l.Filters[0]; !f.Any || f.Drop || f.Conditions[0].Action != "BLOCK" || f.Conditions[1].Label != "awswaf:1:a" {
		t.Errorf("%+v", f)
	}
}

func TestW8LoggingIsRefused(t *testing.T) {
	for want, rest := range map[string]string{
		"not to 2":                "LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-a, arn:aws:s3:::aws-waf-logs-b]",
		"no property Body":        "LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-a]\n      RedactedFields: [{Body: {}}]",
		`"MAYBE" is not a value`:  "LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-a]\n      LoggingFilter: {DefaultBehavior: MAYBE, Filters: []}",
		"at least one condition":  "LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-a]\n      LoggingFilter: {DefaultBehavior: KEEP, Filters: [{Behavior: DROP, Requirement: MEETS_ALL}]}",
		"of exactly one kind":     "LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-a]\n      LoggingFilter: {DefaultBehavior: KEEP, Filters: [{Behavior: DROP, Requirement: MEETS_ALL, Conditions: [{}]}]}",
		"logging configuration a": "LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-a]\n  Second: {Type: AWS::WAFv2::LoggingConfiguration, Properties: {ResourceArn: !GetAtt ACL.Arn, LogDestinationConfigs: [arn:aws:s3:::aws-waf-logs-b]}}",
	} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(file, []byte(aclHead+aclLog+"      "+rest+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
