// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const functionTemplate = `Resources:
  Rewrite:
    Type: AWS::CloudFront::Function
    Properties:
      Name: rewrite
      AutoPublish: true
      FunctionConfig: {Comment: adds a name, Runtime: cloudfront-js-2.0}
      FunctionCode: |
        function handler(event) {
          const r = event.request;
          console.log('at ' + r.uri);
          if (r.uri === '/bad') r.headers.via = { value: 'x' };
          if (r.uri.endsWith('/')) r.uri += 'index.html';
          return r;
        }
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{Id: web, DomainName: web.example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}]
        DefaultCacheBehavior:
          TargetOriginId: web
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
          OriginRequestPolicyId: 216adef6-5c7f-47e4-b989-5492eafa07d3
          ResponseHeadersPolicyId: !Ref Policy
          FunctionAssociations: [{EventType: viewer-request, FunctionARN: !GetAtt Rewrite.FunctionARN}]
  Policy:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        Name: safe
        SecurityHeadersConfig: {FrameOptions: {FrameOption: DENY, Override: true}}
`

const functionEvent = `{
  "version": "1.0",
  "context": {"eventType": "viewer-request"},
  "viewer": {"ip": "198.51.100.11"},
  "request": {"method": "GET", "uri": "/docs/", "querystring": {"q": {"value": "1"}}, "headers": {"host": {"value": "www.example.com"}}, "cookies": {}}
}`

func functionFolder(t *testing.T) string {
	return write(t, map[string]string{"template.yaml": functionTemplate, "event.json": functionEvent, "bad.json": strings.Replace(functionEvent, "/docs/", "/bad", 1)})
}

// TestE1FunctionTest: a function is tried from its template, and by the node
// that runs.
func TestE1FunctionTest(t *testing.T) {
	dir := functionFolder(t)
	template, event, bad := filepath.Join(dir, "template.yaml"), filepath.Join(dir, "event.json"), filepath.Join(dir, "bad.json")
	out, errs, code := command(t, "function", "test", "rewrite", "--event", event, "--template", template)
	if code != 0 || !strings.Contains(out, `"uri": "/docs/index.html"`) || !strings.Contains(out, "\ncompute utilization: ") || !strings.Contains(out, "\nlog: at /docs/\n") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if out, errs, code = command(t, "function", "test", "Rewrite", "-e", bad, "-t", template); code != 1 || !strings.Contains(out, "error: FunctionValidationError: function rewrite: header via is read-only") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	for _, args := range [][]string{
		{"rewrite", "--template", template},
		{"rewrite", "--template", template, "--event", template},
		{"other", "--template", template, "--event", event},
		{"rewrite", "--template", template, "--event", event, "--stage", "prod"},
	} {
		if _, errs, code := command(t, append([]string{"function", "test"}, args...)...); code != 2 {
			t.Errorf("%q: %d %s", args, code, errs)
		}
	}

	p := start(t, "up", template, "--data", t.TempDir())
	out, errs, code = command(t, "function", "test", "rewrite", "--event", event, "--admin", p.ready.Admin, "--json")
	var told struct {
		FunctionOutput        json.RawMessage
		ComputeUtilization    int
		FunctionExecutionLogs []string
		FunctionErrorMessage  string
	}
	if err := json.Unmarshal([]byte(out), &told); code != 0 || err != nil || told.FunctionExecutionLogs[0] != "at /docs/" || told.FunctionErrorMessage != "" || told.ComputeUtilization > 100 {
		t.Errorf("%d %v %s %s", code, err, out, errs)
	}
}

// TestE1FunctionsByAWSCLI: AWS's command tells of functions, and tries them.
func TestE1FunctionsByAWSCLI(t *testing.T) {
	dir := functionFolder(t)
	event := filepath.Join(dir, "event.json")
	p := start(t, "up", filepath.Join(dir, "template.yaml"), "--data", t.TempDir())
	const output = `{"request":{"headers":{"host":{"value":"www.example.com"}},"method":"GET","querystring":{"q":{"value":"1"}},"uri":"/docs/index.html","cookies":{}}}`
	var list struct {
		FunctionList struct {
			Items []struct{ Name, Status string }
		}
	}
	p.aws(t, &list, "list-functions", "--stage", "LIVE")
	if l := list.FunctionList.Items; len(l) != 1 || l[0].Name != "rewrite" || l[0].Status != "DEPLOYED" {
		t.Errorf("%+v", list)
	}
	var described struct {
		ETag            string
		FunctionSummary struct {
			FunctionConfig   struct{ Comment, Runtime string }
			FunctionMetadata struct{ FunctionARN, Stage string }
		}
	}
	p.aws(t, &described, "describe-function", "--name", "rewrite")
	if s := described.FunctionSummary; s.FunctionConfig.Comment != "adds a name" || s.FunctionConfig.Runtime != "cloudfront-js-2.0" ||
		s.FunctionMetadata.Stage != "DEVELOPMENT" || !strings.HasSuffix(s.FunctionMetadata.FunctionARN, ":function/rewrite") {
		t.Errorf("%+v", described)
	}
	file := filepath.Join(t.TempDir(), "code.js")
	p.aws(t, &struct{}{}, "get-function", "--name", "rewrite", file)
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "index.html") {
		t.Errorf("%v %s", err, text)
	}
	var tested struct {
		TestResult struct {
			ComputeUtilization    string
			FunctionExecutionLogs []string
			FunctionErrorMessage  string
			FunctionOutput        string
		}
	}
	p.aws(t, &tested, "test-function", "--name", "rewrite", "--if-match", described.ETag, "--event-object", "fileb://"+event)
	if r := tested.TestResult; r.FunctionOutput != output || r.FunctionExecutionLogs[0] != "at /docs/" || r.FunctionErrorMessage != "" || r.ComputeUtilization == "" {
		t.Errorf("%+v", tested)
	}
	if out := p.aws(t, nil, "test-function", "--name", "rewrite", "--if-match", "E0", "--event-object", "fileb://"+event); !strings.Contains(out, "(InvalidIfMatchVersion)") {
		t.Error(out)
	}
	functionPolicies(t, p)
}

func functionPolicies(t *testing.T, p *proc) {
	var caches struct {
		CachePolicyList struct {
			Items []struct {
				Type        string
				CachePolicy struct {
					ID string `json:"Id"`
				}
			}
		}
	}
	p.aws(t, &caches, "list-cache-policies", "--type", "managed")
	if l := caches.CachePolicyList.Items; len(l) != 1 || l[0].CachePolicy.ID != "658327ea-f89d-4fab-a63d-7e88639e58f6" || l[0].Type != "managed" {
		t.Errorf("%+v", caches)
	}
	var cache struct {
		ETag        string
		CachePolicy struct {
			CachePolicyConfig struct {
				Name       string
				MinTTL     int
				DefaultTTL int
				Parameters struct {
					EnableAcceptEncodingGzip bool
					CookiesConfig            struct{ CookieBehavior string }
				} `json:"ParametersInCacheKeyAndForwardedToOrigin"`
			}
		}
	}
	p.aws(t, &cache, "get-cache-policy", "--id", "658327ea-f89d-4fab-a63d-7e88639e58f6")
	if c := cache.CachePolicy.CachePolicyConfig; c.MinTTL != 1 || c.DefaultTTL != 86400 || !c.Parameters.EnableAcceptEncodingGzip ||
		c.Parameters.CookiesConfig.CookieBehavior != "none" || cache.ETag == "" {
		t.Errorf("%+v", cache)
	}
	var request struct {
		OriginRequestPolicy struct {
			OriginRequestPolicyConfig struct {
				HeadersConfig struct{ HeaderBehavior string }
			}
		}
	}
	p.aws(t, &request, "get-origin-request-policy", "--id", "216adef6-5c7f-47e4-b989-5492eafa07d3")
	if request.OriginRequestPolicy.OriginRequestPolicyConfig.HeadersConfig.HeaderBehavior != "allViewer" {
		t.Errorf("%+v", request)
	}
	var responses struct {
		ResponseHeadersPolicyList struct {
			Items []struct {
				ResponseHeadersPolicy struct {
					ResponseHeadersPolicyConfig struct {
						Name                  string
						SecurityHeadersConfig struct {
							FrameOptions struct {
								FrameOption string
								Override    bool
							}
						}
					}
				}
			}
		}
	}
	p.aws(t, &responses, "list-response-headers-policies")
	l := responses.ResponseHeadersPolicyList.Items
	if len(l) != 1 || l[0].ResponseHeadersPolicy.ResponseHeadersPolicyConfig.Name != "safe" ||
		!l[0].ResponseHeadersPolicy.ResponseHeadersPolicyConfig.SecurityHeadersConfig.FrameOptions.Override {
		t.Errorf("%+v", responses)
	}
}
