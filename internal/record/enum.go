// SPDX-License-Identifier: Apache-2.0

package record

// ResultType is x-edge-result-type: how CloudFront classifies an answer.
type ResultType uint8

// The result types. Those that a function or a Lambda made are not in the
// guide's list of the log; X-Cache shows them.
const (
	ResultNone ResultType = iota
	Hit
	RefreshHit
	Miss
	LimitExceeded
	CapacityExceeded
	Error
	Redirect
	FunctionGeneratedResponse
	FunctionExecutionError
	FunctionThrottledError
	LambdaGeneratedResponse
	LambdaExecutionError
	LambdaValidationError
	LambdaLimitExceeded
)

// ResultTypes is how many there are.
const ResultTypes = int(LambdaLimitExceeded) + 1

var resultNames = [...]string{
	"-", "Hit", "RefreshHit", "Miss", "LimitExceeded", "CapacityExceeded", "Error", "Redirect", "FunctionGeneratedResponse",
	"FunctionExecutionError", "FunctionThrottledError", "LambdaGeneratedResponse", "LambdaExecutionError", "LambdaValidationError",
	"LambdaLimitExceeded",
}

// String is the word of the log.
func (r ResultType) String() string { return name(resultNames[:], int(r)) }

var xCacheValues = func() (v [len(resultNames)]string) {
	for i, n := range resultNames {
		v[i] = n + " from cloudfront"
	}
	v[ResultNone] = ""
	return v
}()

// XCache is the value of the X-Cache field; "" for ResultNone.
func (r ResultType) XCache() string { return name(xCacheValues[:], int(r)) }

// Detail is x-edge-detailed-result-type where it says more than the type.
type Detail uint8

// The detailed result types of the guide.
const (
	DetailNone Detail = iota
	AbortedOrigin
	OriginCommError
	ClientCommError
	ClientGeoBlocked
	ClientHungUpRequest
	DetailError
	InvalidRequest
	InvalidRequestBlocked
	InvalidRequestCertificate
	InvalidRequestHeader
	InvalidRequestMethod
	OriginConnectError
	OriginContentRangeLengthError
	OriginDNSError
	OriginError
	OriginHeaderTooBigError
	OriginInvalidResponseError
	OriginReadError
	OriginShieldHit
	OriginWriteError
	OriginZeroSizeObjectError
	SlowReaderOriginError
	DetailFunctionExecutionError
	DetailFunctionValidationError
	DetailFunctionGeneratedResponse
)

var detailNames = [...]string{
	"-", "AbortedOrigin", "OriginCommError", "ClientCommError", "ClientGeoBlocked", "ClientHungUpRequest", "Error", "InvalidRequest",
	"InvalidRequestBlocked", "InvalidRequestCertificate", "InvalidRequestHeader", "InvalidRequestMethod", "OriginConnectError",
	"OriginContentRangeLengthError", "OriginDnsError", "OriginError", "OriginHeaderTooBigError", "OriginInvalidResponseError",
	"OriginReadError", "OriginShieldHit", "OriginWriteError", "OriginZeroSizeObjectError", "SlowReaderOriginError",
	"FunctionExecutionError", "FunctionValidationError", "FunctionGeneratedResponse",
}

// String is the word of the log.
func (d Detail) String() string { return name(detailNames[:], int(d)) }

// CacheStatus is what the lookup found.
type CacheStatus uint8

// The cache statuses.
const (
	CacheNone   CacheStatus = iota // the exchange ended before the lookup
	CacheHit                       // fresh
	CacheStale                     // served although expired; Reason says why it may be
	CacheMiss                      // fetched
	CacheFresh                     // revalidated: the origin said 304
	CacheBypass                    // the cache was not used; Reason says why
)

// CacheStatuses is how many there are.
const CacheStatuses = int(CacheBypass) + 1

var cacheNames = [...]string{"none", "hit", "stale", "miss", "revalidated", "bypass"}

// String is a word for records.
func (s CacheStatus) String() string { return name(cacheNames[:], int(s)) }

// Served tells whether what is stored was the answer.
func (s CacheStatus) Served() bool { return s == CacheHit || s == CacheStale || s == CacheFresh }

