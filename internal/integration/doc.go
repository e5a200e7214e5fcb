// SPDX-License-Identifier: Apache-2.0

// Package integration answers one routed request of an API or a function URL:
// Lambda and HTTP integrations, with and without proxy, AWS services, and mock
// integrations.
//
// The flow:
//  1. Compile turns a model.Integration, for one stage, into a Runner: stage
//     variables are written in, templates and patterns are read once.
//  2. The gateway fills a Call: the request, its route, its names and ids.
//  3. Runner.Run makes the event or the outgoing request, asks, and returns an
//     Answer (a head and a body that may still be arriving) or a *Fault, which
//     says what went wrong in a closed list; the gateway knows what AWS
//     answers for each.
//
// Events are written by hand into one buffer (json.go, event1.go, event2.go);
// answers of functions are read by a scanner that goes over the bytes once
// (reply.go). Both are checked against the event structs of AWS's Go library.
//
// Integrations of REST APIs without proxy transform (custom.go): a mapping
// template (room vtl) makes the integration request, and another one the method
// response out of the integration response that the answer selects.
//
// Calls of AWS services are HTTP requests in the service's protocol (service.go,
// and action.go for the first-class actions of HTTP APIs); Deps.Service signs
// them and knows where they go.
//
// What it does not do: no routing, no authorizers, no limits and no error
// bodies (package gateway); no signatures.
//
// Concurrency: a Runner is immutable and serves any number of calls; a Call
// belongs to one goroutine.
package integration
