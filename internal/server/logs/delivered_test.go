// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func TestE12KeysOfDeliveredFiles(t *testing.T) {
	hour := time.Date(2026, 11, 7, 5, 30, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		m    model.LogDelivery
		want string
	}{
		"AWS's prefix":       {model.LogDelivery{}, "AWSLogs/123456789012/CloudFront/"},
		"AWS's with Hive":    {model.LogDelivery{Suffix: "{accountid}", Hive: true}, "AWSLogs/aws-account-id=123456789012/CloudFront/accountid=123456789012/"},
		"own prefix":         {model.LogDelivery{Prefix: "a/b"}, "a/b/"},
		"suffix":             {model.LogDelivery{Prefix: "a", Suffix: "/{DistributionId}/{yyyy}/{MM}/{dd}/{HH}/"}, "a/E1/2026/11/07/05/"},
		"small letters":      {model.LogDelivery{Prefix: "a", Suffix: "x/{distributionid}"}, "a/x/E1/"},
		"account":            {model.LogDelivery{Prefix: "a", Suffix: "{accountid}-{account-id}"}, "a/123456789012-123456789012/"},
		"Hive":               {model.LogDelivery{Prefix: "a", Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Hive: true}, "a/DistributionId=E1/year=2026/month=11/day=07/hour=05/"},
		"unknown variable":   {model.LogDelivery{Prefix: "a", Suffix: "{what}/{yyyy"}, "a/{what}/{yyyy/"},
		"nothing but itself": {model.LogDelivery{Prefix: "a", Suffix: "/"}, "a/"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := deliveredKey(&tt.m, "E1", "123456789012", hour); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	all := []*model.Stack{{Buckets: []*model.Bucket{{Name: "logs"}, {Name: "logs.s3x"}}}}
	for domain, want := range map[string]string{
		"logs.s3.amazonaws.com": "logs true", "logs.s3.eu-central-1.amazonaws.com": "logs true", "logs.s3-eu-central-1.amazonaws.com": "logs true",
		"logs.s3x.s3.amazonaws.com": "logs.s3x true", "log.s3.amazonaws.com": "log false", "other": "other false",
	} {
		name, in := bucketOf(domain, all)
		if got := name + map[bool]string{true: " true", false: " false"}[in]; got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}
