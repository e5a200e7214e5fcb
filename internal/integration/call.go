// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
)

// Style is whose rules hold: those of HTTP APIs, REST APIs or function URLs.
type Style uint8

// The styles.
const (
	HTTPAPI Style = iota
	RESTAPI
	FunctionURL
)

// String is a word for messages.
func (s Style) String() string {
	return [...]string{"HTTP API", "REST API", "function URL", "?"}[s&3]
}

// API is what all requests of one API (or function URL) have in common.
type API struct {
	Style            Style
	ID               string
	AccountID        string
	BinaryMediaTypes []string // REST only
	EdgeOptimized    bool     // REST: endpoint type EDGE
}

// Stage is the stage that a request chose. A function URL has $default.
type Stage struct {
	Name         string
	Variables    map[string]string
	DeploymentID string // REST; may be empty
	Release      Release
}

// Release is which part of a stage serves a request.
type Release uint8

// The releases.
const (
	Whole  Release = iota // the stage has no canary
	Main                  // it has one, but not for this request
	Canary                // the canary
)

// String is what $context.isCanaryRequest says.
func (r Release) String() string { return [...]string{"", "false", "true", ""}[r&3] }

// Route is the route that a request chose.
type Route struct {
	Key           string // as events show it: "GET /items/{id}", "$default"
	Method        string
	Path          string // resource path; empty for $default
	ResourceID    string
	OperationName string
	// Responses are the statuses that a REST method declares; an integration
	// response with another one is refused.
	Responses []model.MethodResponse
}

// Caller is the last hop before the gateway, as AWS's sourceIp and
// X-Forwarded-For mean it: the viewer when there is no edge in front, else the
// edge.
type Caller struct {
	SourceIP netip.Addr
	Protocol string // HTTP/1.1, HTTP/2.0 …; empty: the request's
	Scheme   string // empty: https
	Port     int    // of the listener; 0: 443, or 80 with Scheme http
	// Endpoint is the id of the interface endpoint by which the request came,
	// and VPC that of its network. Empty: it came from anywhere.
	Endpoint, VPC string
	// TLSVersion and TLSCipher reach functions behind a function URL.
	TLSVersion, TLSCipher string
	// Mutual names the terms by which the connection was asked for certificates,
	// and Certificate is what it has shown by them, in DER. Empty: nothing.
	Mutual      string
	Certificate []byte
}

// Call is one request on its way to its integration.
type Call struct {
	API    *API
	Stage  *Stage
	Route  *Route
	Params []pattern.Param // still percent-encoded

	Method string
	Host   string // as sent
	Domain string // Host without the port, lower case
	Path   string // still percent-encoded, stage included
	// RoutePath is Path without the stage.
	RoutePath string
	// MappedPath is the path of a custom domain's mapping, without slashes at
	// its ends: "orders/v1". Path begins with it; empty: it does not.
	MappedPath string
	Query      string
	// Header has canonical names. It is the viewer's: whoever changes it calls
	// ownHeader first.
	Header http.Header
	// Body may be read once; nil: none. Length is -1 when it is not known.
	Body   io.ReadCloser
	Length int64

	// Authorized is what the authorizer left; nil: the route has none.
	Authorized *Authorized

	// Signer is who signed the request; nil: nobody who was asked for it.
	Signer *Signer

	Caller Caller
	// APIKey is the key of a REST method that requires one; it is a secret that
	// belongs in no log of ours. APIKeyID is its id.
	APIKey, APIKeyID string

	RequestID  string
	ExtendedID string // REST: the other id; else the same
	TraceID    string
	Time       time.Time

	// What the endpoint of the integration said, for logs: its status (of a
	// function: what the Lambda service said) and ids of the request there.
	EndpointStatus          int
	EndpointID, EndpointID2 string

	// Kept is taken for the endpoint's answer, and the endpoint is not asked. Keep
	// takes what an endpoint that was asked said, when it can be kept. Nil: nothing
	// is kept. Mock integrations have no endpoint, and streams are not kept.
	Kept *Kept
	Keep func(*Kept)

	mappedPath string // by overwrite:path, percent-encoded
	pathMapped bool
	headerOwn  bool
	sourceText string // Caller.SourceIP as text, once it was asked for
}

// ownHeader makes Header the call's own.
func (c *Call) ownHeader() http.Header {
	if !c.headerOwn {
		c.Header, c.headerOwn = c.Header.Clone(), true
		if c.Header == nil {
			c.Header = http.Header{}
		}
	}
	return c.Header
}

