// SPDX-License-Identifier: Apache-2.0

package edge

// stepID names a row of the table.
type stepID uint8

// The steps, in their order. A step returns the next one; going forward only.
const (
	stepOpen stepID = iota
	stepDistribution
	stepScreen
	stepBehavior
	stepFunction
	stepKey
	stepLookup
	stepLoad
	stepWait
	stepRequest
	stepFetch
	stepReply
	stepResponse
	stepAdmit
	stepPage
	stepSelect
	stepHeaders
	stepRespond
	stepUpgrade
	stepDeliver
	stepFinish
	stepCount
)

// row is a step of the table: what it is called, where it stands, what it
// decides and what it leaves in the Record (docs/request.md prints both), and
// whether it may block, or begins what does. Up to the first such row an Exchange
// can run on the goroutine of its connection, in the connection's memory.
type row struct {
	name    string
	file    string
	decides string
	leaves  string
	blocks  bool
	run     func(*Exchange) stepID
}

// table is the order of everything that happens to a request. Compile makes it
// once an Edge.
func table() [stepCount]row {
	return [stepCount]row{
		stepOpen: {
			"open", "open.go", "makes the Exchange: request id, start", "id, time, viewer, request", false,
			(*Exchange).open,
		},
		stepDistribution: {
			"distribution", "distribution.go", "distribution by Host; its staging distribution instead", "distribution, staging", false,
			(*Exchange).distribution,
		},
		stepScreen: {
			"screen", "screen.go", "size of URL and fields (413); geo restriction; the web ACL: pass, block or answer", "rule, action, labels", true,
			(*Exchange).screen,
		},
		stepBehavior: {
			"behavior", "behavior.go", "behavior by path; HTTPS redirect; allowed methods; a GET with a body", "behavior", false,
			(*Exchange).behavior,
		},
		stepFunction: {
			"function", "function.go", "viewer-request function: rewrite or answer", "function", true,
			(*Exchange).function,
		},
		stepKey: {
			"key", "key.go", "default root object; may the cache be used; cache key", "bypass", false,
			(*Exchange).key,
		},
		stepLookup: {
			"lookup", "lookup.go", "hit, stale (serve and refresh once), miss or expired (lease), wait, pass", "cache status", false,
			(*Exchange).lookup,
		},
		stepLoad: {
			"load", "lookup.go", "reads from disk what memory does not have", "cache status", true,
			(*Exchange).load,
		},
		stepWait: {
			"wait", "lookup.go", "follows the lease of another request for the key", "", true,
			(*Exchange).wait,
		},
		stepRequest: {
			"request", "request.go", "what the origin is sent: origin request policy, conditional fields", "", true,
			(*Exchange).request,
		},
		stepFetch: {
			"fetch", "fetch.go", "asks the owner of the key among the peers, or the origin, or the members of its group, each as the origin-request function says; tries", "peer, function, origin, tries, first byte", true,
			(*Exchange).fetch,
		},
		stepReply: {
			"reply", "lambda.go", "origin-response function", "function", true,
			(*Exchange).reply,
		},
		stepResponse: {
			"response", "response.go", "a 304 merges into the stored head; stale in place of an error", "origin status", false,
			(*Exchange).response,
		},
		stepAdmit: {
			"admit", "admit.go", "store or not, how long, shared with those who wait or not", "ttl, reason", false,
			(*Exchange).admit,
		},
		stepPage: {
			"page", "page.go", "custom error page, fetched by a second Exchange", "page", true,
			(*Exchange).page,
		},
		stepSelect: {
			"select", "select.go", "preconditions and ranges (304, 206, 412, 416)", "range", false,
			(*Exchange).selectPart,
		},
		stepHeaders: {
			"headers", "headers.go", "response headers policy; Date, Age, Via, X-Cache, X-Amz-Cf-*", "", false,
			(*Exchange).headers,
		},
		stepRespond: {
			"respond", "function.go", "viewer-response function", "function", true,
			(*Exchange).respond,
		},
		stepUpgrade: {
			"upgrade", "upgrade.go", "WebSocket: joins viewer and origin until one leaves or both are idle", "status, bytes, times, end", true,
			(*Exchange).upgrade,
		},
		stepDeliver: {
			"deliver", "deliver.go", "the only writer of answers to the viewer", "status, bytes, times, end", true,
			(*Exchange).deliver,
		},
		stepFinish: {
			"finish", "finish.go", "gives lease and bodies back on every path, emits the Record", "result", false,
			(*Exchange).finish,
		},
	}
}
