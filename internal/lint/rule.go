// SPDX-License-Identifier: Apache-2.0

package lint

// Rule names a rule. The list is closed: Rules has them all.
type Rule string

// The rules, by subject.
const (
	AliasTwice        Rule = "alias-twice"
	DistributionQuota Rule = "distribution-quota"
	PolicyQuota       Rule = "policy-quota"
	PolicyNames       Rule = "policy-names"
	OriginHeaders     Rule = "origin-headers"
	WildcardName      Rule = "wildcard-name"

	UnreachableBehavior  Rule = "unreachable-behavior"
	SignedBehindUnsigned Rule = "signed-behind-unsigned"
	FallbackCoversAPI    Rule = "fallback-covers-api"

	UnkeyedHeader Rule = "unkeyed-header"
	UnkeyedCookie Rule = "unkeyed-cookie"
	UnkeyedQuery  Rule = "unkeyed-query"
	VolatileKey   Rule = "volatile-key"
	TrackingKey   Rule = "tracking-key"
	CookieKey     Rule = "cookie-key"

	UnkeyedIdentity      Rule = "unkeyed-identity"
	IdentityNotForwarded Rule = "identity-not-forwarded"
	MinTTLAuthorizer     Rule = "min-ttl-authorizer"
	SetCookieReplayed    Rule = "set-cookie-replayed"
	CleartextIdentity    Rule = "cleartext-identity"

	HostForwarded    Rule = "host-forwarded"
	UnsignedBody     Rule = "unsigned-body"
	UnsignedOrigin   Rule = "unsigned-origin"
	OpenOrigin       Rule = "open-origin"
	DisabledEndpoint Rule = "disabled-endpoint"
	CleartextOrigin  Rule = "cleartext-origin"
	StagePath        Rule = "stage-path"
	CompressNothing  Rule = "compress-nothing"
)

// Doc is what the manual says of a rule.
type Doc struct {
	Rule     Rule
	Severity string // usual one, and when another
	What     string
	Why      string
}

// Rules are all rules in the order of the manual.
func Rules() []Doc {
	return slicesOf(refusalDocs(), pathDocs(), keyDocs(), identityDocs(), originDocs())
}

