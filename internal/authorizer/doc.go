// SPDX-License-Identifier: Apache-2.0

// Package authorizer decides whether a caller may pass: JWT authorizers of
// HTTP APIs, Cognito user pools of REST APIs, and Lambda authorizers of both.
//
// The flow: (1) Compile makes an Authorizer of one definition for one stage;
// (2) Authorize reads the identity sources of a Request (source.go): one that
// is missing is a Denial before anybody is asked; (3) a token is checked
// against the keys of its issuer (token.go, keyset.go), or a function is asked
// and its answer is kept by the identity sources (lambda.go, kept.go); (4) an
// answer that is a policy is evaluated for this request, kept or not
// (answer.go); (5) the Grant says what integrations and $context may know.
//
// It fails closed: whatever cannot be read, reached or decided is a Denial.
//
// What it does not do: signatures (AWS_IAM), API keys, resource policies; it
// knows no user pool but by its issuer's published keys.
//
// Concurrency: an Authorizer and the Issuers may be used by many at once. A
// fetch of keys and the invocation of a function run in a goroutine of their
// own, under a time limit, so that they outlive the request that began them.
package authorizer
