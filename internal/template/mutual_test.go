// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// asking is a distribution that asks viewers for certificates.
const asking = `Resources:
  Store:
    Type: AWS::CloudFront::TrustStore
    Properties:
      Name: viewers
      CaCertificatesBundleSource: {CaCertificatesBundleS3Location: {Bucket: trust, Key: cas.pem, Region: us-east-1}}
  D:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        ViewerMtlsConfig: {Mode: required, TrustStoreConfig: {TrustStoreId: !GetAtt Store.Id, IgnoreCertificateExpiry: true, AdvertiseTrustStoreCaNames: true}}
        Origins: [{Id: web, DomainName: example.com, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: web, ViewerProtocolPolicy: https-only, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
`

func TestC14ViewerMTLS(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit []string // old, new
		want model.ViewerMTLS
		note string // words of the report; empty: all is exact but how the bundle is read
		err  string
	}{
		{name: "required", want: model.ViewerMTLS{
			Store: model.TrustStore{LogicalID: "Store", Bucket: "trust", Key: "cas.pem"}, AdvertiseCAs: true, IgnoreExpiry: true,
		}},
		{name: "by Ref, optional", edit: []string{"!GetAtt Store.Id", "!Ref Store", "Mode: required", "Mode: optional"}, want: model.ViewerMTLS{
			Mode: model.MTLSOptional, Store: model.TrustStore{LogicalID: "Store", Bucket: "trust", Key: "cas.pem"}, AdvertiseCAs: true, IgnoreExpiry: true,
		}},
		{name: "a store of the account", edit: []string{"!GetAtt Store.Id", "ts_mine"}, want: model.ViewerMTLS{
			Store: model.TrustStore{ID: "ts_mine"}, AdvertiseCAs: true, IgnoreExpiry: true,
		}, note: "--trust-store ts_mine=FILE"},
		{name: "passthrough", edit: []string{"required", "passthrough", ", TrustStoreConfig: {TrustStoreId: !GetAtt Store.Id, IgnoreCertificateExpiry: true, AdvertiseTrustStoreCaNames: true}", ""}, want: model.ViewerMTLS{Mode: model.MTLSPassthrough}},
		{name: "HTTP/3", edit: []string{"Enabled: true", "Enabled: true\n        HttpVersion: http2and3"}, want: model.ViewerMTLS{
			Store: model.TrustStore{LogicalID: "Store", Bucket: "trust", Key: "cas.pem"}, AdvertiseCAs: true, IgnoreExpiry: true,
		}, note: "CloudFront has no viewer mTLS with HTTP/3"},
		{name: "a connection function", edit: []string{"Enabled: true", "Enabled: true\n        ConnectionFunctionAssociation: {Id: f}"}, want: model.ViewerMTLS{
			Store: model.TrustStore{LogicalID: "Store", Bucket: "trust", Key: "cas.pem"}, AdvertiseCAs: true, IgnoreExpiry: true, Function: true,
		}, note: "lets nobody in"},
		{name: "a connection function alone", edit: []string{asking[strings.Index(asking, "ViewerMtls"):strings.Index(asking, "        Origins")], "ConnectionFunctionAssociation: {Id: f}\n"}, err: "a connection function needs viewer mTLS"},
		{name: "no trust store", edit: []string{asking[strings.Index(asking, ", TrustStoreConfig"):strings.Index(asking, "}\n        Origins")], ""}, err: "viewer mTLS needs a trust store"},
		{name: "passthrough with a trust store", edit: []string{"required", "passthrough"}, err: "with passthrough the origin verifies certificates"},
		{name: "HTTP", edit: []string{"https-only, CachePolicyId", "allow-all, CachePolicyId"}, err: "viewer mTLS needs HTTPS: the behavior * also answers over HTTP"},
		{name: "another mode", edit: []string{"required", "maybe"}, err: "maybe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rs, err := load(t, strings.NewReplacer(tt.edit...).Replace(asking), Options{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m := rs[0].Stack.Distributions[0].MTLS
			got := *m
			if got.Store.LogicalID != "" {
				got.Store.ID = ""
			}
			var notes strings.Builder
			_ = rs[0].Report.Text(&notes)
			if got != tt.want || m.Mode != model.MTLSPassthrough && m.Store.ID == "" || !strings.Contains(notes.String(), tt.note) {
				t.Errorf("%+v, want %+v\n%s", *m, tt.want, notes.String())
			}
		})
	}
}
