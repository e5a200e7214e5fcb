// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
)

// withFunctions is a plant with functions f1, which a behavior uses, and f2.
func withFunctions(t *testing.T) *plant {
	t.Helper()
	p := newPlant(t)
	var all []*model.EdgeFunction
	for _, name := range []string{"f1", "f2"} {
		all = append(all, &model.EdgeFunction{
			LogicalID: strings.ToUpper(name), Name: name, ARN: "arn:aws:cloudfront::1:function/" + name, Comment: "of " + name, Runtime: "cloudfront-js-2.0",
			Code: "function handler(event) { console.log('seen <it>'); if (event.request.uri === '/bad') throw new Error('boom'); return event.request; }",
		})
	}
	all[0].Stores = []string{"arn:aws:cloudfront::1:key-value-store/s"}
	set, err := edgefunc.Compile(all, []*model.KeyValueStore{{ID: "s", Name: "s", ARN: all[0].Stores[0]}}, edgefunc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		f, _ := set.Function(m.ARN)
		p.functions = append(p.functions, Function{m, time.Unix(1e9, 0), f})
	}
	p.all[0].Behaviors[0].Functions[0].ARN = all[0].ARN
	return p
}

func TestE1FunctionsAreTold(t *testing.T) {
	p := withFunctions(t)
	w := ask(p, "GET", Prefix+"function/f1/describe?Stage=LIVE", "")
	for _, want := range []string{
		`<FunctionSummary xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Name>f1</Name><Status>DEPLOYED</Status>`,
		`<Comment>of f1</Comment><Runtime>cloudfront-js-2.0</Runtime><KeyValueStoreAssociations><Quantity>1</Quantity><Items><KeyValueStoreAssociation><KeyValueStoreARN>`,
		`<FunctionARN>arn:aws:cloudfront::1:function/f1</FunctionARN><Stage>LIVE</Stage><CreatedTime>2001-09-09T01:46:40.000Z</CreatedTime>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("lacks %s: %s", want, w.Body)
		}
	}
	etag := w.Header().Get("ETag")
	if w = ask(p, "GET", Prefix+"function/F2", ""); w.Body.String() != p.functions[1].Code || w.Header().Get("ETag") == etag {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	seen, marker := "", ""
	for range 4 {
		body := ask(p, "GET", Prefix+"function?MaxItems=1&Marker="+marker, "").Body.String()
		_, rest, _ := strings.Cut(body, "<FunctionSummary><Name>")
		seen += rest[:2]
		_, rest, _ = strings.Cut(body, "<NextMarker>")
		marker, _, _ = strings.Cut(rest, "<")
	}
	if seen != "f1f1f2f2" || marker != "" {
		t.Errorf("pages: %s, then %q", seen, marker)
	}
	body := ask(p, "GET", Prefix+"function?Stage=LIVE", "").Body.String()
	if strings.Count(body, "<FunctionSummary>") != 2 || strings.Contains(body, "DEVELOPMENT") || !strings.Contains(body, "UNASSOCIATED") {
		t.Error(body)
	}
}

func TestE1TestFunction(t *testing.T) {
	p := withFunctions(t)
	run := func(name, event, stage, version string) (int, string) {
		body := `<TestFunctionRequest xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><EventObject>` + base64.StdEncoding.EncodeToString([]byte(event)) +
			"</EventObject><Stage>" + stage + "</Stage></TestFunctionRequest>"
		w := ask(p, "POST", Prefix+"function/"+name+"/test", body, "If-Match: "+version)
		return w.Code, w.Body.String()
	}
	version := versionOf(p.functions[1])
	status, body := run("f2", `{"request":{"method":"GET","uri":"/a"}}`, "LIVE", version)
	for _, want := range []string{
		"<FunctionExecutionLogs><member>seen &lt;it&gt;</member></FunctionExecutionLogs><FunctionErrorMessage></FunctionErrorMessage>",
		"<FunctionOutput>{&#34;request&#34;:{&#34;headers&#34;:{},&#34;method&#34;:&#34;GET&#34;", "<Stage>LIVE</Stage>", "<ComputeUtilization>",
	} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("lacks %s: %d %s", want, status, body)
		}
	}
	if status, body = run("f2", `{"request":{"method":"GET","uri":"/bad"}}`, "", version); status != 200 || !strings.Contains(body, "boom</FunctionErrorMessage><FunctionOutput></FunctionOutput>") {
		t.Errorf("%d %s", status, body)
	}
	for _, tt := range []struct {
		name, event, stage, version, code string
	}{
		{"f3", "{}", "", version, "NoSuchFunctionExists"},
		{"f2", "{}", "", version, "InvalidArgument"},
		{"f2", "{}", "BETA", version, "InvalidArgument"},
		{"f2", "{}", "", "E0", "InvalidIfMatchVersion"},
		{"f2", "{}", "", "", "InvalidIfMatchVersion"},
	} {
		if status, body := run(tt.name, tt.event, tt.stage, tt.version); status < 400 || !strings.Contains(body, "<Code>"+tt.code+"</Code>") {
			t.Errorf("%+v: %d %s", tt, status, body)
		}
	}
	if w := ask(p, "POST", Prefix+"function/f2/test", "<a"); !strings.Contains(w.Body.String(), "MalformedXML") {
		t.Error(w.Body)
	}
}

func TestPolicies(t *testing.T) {
	p := newPlant(t)
	rate := 50.0
	b := p.all[0].Behaviors[1]
	b.Cache = &model.CachePolicy{
		ID: "c1", Name: "mine", MinTTL: time.Second, DefaultTTL: time.Minute, MaxTTL: time.Hour, Gzip: true,
		Headers: model.Selection{Mode: model.SelectList, Names: []string{"X-A"}}, Queries: model.Selection{Mode: model.SelectAll},
	}
	b.OriginRequest = &model.OriginRequestPolicy{ID: "o1", Name: "all", Managed: true, Headers: model.Selection{Mode: model.SelectAllViewer}}
	b.ResponseHeaders = &model.ResponseHeadersPolicy{
		ID: "r1", Name: "safe", CORS: &model.PolicyCORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"ALL"}, MaxAge: 600}, Remove: []string{"X-R"}, ServerTiming: &rate,
		Security: []model.PolicyHeader{
			{Name: "Strict-Transport-Security", Value: "max-age=63072000; includeSubdomains; preload", Override: true},
			{Name: "X-Frame-Options", Value: "DENY"},
			{Name: "X-XSS-Protection", Value: "1; report=https://r.example"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
			{Name: "Referrer-Policy", Value: "same-origin"},
			{Name: "Content-Security-Policy", Value: "default-src 'self'"},
		},
		Custom: []model.PolicyHeader{{Name: "X-C", Value: "v"}},
	}
	for path, want := range map[string][]string{
		"cache-policy/c1": {
			`<CachePolicy xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Id>c1</Id><LastModifiedTime>`, `<CachePolicyConfig><Comment></Comment><Name>mine</Name><DefaultTTL>60</DefaultTTL><MaxTTL>3600</MaxTTL><MinTTL>1</MinTTL>`,
			`<HeadersConfig><HeaderBehavior>whitelist</HeaderBehavior><Headers><Quantity>1</Quantity><Items><Name>X-A</Name></Items></Headers></HeadersConfig><CookiesConfig><CookieBehavior>none</CookieBehavior></CookiesConfig>`,
		},
		"cache-policy/c1/config":            {`<CachePolicyConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Comment>`},
		"cache-policy?Type=custom":          {`<CachePolicyList xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><MaxItems>100</MaxItems>`, `<CachePolicySummary><Type>custom</Type><CachePolicy><Id>c1</Id>`},
		"cache-policy?MaxItems=1":           {`<NextMarker>658327ea</NextMarker><MaxItems>1</MaxItems><Quantity>1</Quantity>`},
		"origin-request-policy":             {`<OriginRequestPolicySummary><Type>managed</Type><OriginRequestPolicy><Id>o1</Id>`, `<HeaderBehavior>allViewer</HeaderBehavior></HeadersConfig>`},
		"origin-request-policy?Type=custom": {`<Quantity>0</Quantity></OriginRequestPolicyList>`},
		"response-headers-policy/r1": {
			`<AccessControlAllowMethods><Quantity>1</Quantity><Items><Method>ALL</Method></Items>`, `<AccessControlMaxAgeSec>600</AccessControlMaxAgeSec>`,
			`<XSSProtection><Override>false</Override><Protection>true</Protection><ModeBlock>false</ModeBlock><ReportUri>https://r.example</ReportUri>`,
			`<StrictTransportSecurity><Override>true</Override><IncludeSubdomains>true</IncludeSubdomains><Preload>true</Preload><AccessControlMaxAgeSec>63072000</AccessControlMaxAgeSec>`,
			`<FrameOption>DENY</FrameOption>`, `<SamplingRate>50</SamplingRate>`, `<ResponseHeadersPolicyRemoveHeader><Header>X-R</Header>`, `<Header>X-C</Header><Value>v</Value>`,
		},
		"cache-policy/none":          {`<Code>NoSuchCachePolicy</Code>`},
		"cache-policy?Type=x":        {`<Code>InvalidArgument</Code>`},
		"response-headers-policy/c1": {`<Code>NoSuchResponseHeadersPolicy</Code>`},
	} {
		w := ask(p, "GET", Prefix+path, "")
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s lacks %s: %s", path, text, w.Body)
			}
		}
	}
}
