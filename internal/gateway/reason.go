// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"net/http"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/sigv4"
)

// Reason is why the gateway itself answered: a closed list.
type Reason uint8

// The reasons. The zero Reason is that the integration (or a preflight) answered.
const (
	ReasonNone             Reason = iota
	ReasonNoAPI                   // no API has this host
	ReasonNoMapping               // no mapping of the custom domain fits
	ReasonClosedDomain            // the custom domain demands what is not built
	ReasonDisabled                // the default endpoint is disabled
	ReasonNoStage                 // no stage has this name
	ReasonNoRoute                 // no route, resource or method
	ReasonHeadersTooLarge         // above 10,240 bytes
	ReasonBodyTooLarge            // above 10 MB, 6 MB for a function URL
	ReasonUnsigned                // AWS_IAM, and the request is not signed
	ReasonIncomplete              // its signature is malformed
	ReasonSignature               // the signature is not that of the request, or not valid here and now
	ReasonUnknownKey              // nobody has the access key, or the session token is another
	ReasonCredentials             // the signer's credentials have ended
	ReasonNotAllowed              // the signer's and the resource's policies do not allow it
	ReasonUnauthorized            // the request lacks what the authorizer reads, or it is not accepted
	ReasonExpired                 // the token is past its time
	ReasonScope                   // the token has none of the route's scopes
	ReasonDenied                  // the authorizer's answer does not allow it
	ReasonDeniedExplicitly        // the authorizer's policy denies it
	ReasonAuthorizer              // the route's authorizer, or its answer, cannot be used
	ReasonAuthorizerFailed        // the authorizer failed
	ReasonAPIKey                  // the route wants an API key, and there is none that opens it
	ReasonRate                    // a limit on requests
	ReasonQuota                   // the quota of the usage plan is used up
	ReasonPolicy                  // the API's resource policy does not allow it
	ReasonCacheControl            // who asks may not have the stage's cache make an answer anew
	ReasonParameters              // a required parameter is missing
	ReasonBody                    // the body is not what its model says
	ReasonMediaType               // no mapping template for the content type
	ReasonTimeout                 // the integration did not answer in time
	ReasonUnreachable             // the integration could not be reached
	ReasonFunction                // the function failed
	ReasonMalformed               // the function's answer has not the form it must have
	ReasonRefused                 // the function could not be invoked
	ReasonThrottled               // no concurrency left for the function
	ReasonConfiguration           // the definition cannot work
	ReasonNotBuilt                // the definition asks for what is not built
	ReasonInternal                // a panic: a mistake of this program
	ReasonShield                  // the web ACL of the stage blocks it
	ReasonPrivate                 // a private API is asked from outside, or another one by an interface endpoint
	ReasonUnproven                // it lacks what Metadata.Forelane.Require demands
	ReasonViewerGone              // the viewer left; nothing was answered
	reasonCount
)

// String is the word of the record.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonWords[r]
	}
	return "?"
}

var reasonWords = [reasonCount]string{
	"", "no such API", "no mapping", "domain closed", "endpoint disabled", "no such stage", "no such route", "headers too large", "body too large",
	"unsigned", "malformed signature", "wrong signature", "unknown access key", "credentials expired", "not allowed to signer", "unauthorized", "token expired", "scope missing",
	"not allowed by authorizer", "denied by authorizer", "authorizer misconfigured", "authorizer failed", "no valid API key", "throttled", "quota exceeded", "refused by resource policy",
	"cache control refused",
	"missing parameters", "invalid body", "unsupported media type",
	"integration timeout", "integration unreachable", "function error", "malformed function response",
	"invocation refused", "function throttled", "configuration error", "not built", "internal error", "blocked by web ACL", "private", "unproven", "viewer gone",
}

// refusal is a Reason and what the operator should know; the viewer sees
// status, message and a request id only.
type refusal struct {
	reason    Reason
	detail    error
	challenge string // WWW-Authenticate; empty: none
	message   string // in place of the reason's own; REST only
}

// refuse ends the exchange.
func (x *exchange) refuse(reason Reason, detail error) bool {
	x.refused = refusal{reason: reason, detail: detail}
	return false
}

// refuseFault ends the exchange with an integration's fault.
func (x *exchange) refuseFault(err error) bool {
	reason := ReasonInternal
	if f, ok := errors.AsType[*integration.Fault](err); ok {
		reason = faultReason(f.Kind)
	}
	return x.refuse(reason, err)
}

