// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/forelane/forelane/internal/template/build/base"
)

// maxFormat is the longest access log format (row A25).
const maxFormat = 3 << 10

// accessLogs refuses formats that API Gateway refuses.
func (b *builder) accessLogs() {
	for typ, path := range map[string][]string{
		"AWS::ApiGateway::Stage":                        {"AccessLogSetting"},
		"AWS::ApiGateway::Deployment":                   {"StageDescription", "AccessLogSetting"},
		"AWS::ApiGatewayV2::Stage":                      {"AccessLogSettings"},
		"AWS::ApiGatewayV2::ApiGatewayManagedOverrides": {"Stage", "AccessLogSettings"},
	} {
		for _, r := range b.Of(typ) {
			checkFormat(r.Props.Get(path...).Get("Format"))
		}
	}
}

func checkFormat(v base.Value) {
	format := v.Text()
	switch {
	case format == "":
	case len(format) > maxFormat:
		v.Fail("shorten it", "an access log format has at most 3 KB, not %d bytes", len(format))
	case !strings.Contains(format, "$context.requestId") && !strings.Contains(format, "$context.extendedRequestId"):
		v.Fail("add $context.requestId", "an access log format must hold $context.requestId or $context.extendedRequestId")
	}
}
