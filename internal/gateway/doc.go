// SPDX-License-Identifier: Apache-2.0

// Package gateway is the API Gateway spine: HTTP APIs (v2), REST APIs (v1) and
// function URLs, as origins of the edge and as hosts of their own.
//
// The flow: Compile turns the APIs of a stack into a Gateway, one route table
// and one integration.Runner per stage and route. RoundTrip makes an exchange
// of each request and takes it through the steps that exchange.apiSteps lists
// (roundtrip.go): the API by host or by a custom domain's mapping, limits of size,
// the stage or its canary, the route, preflight, authorization, the API key,
// limits of rate and quotas, request validation, the stage's cache (stagecache.go),
// the integration. Each step goes
// on or refuses with a Reason; respond (respond.go) makes the response out of the
// answer or the refusal, and one Record tells about it, with the line of the
// stage's access log (accesslog.go).
//
// Authorization (authorize.go) asks the resource policy and the route's
// authorizer; what the authorizer grants is kept on the exchange for events,
// $context variables and API keys. An answer of such a route says with
// X-Edge-Identity by what it was decided, so that an edge in front does not
// serve it to others.
//
// A private API (door.go) is answered by an interface endpoint only; what a stage
// demands beside AWS (demand.go) is asked for before its web ACL and its routes.
//
// Fail closed: a route that demands a signature (iam.go) is refused as long as no
// principals are given, one that demands an API key is refused without a key that a usage
// plan of its stage has, and a resource policy or an authorizer that cannot be
// read lets nobody in. A panic in a step is a 500 with a request id. Every
// request gets an answer; RoundTrip's error is that of a viewer who left.
//
// Addresses: sourceIp is the last hop before the gateway, as on AWS: behind
// the edge it is the edge's address, and the viewer's is found in
// X-Forwarded-For. Whoever calls RoundTrip says who that is with WithCaller.
//
// What it does not do: integrations with AWS services
// other than Lambda, routing rules and client certificates of custom domains,
// WebSocket APIs. Compile's Notes name what of a stack this concerns.
//
// Concurrency: a Gateway is immutable and serves any number of requests. What
// they use of their limits is in Limits, and what stages keep in a stagecache.Node;
// both outlive it.
package gateway
