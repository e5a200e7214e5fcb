// SPDX-License-Identifier: Apache-2.0

package template

import (
	"encoding/json"
	"strings"
	"testing"
)

// keyed is a REST API with a stage that has two methods.
const keyed = `Resources:
  A: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}
  Pets: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: pets}}
  Root: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: ANY, Integration: {Type: MOCK}}}
  List: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref A, ResourceId: !Ref Pets, HttpMethod: GET, ApiKeyRequired: true, Integration: {Type: MOCK}}}
  S: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref A, StageName: prod}}
  K: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true}}
  P: {Type: AWS::ApiGateway::UsagePlan, Properties: {ApiStages: [{ApiId: !Ref A, Stage: !Ref S}]}}
  PK: {Type: AWS::ApiGateway::UsagePlanKey, Properties: {KeyId: !Ref K, KeyType: API_KEY, UsagePlanId: !Ref P}}
`

const httpStage = "  R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: GET /a}}\n  S: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref A, StageName: s, "

func loadOne(t *testing.T, text string) *Result {
	t.Helper()
	r, err := load(t, text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r[0]
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestA15Throttles reads the limits of stages.
func TestA15Throttles(t *testing.T) {
	settings := func(list string) string {
		return strings.Replace(keyed, "StageName: prod", "StageName: prod, MethodSettings: ["+list+"]", 1)
	}
	for _, tt := range []struct{ name, text, all, routes, note string }{
		{"nothing said", keyed, `{"Rate":null,"Burst":null}`, "null", ""},
		{"all methods", settings("{ResourcePath: /*, HttpMethod: '*', ThrottlingRateLimit: 0.5, ThrottlingBurstLimit: 2}"), `{"Rate":0.5,"Burst":2}`, "null", ""},
		{"zero is said", settings("{ResourcePath: /*, HttpMethod: '*', ThrottlingRateLimit: 0, ThrottlingBurstLimit: 0}"), `{"Rate":0,"Burst":0}`, "null", ""},
		{"other settings only", settings("{ResourcePath: /*, HttpMethod: '*', MetricsEnabled: true}"), `{"Rate":null,"Burst":null}`, "null", ""},
		{"one method", settings("{ResourcePath: /~1pets, HttpMethod: get, ThrottlingRateLimit: 5}"), `{"Rate":null,"Burst":null}`, `{"GET /pets":{"Rate":5,"Burst":null}}`, ""},
		{"one method, written plainly", settings("{ResourcePath: /pets, HttpMethod: GET, ThrottlingBurstLimit: 5}"), `{"Rate":null,"Burst":null}`, `{"GET /pets":{"Rate":null,"Burst":5}}`, ""},
		{"the root", settings("{ResourcePath: /, HttpMethod: ANY, ThrottlingRateLimit: 5}"), `{"Rate":null,"Burst":null}`, `{"ANY /":{"Rate":5,"Burst":null}}`, ""},
		{"no such method", settings("{ResourcePath: /~1cats, HttpMethod: GET, ThrottlingRateLimit: 5}"), `{"Rate":null,"Burst":null}`, "null", "the API has no GET /cats"},
		{"half a wildcard", settings("{ResourcePath: /~1pets, HttpMethod: '*', ThrottlingRateLimit: 5}"), `{"Rate":null,"Burst":null}`, "null", "this one limits nothing"},
		{"routes of an HTTP API", httpAPI + httpStage + "DefaultRouteSettings: {ThrottlingRateLimit: 9, ThrottlingBurstLimit: 3}, RouteSettings: {GET /a: {ThrottlingRateLimit: 1}}}}\n", `{"Rate":9,"Burst":3}`, `{"GET /a":{"Rate":1,"Burst":null}}`, ""},
		{"no such route", httpAPI + httpStage + "RouteSettings: {GET /b: {ThrottlingRateLimit: 1}}}}\n", `{"Rate":null,"Burst":null}`, "null", "the API has no GET /b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := loadOne(t, tt.text)
			s := r.Stack.APIs[0].Stages[0]
			if got := asJSON(t, s.Throttle); got != tt.all {
				t.Errorf("all: %s, want %s", got, tt.all)
			}
			if got := asJSON(t, s.RouteThrottles); got != tt.routes {
				t.Errorf("routes: %s, want %s", got, tt.routes)
			}
			hasNote(t, r, "S", tt.note)
		})
	}
}

// TestA16StageCache reads the caches of stages.
func TestA16StageCache(t *testing.T) {
	stage := func(with string) string {
		return strings.Replace(keyed, "StageName: prod", "StageName: prod, "+with, 1)
	}
	const all, pets = "{ResourcePath: /*, HttpMethod: '*', CachingEnabled: true, CacheTtlInSeconds: 60}", "{ResourcePath: /~1pets, HttpMethod: GET, CacheTtlInSeconds: 0}"
	for _, tt := range []struct {
		name, text, all, routes, note string
		size                          int64
	}{
		{"nothing said", keyed, `{"Enabled":null,"TTL":null,"Authorize":null,"Unauthorized":""}`, "null", "", 0},
		{"a cluster", stage("CacheClusterEnabled: true"), `{"Enabled":null,"TTL":null,"Authorize":null,"Unauthorized":""}`, "null", "", 1 << 29},
		{"a size alone", stage("CacheClusterSize: '237'"), `{"Enabled":null,"TTL":null,"Authorize":null,"Unauthorized":""}`, "null", "", 0},
		{"settings", stage("CacheClusterEnabled: true, CacheClusterSize: '118', MethodSettings: [" + all + ", " + pets + "]"), `{"Enabled":true,"TTL":60000000000,"Authorize":null,"Unauthorized":""}`, `{"GET /pets":{"Enabled":null,"TTL":0,"Authorize":null,"Unauthorized":""}}`, "", 118 << 30},
		{"no such method", stage("MethodSettings: [{ResourcePath: /cats, HttpMethod: GET, CachingEnabled: true}]"), `{"Enabled":null,"TTL":null,"Authorize":null,"Unauthorized":""}`, "null", "the API has no GET /cats", 0},
		{"of Cache-Control", strings.Replace(keyed, "{Type: AWS::ApiGateway::Stage, ", "{Type: AWS::ApiGateway::Stage, Metadata: {Forelane: {RequireAuthorizationForCacheControl: false, UnauthorizedCacheControlHeaderStrategy: FAIL_WITH_403}}, ", 1), `{"Enabled":null,"TTL":null,"Authorize":false,"Unauthorized":"FAIL_WITH_403"}`, "null", "AWS takes this from its API", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := loadOne(t, tt.text)
			s := r.Stack.APIs[0].Stages[0]
			if all, routes := asJSON(t, s.Caching), asJSON(t, s.RouteCaching); all != tt.all || routes != tt.routes || s.CacheBytes != tt.size {
				t.Errorf("%d %s %s", s.CacheBytes, all, routes)
			}
			hasNote(t, r, "S", tt.note)
		})
	}
	for with, want := range map[string]string{
		"CacheClusterEnabled: true, CacheClusterSize: '1'":                               "is no size of a stage's cache",
		"MethodSettings: [{ResourcePath: /*, HttpMethod: '*', CacheTtlInSeconds: 3601}]": "is no time to keep an answer",
	} {
		if _, err := load(t, stage(with), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", with, err)
		}
	}
}