func slicesOf(lists ...[]Doc) []Doc {
	var out []Doc
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// Known tells whether there is a rule of this name.
func Known(name string) bool {
	for _, d := range Rules() {
		if string(d.Rule) == name {
			return true
		}
	}
	return false
}

func refusalDocs() []Doc {
	return []Doc{
		{AliasTwice, "error", "Two distributions have the same alternate domain name.", "CloudFront refuses the second one (within one stack it is an error of the template)."},
		{DistributionQuota, "warning", "More than 75 behaviors, 25 origins, 10 origin groups or 100 aliases in a distribution.", "AWS's quotas (row C3); this node has none."},
		{PolicyQuota, "warning", "More than 10 headers, cookies or query strings in a policy, or more than 20 own policies of a kind in a stack.", "AWS's quotas (row K5); this node has none."},
		{PolicyNames, "error", "The names in one list of a policy have more than 1,024 characters together.", "CloudFront refuses the policy, and no quota raises that (row K5)."},
		{OriginHeaders, "warning", "More than 10 custom headers for an origin, a name beyond 256 or a value beyond 1,783 characters, more than 10,240 in all.", "AWS's quotas (row O5); this node has none."},
		{WildcardName, "warning", "A `*` or `?` in the name of a header, cookie or query string of a policy.", "Policies compare names as they are: `utm_*` is the parameter `utm_*` and no other."},
	}
}

func pathDocs() []Doc {
	return []Doc{
		{UnreachableBehavior, "warning; info for the default behavior", "Every path that a behavior's pattern matches is matched by earlier ones, by one alone or by several together.", "The first pattern that matches wins (row C1): the behavior is never used. Exact for all patterns; a path that shows it is told."},
		{SignedBehindUnsigned, "error; info when the earlier pattern is a part of the later one", "A path matches a behavior that wants signed URLs or cookies, and an earlier one that does not.", "Such paths are open: the earlier behavior answers. A default behavior that is signed is left out: exceptions to it are what the others are for."},
		{FallbackCoversAPI, "warning; info when the page keeps an error's status", "The distribution answers 403 or 404 with a page, and some behaviors lead to an API or a function URL.", "Error pages are of the whole distribution (row F11): an API's 404 becomes a page of HTML with status 200. The mend is a function on the static behavior, which is printed."},
	}
}

func keyDocs() []Doc {
	return []Doc{
		{UnkeyedHeader, "warning; info for headers of logs and for buckets, and when the policy's default TTL is 0", "A cacheable behavior forwards headers that are not in the cache key.", "When the origin's answer depends on one, the first viewer's answer goes to all."},
		{UnkeyedCookie, "error; warning when the default TTL is 0, info for buckets", "A cacheable behavior forwards cookies that are not in the cache key.", "Cookies tell viewers apart: an answer made for one is given to all."},
		{UnkeyedQuery, "warning; info for buckets, and when the default TTL is 0", "A cacheable behavior forwards query strings that are not in the cache key.", "`?page=2` is answered with what was stored for `?page=1`."},
		{VolatileKey, "warning; info for Authorization", "A header that differs from request to request is in the cache key: User-Agent, Referer, Date, request ids, coordinates …", "Hardly any request is then a hit."},
		{TrackingKey, "warning; info when all query strings are in the key", "`utm_…`, `fbclid`, `gclid` and their like are in the cache key.", "Each link of a campaign is a miss. CloudFront cannot leave out by wildcard; a function can."},
		{CookieKey, "warning", "All cookies, or those of analytics, are in the cache key.", "Nearly each viewer has an own copy of everything."},
	}
}

func identityDocs() []Doc {
	return []Doc{
		{UnkeyedIdentity, "error", "Authorization, or what an authorizer or an API key looks at, is forwarded by a cacheable behavior and is not in the cache key.", "The authorizer is asked on a miss only: the first viewer's answer is given to those that it would refuse."},
		{IdentityNotForwarded, "warning", "A behavior leads to routes with an authorizer or an API key, and does not forward what these look at.", "Authorization does not reach the origin with GET and HEAD unless a policy names it (row K9): every such request is refused."},
		{MinTTLAuthorizer, "error; warning when the identity is in the key, or is not forwarded", "MinTTL is above 0 where an API has an authorizer.", "With MinTTL above 0 an answer is kept although it says private or no-store (row F5)."},
		{SetCookieReplayed, "warning", "A cacheable behavior to an API, a function URL or another host forwards cookies.", "Set-Cookie is then stored and replayed to everybody with the same key (row K4)."},
		{CleartextIdentity, "warning", "A behavior with signed URLs, an authorizer or an API key takes cleartext requests (`allow-all`).", "Tokens, cookies and signatures can be read on the way."},
	}
}

func originDocs() []Doc {
	return []Doc{
		{HostForwarded, "error", "The viewer's Host is sent to API Gateway, a function URL or a bucket.", "They find what is asked for by Host, and answer 403 to a name that they do not know."},
		{UnsignedBody, "warning", "An origin access control signs for a function URL, and the behavior allows POST or PUT.", "The edge does not hash bodies: without `x-amz-content-sha256` from the viewer such requests get 403 (row O7)."},
		{UnsignedOrigin, "error; warning for buckets, and where viewers may sign themselves (Authorization is forwarded)", "A function URL with AWS_IAM, or a bucket that is not public, without origin access control.", "The edge asks without a signature and is refused."},
		{OpenOrigin, "warning where the edge has a web ACL, a geo restriction or signed URLs; else info, and info for buckets and where every route has a guard", "An API, a function URL or a bucket can be asked directly, around the edge.", "What the edge keeps out (a web ACL, signed URLs, geo restriction) comes in there, and what it caches costs."},
		{DisabledEndpoint, "error", "The origin is the execute-api address of an API that switches it off.", "Every request gets 403. Use the custom domain."},
		{CleartextOrigin, "error; warning for match-viewer", "API Gateway or a function URL is asked by http.", "They speak https only: the edge answers 502 or 504."},
		{StagePath, "warning; info for `*`, which also matches a stage", "The origin is an API whose stages are named, and neither OriginPath nor the pattern begins with one.", "API Gateway answers 403 to a path that begins with no stage."},
		{CompressNothing, "info", "`Compress: true` with a cache policy that has neither encoding.", "Nothing is compressed (rows K6, F18)."},
	}
}