// CacheReason says why the cache did what it did.
type CacheReason uint8

// The reasons.
const (
	ReasonNone                 CacheReason = iota
	ReasonAbsent                           // miss: nothing under the key
	ReasonExpired                          // miss or revalidated: its time was over
	ReasonInvalidated                      // miss: an invalidation took it
	ReasonMustRevalidate                   // kept, but asked about each time (no-cache)
	ReasonWhileRevalidate                  // stale: stale-while-revalidate
	ReasonIfError                          // stale: stale-if-error
	ReasonOriginDown                       // stale: CloudFront's own, the origin failed
	ReasonMethod                           // bypass: method not cached
	ReasonDisabled                         // bypass: policy forbids caching
	ReasonAllHeaders                       // bypass: legacy Headers *
	ReasonUpgrade                          // bypass: WebSocket or gRPC
	ReasonRange                            // bypass: a range that is not stored
	ReasonCollapsed                        // hit: waited for another fetch
	ReasonNotShared                        // miss: waited in vain, the answer was not for all
	ReasonGenerated                        // none: a function answered
	ReasonVaryStar                         // miss: Vary: *
	ReasonErrorCached                      // hit: a stored error
	ReasonVariant                          // miss: other variants are stored under the key
	ReasonPart                             // miss: a part is stored that lacks what is asked for
	ReasonCachedByStaleRefresh             // hit: a background refresh had renewed it
	ReasonIdentity                         // miss: an answer for an identity that the key lacks
	ReasonLeakSetCookie                    // miss: the leak guard: it sets cookies
	ReasonLeakAuthorization                // miss: the leak guard: fetched with an Authorization that the key lacks
	ReasonLeakCookie                       // miss: the leak guard: fetched with cookies that the key lacks
	ReasonLeakPrivate                      // miss: the leak guard: private or no-store under a MinTTL above 0
	ReasonUnsure                           // miss or revalidated: the node may have missed an invalidation
)

var cacheReasonNames = [...]string{
	"", "absent", "expired", "invalidated", "must-revalidate", "stale-while-revalidate", "stale-if-error", "origin-down", "method",
	"caching-disabled", "all-headers", "upgrade", "range", "collapsed", "not-shared", "generated", "vary-star", "error-cached",
	"variant-absent", "part-lacks", "refreshed", "identity", "leak-set-cookie", "leak-authorization", "leak-cookie", "leak-private", "unsure",
}

// String is a word for records.
func (r CacheReason) String() string { return name(cacheReasonNames[:], int(r)) }

// StoreResult says whether an answer of the origin was kept.
type StoreResult uint8

// The store results.
const (
	StoreNone       StoreResult = iota // there was nothing to store
	Stored                             // kept
	StoreForbidden                     // TTLReason says by what
	StoreStatus                        // a status that is not cached
	StoreTooLarge                      // larger than an object may be
	StoreIncomplete                    // the body broke off
	StoreViewerLeft                    // the viewer left before the end
	StoreNotAdmit                      // no room for it
	StoreSetCookie                     // the leak guard held it back
	StoreTrailer                       // a form that is not stored
)

var storeNames = [...]string{
	"", "stored", "forbidden", "status", "too-large", "incomplete", "viewer-left", "not-admitted", "set-cookie", "trailer",
}

// String is a word for records.
func (s StoreResult) String() string { return name(storeNames[:], int(s)) }

// End is why the delivery ended.
type End uint8

// The causes.
const (
	EndComplete       End = iota
	EndViewerLeft         // the viewer closed or reset
	EndViewerSlow         // the viewer did not read in time
	EndOriginBroke        // the origin's body broke off
	EndOriginSlow         // the origin's body stalled
	EndShutdown           // the program was stopped
	EndProtocol           // the viewer broke the protocol
	EndInternal           // an error of our own
	EndViewerBodyLeft     // the viewer left while it was sending
	EndIdle               // a WebSocket on which nothing moved for too long
)

var endNames = [...]string{
	"complete", "viewer-left", "viewer-slow", "origin-broke", "origin-slow", "shutdown", "protocol", "internal", "viewer-body-left",
	"idle",
}

// String is a word for records.
func (e End) String() string { return name(endNames[:], int(e)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "?"
}