func hasNote(t *testing.T, r *Result, id, want string) {
	t.Helper()
	for _, res := range r.Report.Resources {
		for _, n := range res.Notes {
			if want != "" && res.LogicalID == id && strings.Contains(n.Words, want) {
				return
			}
			if want == "" && (strings.Contains(n.Words, "nothing") || strings.Contains(n.Words, "not enabled")) {
				t.Errorf("%s: %s", res.LogicalID, n.Words)
			}
		}
	}
	if want != "" {
		t.Errorf("no note %q on %s", want, id)
	}
}

// TestA15Plans reads API keys and usage plans.
func TestA15Plans(t *testing.T) {
	plan := func(more string) string { return strings.Replace(keyed, "Stage: !Ref S}]", "Stage: !Ref S"+more, 1) }
	for _, tt := range []struct{ name, text, plan, id, note string }{
		{"plain", keyed, `"Stages":[{"API":"API","Stage":"prod","Routes":null}],"Throttle":{"Rate":null,"Burst":null},"Quota":null,"Keys":["KEY"]`, "", ""},
		{"limits", plan("}], Throttle: {RateLimit: 10, BurstLimit: 20}, Quota: {Limit: 100, Period: WEEK, Offset: 1}"), `"Throttle":{"Rate":10,"Burst":20},"Quota":{"Limit":100,"Period":"WEEK","Offset":1}`, "", ""},
		{"methods", plan(", Throttle: {/pets/GET: {RateLimit: 1, BurstLimit: 2}}}]"), `"Routes":{"GET /pets":{"Rate":1,"Burst":2}}`, "", ""},
		{"method of the root", plan(", Throttle: {//ANY: {RateLimit: 1}}}]"), `"Routes":{"ANY /":{"Rate":1,"Burst":null}}`, "", ""},
		{"method of the root, short", plan(", Throttle: {/ANY: {RateLimit: 1}}}]"), `"Routes":{"ANY /":{"Rate":1,"Burst":null}}`, "", ""},
		{"no such method", plan(", Throttle: {/cats/GET: {RateLimit: 1}}}]"), `"Routes":null`, "P", "the API has no GET /cats"},
		{"foreign API", strings.Replace(keyed, "ApiId: !Ref A, Stage: !Ref S", "ApiId: other, Stage: x", 1), `"Stages":null`, "P", "no REST API of this stack"},
		{"foreign key", strings.Replace(keyed, "KeyId: !Ref K", "KeyId: other", 1), `"Keys":null`, "PK", "the API key is not of this stack"},
		{"foreign plan", strings.Replace(keyed, "UsagePlanId: !Ref P", "UsagePlanId: other", 1), `"Keys":null`, "PK", "the usage plan is not of this stack"},
		{"key not enabled", strings.Replace(keyed, "Enabled: true", "Name: k", 1), `"Keys":["KEY"]`, "K", "the key is not enabled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := loadOne(t, tt.text)
			k, p := r.Stack.APIKeys[0], r.Stack.UsagePlans[0]
			got := strings.NewReplacer(r.Stack.APIs[0].ID, "API", k.ID, "KEY").Replace(asJSON(t, p))
			if !strings.Contains(got, tt.plan) {
				t.Errorf("got  %s\nwant %s", got, tt.plan)
			}
			if len(k.ID) != 10 || len(p.ID) != 6 || k.Enabled == strings.Contains(tt.note, "not enabled") {
				t.Errorf("%+v %+v", k, p)
			}
			hasNote(t, r, tt.id, tt.note)
		})
	}
}

