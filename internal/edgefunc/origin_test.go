// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

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
		{
			"cf.updateRequestOrigin({ domainName: 'bucket.s3.eu-west-1.amazonaws.com', customOriginConfig: { port: 443, protocol: 'https', sslProtocols: ['TLSv1.2'], ipAddressType: 'ipv6' }, " +
				"timeouts: { responseCompletionTimeout: 60 }, mTLSConfig: 'off' })",
			&Origin{Action: OriginUpdate, Override: Override{
				DomainName: "bucket.s3.eu-west-1.amazonaws.com", Port: 443, Protocol: "https", TLSVersions: []string{"TLSv1.2"}, Network: "ipv6",
				Completion: time.Minute, MutualOff: true,
			}},
		},
		{"cf.updateRequestOrigin({})", &Origin{Action: OriginUpdate}},
		{"cf.updateRequestOrigin({ domainName: 'a.example' }); cf.selectRequestOriginById('api')", &Origin{Action: OriginSelect, Select: []OriginChoice{{ID: "api"}}}},
		{
			"cf.selectRequestOriginById('api', { hostHeader: 'h', sni: 's', allowedCertificateNames: ['*.a.example'] })",
			&Origin{Action: OriginSelect, Select: []OriginChoice{{ID: "api", Override: Override{HostHeader: "h", SNI: "s", Certificates: []string{"*.a.example"}}}}},
		},
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
		"cf.updateRequestOrigin({ domainName: '10.0.0.1' })":                                                                          "domain name",
		"cf.updateRequestOrigin({ domainName: 'a:80' })":                                                                              "domain name",
		"cf.updateRequestOrigin({ originPath: 'p' })":                                                                                 "originPath",
		"cf.updateRequestOrigin({ domainName: '::1' })":                                                                               "domain name",
		"cf.updateRequestOrigin({ domainName: 'a b' })":                                                                               "domain name",
		"cf.updateRequestOrigin({ domainName: 'a'.repeat(254) })":                                                                     "domain name",
		"cf.updateRequestOrigin({ domainName: 'B.s3.amazonaws.com' })":                                                                "lower case",
		"cf.updateRequestOrigin({ domainName: 5 })":                                                                                   "not a string",
		"cf.updateRequestOrigin({ hostHeader: 'a:1' })":                                                                               "hostHeader",
		"cf.updateRequestOrigin({ sni: '10.0.0.1' })":                                                                                 "sni",
		"cf.updateRequestOrigin({ allowedCertificateNames: ['a'.repeat(65)] })":                                                       "at most 64",
		"cf.updateRequestOrigin({ allowedCertificateNames: new Array(21).fill('a') })":                                                "20 are allowed",
		"cf.updateRequestOrigin({ originPath: '/a/' })":                                                                               "originPath",
		"cf.updateRequestOrigin({ originPath: '/a b' })":                                                                              "percent-encoded",
		"cf.updateRequestOrigin({ originPath: '/' + 'a'.repeat(255) })":                                                               "255",
		"cf.updateRequestOrigin({ timeouts: { readTimeout: 121 } })":                                                                  "between 1 and 120",
		"cf.updateRequestOrigin({ timeouts: { connectionTimeout: 11 } })":                                                             "between 1 and 10",
		"cf.updateRequestOrigin({ timeouts: 5 })":                                                                                     "not an object",
		"cf.updateRequestOrigin({ customHeaders: { referer: 'b' } })":                                                                 "header of the request",
		"cf.updateRequestOrigin({ customHeaders: { host: 'b' } })":                                                                    "not allowed",
		"cf.updateRequestOrigin({ customHeaders: { x: 'b'.repeat(1784) } })":                                                          "1783",
		"cf.updateRequestOrigin({ customOriginConfig: { port: 443, protocol: 'https' } })":                                            "sslProtocols is missing",
		"cf.updateRequestOrigin({ customOriginConfig: { port: 81, protocol: 'http', sslProtocols: [] } })":                            "between 1024",
		"cf.updateRequestOrigin({ customOriginConfig: { port: 80, protocol: 'ftp', sslProtocols: [] } })":                             "http, https",
		"cf.updateRequestOrigin({ customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv2'] } })":                     "TLSv2",
		"cf.updateRequestOrigin({ customOriginConfig: { port: 80, protocol: 'http', sslProtocols: [], ipAddressType: 'ipv6' } })":     "with domainName",
		"cf.updateRequestOrigin({ originShield: {} })":                                                                                "enabled is missing",
		"cf.updateRequestOrigin({ originAccessControlConfig: { signingBehavior: 'always' } })":                                        "enabled is missing",
		"cf.updateRequestOrigin({ originAccessControlConfig: { enabled: true } })":                                                    "sigv4",
		"cf.updateRequestOrigin({ originAccessControlConfig: { enabled: true, signingProtocol: 'sigv4', originType: 'ec2' } })":       "originType",
		"cf.selectRequestOriginById('a', { originPath: '/p' })":                                                                       "only hostHeader, sni and",
		"cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [200] } })":                            "200",
		"cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [500] }, selectionCriteria: 'fast' })": "selectionCriteria",
		"cf.updateRequestOrigin({ connectionAttempts: 4 })":                                                                           "between 1 and 3",
		"cf.updateRequestOrigin({ customHeaders: { 'X-A': 'b' } })":                                                                   "lower case",
		"cf.updateRequestOrigin({ customHeaders: { connection: 'b' } })":                                                              "not allowed",
		"cf.updateRequestOrigin({ originShield: { enabled: true } })":                                                                 "region",
		"cf.updateRequestOrigin()":                                                                                                    "must be an object",
		"cf.selectRequestOriginById('')":                                                                                              "originId",
		"cf.createRequestOriginGroup({ originIds: ['a'], failoverCriteria: { statusCodes: [500] } })":                                 "two",
		"cf.createRequestOriginGroup({ originIds: ['a', 'b'] })":                                                                      "failoverCriteria",
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