func faultReason(k integration.FaultKind) Reason {
	switch k {
	case integration.FaultTimeout:
		return ReasonTimeout
	case integration.FaultConnect:
		return ReasonUnreachable
	case integration.FaultFunction:
		return ReasonFunction
	case integration.FaultMalformed:
		return ReasonMalformed
	case integration.FaultRefused:
		return ReasonRefused
	case integration.FaultThrottled:
		return ReasonThrottled
	case integration.FaultTooLarge:
		return ReasonBodyTooLarge
	case integration.FaultConfig:
		return ReasonConfiguration
	case integration.FaultNotBuilt:
		return ReasonNotBuilt
	case integration.FaultMediaType:
		return ReasonMediaType
	case integration.FaultGone:
		return ReasonViewerGone
	}
	return ReasonInternal
}

// wire is what a refusal looks like on the wire.
type wire struct {
	status    int
	message   string // of {"message":…}; empty: null
	spaced    bool   // AWS writes some with a space after the colon
	errorType string // x-amzn-ErrorType
	response  string // REST: the gateway response that can replace it; empty: none can
}

// httpWire is what an HTTP API says.
func httpWire(r Reason) wire {
	switch r {
	case ReasonNoAPI, ReasonNoMapping, ReasonClosedDomain: // what a viewer's Host header gets that a distribution forwards
		return wire{status: http.StatusForbidden, message: "Forbidden", errorType: "ForbiddenException"}
	case ReasonDisabled, ReasonNoStage, ReasonNoRoute:
		return wire{status: http.StatusNotFound, message: "Not Found"}
	case ReasonHeadersTooLarge:
		return wire{status: http.StatusRequestHeaderFieldsTooLarge, message: "Request Header Fields Too Large"}
	case ReasonBodyTooLarge:
		return wire{status: http.StatusRequestEntityTooLarge, message: "Request Entity Too Large"}
	case ReasonUnauthorized, ReasonExpired:
		return wire{status: http.StatusUnauthorized, message: "Unauthorized"}
	case ReasonUnsigned, ReasonIncomplete, ReasonSignature, ReasonUnknownKey, ReasonCredentials, ReasonNotAllowed, ReasonPolicy, ReasonPrivate, ReasonUnproven, ReasonAPIKey, ReasonScope, ReasonDenied, ReasonDeniedExplicitly:
		return wire{status: http.StatusForbidden, message: "Forbidden"}
	case ReasonRate:
		return wire{status: http.StatusTooManyRequests, message: "Too Many Requests"}
	case ReasonTimeout, ReasonUnreachable, ReasonThrottled:
		return wire{status: http.StatusServiceUnavailable, message: "Service Unavailable"}
	case ReasonMediaType:
		return wire{status: http.StatusUnsupportedMediaType, message: "Unsupported Media Type"}
	default: // a function's failures, and authorizers', and our own
		return wire{status: http.StatusInternalServerError, message: "Internal Server Error"}
	}
}