// Answer is an integration's answer.
type Answer struct {
	Status int
	Header http.Header
	// Body is nil when there is none; Length is -1 when it is not known.
	Body   io.ReadCloser
	Length int64
}

// FaultKind is why there is no answer: a closed list.
type FaultKind uint8

// The faults.
const (
	FaultTimeout   FaultKind = iota // the integration did not answer in time
	FaultConnect                    // the target could not be reached
	FaultFunction                   // the function ran and failed
	FaultMalformed                  // the function's answer has not the form it must have
	FaultRefused                    // the function could not be invoked at all
	FaultThrottled                  // no concurrency left
	FaultTooLarge                   // the request's body is above the limit
	FaultConfig                     // the integration's definition cannot work
	FaultNotBuilt                   // the definition asks for what Forelane does not do yet
	FaultMediaType                  // no template for this content type
	FaultGone                       // the viewer left
)

// String is the word of the log record.
func (k FaultKind) String() string {
	if int(k) < len(faultWords) {
		return faultWords[k]
	}
	return "?"
}

var faultWords = [...]string{
	"integration timeout", "integration unreachable", "function error", "malformed function response",
	"invocation refused", "function throttled", "request too large", "configuration error", "not built",
	"unsupported media type", "viewer gone",
}

// Fault is the error of a Runner.
type Fault struct {
	Kind  FaultKind
	Cause error
}

// Error is the kind and the cause.
func (f *Fault) Error() string {
	if f.Cause == nil {
		return f.Kind.String()
	}
	return f.Kind.String() + ": " + f.Cause.Error()
}

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Cause }

func faultf(kind FaultKind, format string, args ...any) *Fault {
	return &Fault{kind, fmt.Errorf(format, args...)}
}

// Runner is a compiled integration.
type Runner interface {
	// Run answers the call. Its error is a *Fault. It closes c.Body.
	Run(ctx context.Context, c *Call) (*Answer, error)
}

// Invoker runs functions. When ctx ends before the function has answered,
// Invoke returns ctx's error without delay; the function itself may run on, as
// it does on AWS.
type Invoker interface {
	Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)
}

// MaxPayload is the largest request body of an API (10 MB); function URLs take
// 6 MB, the limit of a synchronous invocation.
const (
	MaxPayload    = 10 << 20
	MaxURLPayload = 6 << 20
)

// limit is the largest body for the call's style.
func (c *Call) limit() int64 {
	if c.API.Style == FunctionURL {
		return MaxURLPayload
	}
	return MaxPayload
}

// readBody takes the whole body, up to the limit.
func (c *Call) readBody() ([]byte, error) {
	if c.Body == nil || c.Body == http.NoBody {
		return nil, nil
	}
	defer c.closeBody()
	limit := c.limit()
	if c.Length > limit {
		return nil, &Fault{Kind: FaultTooLarge}
	}
	var body []byte
	if c.Length > 0 {
		body = make([]byte, c.Length)
		if _, err := io.ReadFull(c.Body, body); err != nil {
			return nil, faultf(FaultGone, "reading the request body: %w", err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(c.Body, limit+1))
	if err != nil {
		return nil, faultf(FaultGone, "reading the request body: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, &Fault{Kind: FaultTooLarge}
	}
	return body, nil
}

// Buffer reads the whole body, up to the limit, and leaves the call with one
// that can be read again. Its error is a *Fault.
func (c *Call) Buffer() ([]byte, error) {
	body, err := c.readBody()
	if err != nil || body == nil {
		return nil, err
	}
	c.Body, c.Length = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return body, nil
}

// answered notes what a target said of a request.
func (c *Call) answered(resp *http.Response) {
	c.EndpointStatus, c.EndpointID, c.EndpointID2 = resp.StatusCode, resp.Header.Get("X-Amz-Request-Id"), resp.Header.Get("X-Amz-Id-2")
	if c.EndpointID == "" {
		c.EndpointID = resp.Header.Get("X-Amzn-Requestid")
	}
}

func (c *Call) closeBody() {
	if c.Body != nil {
		_ = c.Body.Close() // the request's body: nothing left to learn from it
		c.Body = nil
	}
}

// Drop removes a field before an integration sees it.
func (c *Call) Drop(name string) { c.ownHeader().Del(name) }