func TestA15PlansRefuse(t *testing.T) {
	quota := func(q string) string {
		return strings.Replace(keyed, "Stage: !Ref S}]", "Stage: !Ref S}], Quota: {"+q+"}", 1)
	}
	second := "  K2: {Type: AWS::ApiGateway::ApiKey, Properties: {Value: 0123456789012345678901234}}\n"
	for _, tt := range []struct{ name, text, want string }{
		{"short key", strings.Replace(keyed, "Enabled: true", "Value: secret", 1), "a value of 6 characters is no API key"},
		{"long key", strings.Replace(keyed, "Enabled: true", "Value: "+strings.Repeat("x", 129), 1), "a value of 129 characters is no API key"},
		{"two keys of one value", strings.Replace(keyed, "Enabled: true", "Value: 0123456789012345678901234", 1) + second, "another API key has this value"},
		{"no stage", strings.Replace(keyed, "Stage: !Ref S}", "Stage: dev}", 1), `A has no stage "dev"`},
		{"two plans", keyed + "  P2: {Type: AWS::ApiGateway::UsagePlan, Properties: {ApiStages: [{ApiId: !Ref A, Stage: !Ref S}]}}\n" +
			"  PK2: {Type: AWS::ApiGateway::UsagePlanKey, Properties: {KeyId: !Ref K, KeyType: API_KEY, UsagePlanId: !Ref P2}}\n", "K is in P already, which has stage prod too"},
		{"quota without limit", quota("Period: DAY"), "a quota needs a Limit"},
		{"quota without period", quota("Limit: 1"), "a quota needs a Period"},
		{"offset of a day", quota("Limit: 1, Period: DAY, Offset: 1"), "an offset of 1 is not within a DAY"},
		{"offset of a week", quota("Limit: 1, Period: WEEK, Offset: 7"), "an offset of 7 is not within a WEEK"},
		{"offset of a month", quota("Limit: 1, Period: MONTH, Offset: 28"), "an offset of 28 is not within a MONTH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(t, tt.text, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestA15SAM writes a usage plan by SAM: AWS's own translator gives the same
// resources.
func TestA15SAM(t *testing.T) {
	r := loadOne(t, `Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      MethodSettings: [{ResourcePath: /*, HttpMethod: '*', ThrottlingRateLimit: 7, ThrottlingBurstLimit: 3}]
      Auth: {ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: PER_API, Quota: {Limit: 5, Period: DAY}, Throttle: {RateLimit: 2, BurstLimit: 1}}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: a.b
      InlineCode: x
      Events:
        Get: {Type: Api, Properties: {RestApiId: !Ref A, Path: /a, Method: get}}
        Free: {Type: Api, Properties: {RestApiId: !Ref A, Path: /free, Method: get, Auth: {ApiKeyRequired: false}}}
`)
	a := r.Stack.APIs[0]
	if len(r.Stack.APIKeys) != 1 || len(r.Stack.UsagePlans) != 1 {
		t.Fatalf("%d keys, %d plans", len(r.Stack.APIKeys), len(r.Stack.UsagePlans))
	}
	k, p := r.Stack.APIKeys[0], r.Stack.UsagePlans[0]
	if k.LogicalID != "AApiKey" || !k.Enabled || k.Value != "" {
		t.Errorf("%+v", k)
	}
	want := `"Stages":[{"API":"` + a.ID + `","Stage":"prod","Routes":null}],"Throttle":{"Rate":2,"Burst":1},"Quota":{"Limit":5,"Period":"DAY","Offset":0},"Keys":["` + k.ID + `"]`
	if got := asJSON(t, p); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := asJSON(t, a.Stages[0].Throttle); got != `{"Rate":7,"Burst":3}` {
		t.Errorf("stage: %s", got)
	}
	for _, rt := range a.Routes {
		if rt.APIKeyRequired != (rt.Path == "/a") {
			t.Errorf("%s: API key required %v", rt.Key, rt.APIKeyRequired)
		}
	}
}