// restWire is what a REST API says. "Using AWS Lambda with Amazon API Gateway,
// Handling errors": a rejected invocation is a 500, a failed function or an
// answer in the wrong format a 502, with the same body.
func restWire(r Reason) wire {
	const internal, internalType = "Internal server error", "InternalServerErrorException"
	switch r {
	case ReasonNoAPI, ReasonDisabled, ReasonNoStage, ReasonPrivate, ReasonUnproven:
		return wire{status: http.StatusForbidden, message: "Forbidden", errorType: "ForbiddenException"}
	case ReasonNoRoute, ReasonUnsigned:
		return wire{http.StatusForbidden, "Missing Authentication Token", false, "MissingAuthenticationTokenException", "MISSING_AUTHENTICATION_TOKEN"}
	case ReasonIncomplete, ReasonSignature: // the message is the fault's
		return wire{http.StatusForbidden, sigv4.Mismatch, false, signatureError(r), "INVALID_SIGNATURE"}
	case ReasonUnknownKey:
		return wire{http.StatusForbidden, unknownKey, false, "UnrecognizedClientException", "INVALID_SIGNATURE"}
	case ReasonCredentials:
		return wire{http.StatusForbidden, credentialsEnded, false, "ExpiredTokenException", "EXPIRED_TOKEN"}
	case ReasonNotAllowed:
		return wire{http.StatusForbidden, "Forbidden", false, "AccessDeniedException", "ACCESS_DENIED"}
	case ReasonHeadersTooLarge:
		return wire{status: http.StatusRequestHeaderFieldsTooLarge, message: "Request Header Fields Too Large", errorType: "RequestHeaderFieldsTooLargeException"}
	case ReasonBodyTooLarge: // "Customizing the default gateway response for 413 isn't supported"
		return wire{status: http.StatusRequestEntityTooLarge, message: "Request Too Long", errorType: "RequestTooLargeException"}
	case ReasonAPIKey:
		return wire{http.StatusForbidden, "Forbidden", false, "ForbiddenException", "INVALID_API_KEY"}
	case ReasonRate:
		return wire{http.StatusTooManyRequests, "Too Many Requests", false, "TooManyRequestsException", "THROTTLED"}
	case ReasonQuota:
		return wire{http.StatusTooManyRequests, "Limit Exceeded", false, "LimitExceededException", "QUOTA_EXCEEDED"}
	case ReasonPolicy:
		return wire{http.StatusForbidden, "Forbidden", false, "AccessDeniedException", "ACCESS_DENIED"}
	case ReasonCacheControl: // "returns a 403 Unauthorized response"
		return wire{http.StatusForbidden, "Unauthorized", false, "AccessDeniedException", "ACCESS_DENIED"}
	case ReasonShield:
		return wire{http.StatusForbidden, "Forbidden", false, "ForbiddenException", "WAF_FILTERED"}
	case ReasonUnauthorized:
		return wire{http.StatusUnauthorized, "Unauthorized", false, "UnauthorizedException", "UNAUTHORIZED"}
	case ReasonExpired:
		return wire{http.StatusUnauthorized, "The incoming token has expired", false, "UnauthorizedException", "UNAUTHORIZED"}
	case ReasonDenied:
		return wire{http.StatusForbidden, "User is not authorized to access this resource", false, "AccessDeniedException", "ACCESS_DENIED"}
	case ReasonDeniedExplicitly:
		return wire{http.StatusForbidden, "User is not authorized to access this resource with an explicit deny", false, "AccessDeniedException", "ACCESS_DENIED"}
	case ReasonAuthorizer:
		return wire{http.StatusInternalServerError, "", false, "AuthorizerConfigurationException", "AUTHORIZER_CONFIGURATION_ERROR"}
	case ReasonParameters: // the list follows
		return wire{http.StatusBadRequest, "Missing required request parameters: ", true, "BadRequestException", "BAD_REQUEST_PARAMETERS"}
	case ReasonBody:
		return wire{http.StatusBadRequest, "Invalid request body", true, "BadRequestException", "BAD_REQUEST_BODY"}
	case ReasonAuthorizerFailed:
		return wire{http.StatusInternalServerError, "", false, "AuthorizerFailureException", "AUTHORIZER_FAILURE"}
	case ReasonMediaType:
		return wire{http.StatusUnsupportedMediaType, "Unsupported Media Type", true, "BadRequestException", "UNSUPPORTED_MEDIA_TYPE"}
	case ReasonTimeout:
		return wire{http.StatusGatewayTimeout, "Endpoint request timed out", true, internalType, "INTEGRATION_TIMEOUT"}
	case ReasonUnreachable:
		return wire{http.StatusGatewayTimeout, "Network error communicating with endpoint", true, internalType, "INTEGRATION_FAILURE"}
	case ReasonFunction, ReasonMalformed:
		return wire{http.StatusBadGateway, internal, true, internalType, "DEFAULT_5XX"}
	case ReasonConfiguration:
		return wire{http.StatusInternalServerError, internal, true, internalType, "API_CONFIGURATION_ERROR"}
	default:
		return wire{http.StatusInternalServerError, internal, true, internalType, "DEFAULT_5XX"}
	}
}

const (
	unknownKey       = "The security token included in the request is invalid."
	credentialsEnded = "The security token included in the request is expired"
)

// signatureError is the exception of a signature that is not taken.
func signatureError(r Reason) string {
	if r == ReasonIncomplete {
		return sigv4.Incomplete.String()
	}
	return sigv4.Mismatched.String()
}

// urlBody is what a function URL says: status, x-amzn-ErrorType and the whole body.
func urlBody(r Reason) (status int, errorType, body string) {
	switch r {
	case ReasonNoAPI, ReasonUnsigned, ReasonNotAllowed:
		return http.StatusForbidden, "AccessDeniedException", `{"Message":"Forbidden"}`
	case ReasonIncomplete, ReasonSignature, ReasonUnknownKey, ReasonCredentials:
		w := restWire(r)
		return w.status, w.errorType, string(w.body())
	case ReasonHeadersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge, "RequestHeaderFieldsTooLargeException", `{"message":"Request Header Fields Too Large"}`
	case ReasonBodyTooLarge:
		return http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", `{"message":"Request Entity Too Large"}`
	case ReasonThrottled:
		return http.StatusTooManyRequests, "TooManyRequestsException",
			`{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`
	case ReasonTimeout:
		return http.StatusGatewayTimeout, "InternalServerErrorException", `{"Message":null}`
	default:
		return http.StatusBadGateway, "InternalServerErrorException", "Internal Server Error"
	}
}
