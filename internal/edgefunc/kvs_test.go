// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func testStore() *model.KeyValueStore {
	return &model.KeyValueStore{
		ID: "a1b2", Name: "store", ARN: "arn:aws:cloudfront::123456789012:key-value-store/a1b2",
		Items: []model.KeyValue{{Key: "k", Value: "v"}, {Key: "j", Value: `{"a":[1]}`}, {Key: "é", Value: "ü"}},
	}
}

func TestE4KeyValueStore(t *testing.T) {
	for expr, want := range map[string]string{
		"await cf.kvs().get('k')":                                                                                    `"v"`,
		"await cf.kvs('a1b2').get('k', { format: 'string' })":                                                        `"v"`,
		"await cf.kvs().get('j', { format: 'json' })":                                                                `{"a":[1]}`,
		"(await cf.kvs().get('é', { format: 'bytes' })).toString()":                                                  `"ü"`,
		"[await cf.kvs().exists('k'), await cf.kvs().exists('x')]":                                                   `[true,false]`,
		"(await cf.kvs().meta()).keyCount":                                                                           `3`,
		"await cf.kvs().count()":                                                                                     `3`,
		"/^\\d{4}-.*Z$/.test((await cf.kvs().meta()).creationDateTime)":                                              `true`,
		"await cf.kvs().get('x').catch(function (e) { return e.name; })":                                             `"KeyNotFound"`,
		"await cf.kvs().get('k', { format: 'json' }).catch(function (e) { return e.name; })":                         `"SyntaxError"`,
		"await cf.kvs().get('k', { format: 'xml' }).catch(function (e) { return e.name; })":                          `"TypeError"`,
		"(function () { try { cf.kvs('other'); } catch (e) { return e.message.indexOf('not associated') > 0; } })()": `true`,
	} {
		if got := eval(t, v2, expr, testStore()); got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
	if got := eval(t, v2, "(function () { try { cf.kvs(); } catch (e) { return e.message; } })()"); got != `"no key value store is associated with the function"` {
		t.Error(got)
	}
	_, _, _, err := request(t, v2, "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler(event) {\n  await kvs.get('x');\n}", testStore())
	var e *Error
	if !errors.As(err, &e) || e.Kind != Execution || !strings.Contains(e.Message, "KeyNotFound") {
		t.Error(err)
	}
}

func TestE4StoreLimits(t *testing.T) {
	big := make([]model.KeyValue, 6000)
	for i := range big {
		big[i] = model.KeyValue{Key: fmt.Sprint(i), Value: strings.Repeat("x", 1000)}
	}
	for word, items := range map[string][]model.KeyValue{
		"1 to 512": {{Key: strings.Repeat("k", 513), Value: ""}},
		"0 bytes":  {{Key: "", Value: "x"}},
		"1025":     {{Key: "k", Value: strings.Repeat("x", 1024)}},
		"twice":    {{Key: "k", Value: "a"}, {Key: "k", Value: "b"}},
		"5242880":  big,
	} {
		_, err := Compile(nil, []*model.KeyValueStore{{Name: "s", Items: items}}, Options{})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	ok := []model.KeyValue{{Key: strings.Repeat("k", 512), Value: strings.Repeat("x", 512)}}
	if _, err := Compile(nil, []*model.KeyValueStore{{Name: "s", Items: ok}}, Options{}); err != nil {
		t.Error(err)
	}
}

func TestE4Association(t *testing.T) {
	fn := func(kind string, stores ...string) *model.EdgeFunction {
		return &model.EdgeFunction{Name: "f", Runtime: kind, Code: "function handler(e) {}", Stores: stores}
	}
	for word, f := range map[string]*model.EdgeFunction{
		"allows one":           fn(v2, "a", "b"),
		"needs runtime":        fn(v1, testStore().ARN),
		"is not in this stack": fn(v2, "arn:aws:cloudfront::1:key-value-store/none"),
	} {
		if _, err := Compile([]*model.EdgeFunction{f}, []*model.KeyValueStore{testStore()}, Options{}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestE3OriginHelpers(t *testing.T) {
	path, none := "/p", ""
	for _, tt := range []struct {
		call string
		want *Origin
	}{
		{"", nil},
		{
			"cf.updateRequestOrigin({ domainName: 'www.example.com', hostHeader: 'h', originPath: '/p', sni: 's', connectionAttempts: 2, " +
				"allowedCertificateNames: ['a'], customHeaders: { 'x-a': 'b' }, timeouts: { readTimeout: 30, connectionTimeout: 5, keepAliveTimeout: 6 }, " +
				"customOriginConfig: { port: '8443', protocol: 'https', sslProtocols: ['TLSv1.2'] }, originShield: { enabled: true, region: 'us-east-2' }, " +
				"originAccessControlConfig: { enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3' } })",
			&Origin{Action: OriginUpdate, Override: Override{
				DomainName: "www.example.com", HostHeader: "h", Path: &path, SNI: "s", Attempts: 2, Certificates: []string{"a"},
				Headers: &[]model.HeaderField{{Name: "X-A", Value: "b"}}, ReadTimeout: 30 * time.Second, Connect: 5 * time.Second, KeepAlive: 6 * time.Second,
				Port: 8443, Protocol: "https", TLSVersions: []string{"TLSv1.2"}, ShieldRegion: new(string), Access: &model.OriginAccess{Type: "s3", Signing: "always"},
			}},
		},
		{
			"cf.updateRequestOrigin({ customHeaders: {}, originShield: { enabled: false }, originAccessControlConfig: { enabled: false }, originPath: '' })",
			&Origin{Action: OriginUpdate, Override: Override{Path: &none, Headers: &[]model.HeaderField{}, ShieldRegion: &none, AccessOff: true}},
		},
		{"cf.selectRequestOriginById('api', { originPath: '/p' })", &Origin{Action: OriginSelect, Select: []OriginChoice{{ID: "api", Override: Override{Path: &path}}}}},
		{
			"cf.createRequestOriginGroup({ originIds: [{ originId: 'a' }, { originId: 'b', originOverrides: { hostHeader: 'h' } }], failoverCriteria: { statusCodes: [500, 503] }, selectionCriteria: 'media-quality-score' })",
			&Origin{Action: OriginGroup, Select: []OriginChoice{{ID: "a"}, {ID: "b", Override: Override{HostHeader: "h"}}}, StatusCodes: []int{500, 503}, MediaQuality: true},
		},
		{
			"cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [500] } })",
			&Origin{Action: OriginGroup, Select: []OriginChoice{{ID: "a"}, {ID: "b"}}, StatusCodes: []int{500}},
		},
	} {
		_, _, out, err := request(t, v2, "import cf from 'cloudfront';\nfunction handler(event) { "+tt.call+"; return event.request; }")
		if err != nil {
			t.Errorf("%s: %v", tt.call, err)
			continue
		}
		if tt.want != nil && tt.want.Override.Port == 8443 {
			region := "us-east-2"
			tt.want.Override.ShieldRegion = &region
		}
		if !reflect.DeepEqual(out.Origin, tt.want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.call, out.Origin, tt.want)
		}
	}
}

func TestE3OriginHelpersRefuse(t *testing.T) {
	for call, word := range map[string]string{
		"cf.updateRequestOrigin({ domainName: '10.0.0.1' })":                                          "domain name",
		"cf.updateRequestOrigin({ domainName: 'a:80' })":                                              "domain name",
		"cf.updateRequestOrigin({ originPath: 'p' })":                                                 "originPath",
		"cf.updateRequestOrigin({ connectionAttempts: 4 })":                                           "between 1 and 3",
		"cf.updateRequestOrigin({ customHeaders: { 'X-A': 'b' } })":                                   "lower case",
		"cf.updateRequestOrigin({ customHeaders: { connection: 'b' } })":                              "not allowed",
		"cf.updateRequestOrigin({ originShield: { enabled: true } })":                                 "region",
		"cf.updateRequestOrigin()":                                                                    "must be an object",
		"cf.selectRequestOriginById('')":                                                              "originId",
		"cf.createRequestOriginGroup({ originIds: ['a'], failoverCriteria: { statusCodes: [500] } })": "two",
		"cf.createRequestOriginGroup({ originIds: ['a', 'b'] })":                                      "failoverCriteria",
	} {
		_, _, out, err := request(t, v2, "import cf from 'cloudfront';\nfunction handler(event) { "+call+"; return event.request; }")
		if err == nil || !strings.Contains(err.Error(), word) || out.Origin != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	_, _, err := response(t, v2, "import cf from 'cloudfront';\nfunction handler(event) { cf.updateRequestOrigin({}); return event.response; }")
	if err == nil || !strings.Contains(err.Error(), "viewer-request") {
		t.Error(err)
	}
}
