// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"

	"github.com/forelane/forelane/internal/template/build/base"
)

// responseTypes are the kinds of gateway responses (row A20; Developer Guide,
// "Gateway response types for API Gateway").
func responseTypes() []string {
	return []string{
		"ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE", "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS",
		"DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE",
		"MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
	}
}

func checkResponseType(at base.Value, typ string) {
	if !slices.Contains(responseTypes(), typ) {
		at.Fail(base.Nearest(typ, responseTypes(), "it is DEFAULT_4XX, DEFAULT_5XX or one of the manual's"), "%q is no type of a gateway response", typ)
	}
}
