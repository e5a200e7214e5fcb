// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// APIKind tells an HTTP API (API Gateway v2) from a REST API (v1).
type APIKind uint8

// The kinds of APIs.
const (
	HTTPAPI APIKind = iota
	RESTAPI
)

// String is HTTP or REST, as the ready event prints it.
func (k APIKind) String() string {
	if k == RESTAPI {
		return "REST"
	}
	return "HTTP"
}

// API is an AWS::ApiGatewayV2::Api or an AWS::ApiGateway::RestApi; OpenAPI
// bodies and resource trees are written out as routes.
type API struct {
	LogicalID string
	ID        string // 10 lower-case letters and digits
	Name      string
	Kind      APIKind
	Pos       string

	Endpoint           string   // REST: EDGE, REGIONAL, PRIVATE
	EndpointIDs        []string // REST: interface endpoints with names for it
	Demand             *Demand  // nil: none
	Routes             []*Route
	Stages             []*Stage
	CORS               *APICORS // HTTP API only
	BinaryMediaTypes   []string // REST only
	MinCompression     *int     // REST: bytes; nil: off
	DisableExecuteAPI  bool
	APIKeyFromAuth     bool // REST: ApiKeySourceType AUTHORIZER
	Authorizers        []*Authorizer
	GatewayResponses   []GatewayResponse
	Models             map[string]string // REST: JSON Schema by name
	ResourcePolicyJSON string
	// FailOnWarnings etc. have no effect on serving and are not kept.
}

// Route is one route of an HTTP API or one method of a REST resource.
type Route struct {
	// Key is the HTTP API's route key, "GET /items/{id}" or "$default"; for a
	// REST API "METHOD /resource/path" is written in the same form.
	Key    string
	Method string // GET …, or ANY; empty for $default
	Path   string // /items/{id}, /{proxy+}; empty for $default
	Pos    string

	ResourceID     string // REST
	OperationName  string
	APIKeyRequired bool
	// Authorization is NONE, AWS_IAM, JWT, CUSTOM or COGNITO_USER_POOLS.
	Authorization string
	AuthorizerID  string
	Scopes        []string

	Integration *Integration // nil: REST method without integration (500 on call)
	// MethodResponses and RequestParameters of a REST method.
	RequestParameters map[string]bool // "method.request.querystring.q" -> required
	Responses         []MethodResponse
	// RequestModels of a REST method: names of the API's Models by content type
	// or $default. They are asked only where Validate says so.
	RequestModels map[string]string
	Validate      Validation
}

// Validation is what a REST method's request validator checks.
type Validation struct{ Parameters, Body bool }

// MethodResponse is a status that a REST method declares.
type MethodResponse struct {
	Status  string
	Headers map[string]bool // "method.response.header.X" -> required
}

// IntegrationKind is a closed list.
type IntegrationKind uint8

// The kinds of integrations.
const (
	LambdaProxy  IntegrationKind = iota // AWS_PROXY with a function
	HTTPProxy                           // HTTP_PROXY
	Mock                                // MOCK
	LambdaCustom                        // AWS with a function (VTL)
	HTTPCustom                          // HTTP (VTL)
	AWSService                          // AWS with another service, or a first-class service action
)

// String is a word for messages.
func (k IntegrationKind) String() string {
	return [...]string{"Lambda proxy", "HTTP proxy", "mock", "Lambda custom", "HTTP custom", "AWS service", "?", "?"}[k&7]
}

// Integration is what answers a route.
type Integration struct {
	Kind IntegrationKind
	// Function is the function's ARN or name, qualifier included; may hold
	// ${stageVariables.x}. For the Lambda kinds only.
	Function string
	URI      string // HTTP kinds: target with {param} and ${stageVariables.x}; else as written
	Method   string // of the call to the target; HTTP proxies: ANY keeps the viewer's
	Payload  string // "1.0" or "2.0"
	Timeout  time.Duration
	Stream   bool   // REST responseTransferMode STREAM
	Subtype  string // HTTP API first-class service action, such as SQS-SendMessage

	RequestParameters  []Mapping // HTTP API: parameter mapping; REST: integration.request.* <- method.request.*
	ResponseParameters []StatusMapping
	RequestTemplates   map[string]string // content type -> VTL
	Passthrough        string            // WHEN_NO_MATCH, WHEN_NO_TEMPLATES, NEVER
	ContentHandling    string            // "", CONVERT_TO_BINARY, CONVERT_TO_TEXT
	Responses          []IntegrationResponse
	Credentials        string
	// CacheKey are the parameters that a stage's cache tells answers apart by,
	// "method.request.querystring.q"; CacheNamespace is shared by methods whose
	// answers are the same; empty: the resource's id.
	CacheKey       []string
	CacheNamespace string
	VPCLink        string // connection id, may hold ${stageVariables.x}; empty: public
	VPCTarget      string // ARN of the load balancer behind it (REST IntegrationTarget)
	TLSServerName  string
}

// Mapping is one parameter mapping: where to, what from.
type Mapping struct{ To, From string }

// StatusMapping is a list of mappings for one status of an HTTP API's integration.
type StatusMapping struct {
	Status   string
	Mappings []Mapping
}

// IntegrationResponse is one of a REST integration's responses.
type IntegrationResponse struct {
	Status           string
	SelectionPattern string // regular expression; empty: the default response
	Parameters       []Mapping
	Templates        map[string]string
	ContentHandling  string
}

// Stage is a named deployment of an API.
type Stage struct {
	LogicalID   string
	Name        string // "$default" for an HTTP API without stage in the path
	Description string
	Variables   map[string]string
	AutoDeploy  bool
	// Routes narrows a stage to a deployment's snapshot; nil: all of the API's.
	Routes       []*Route
	AccessFormat string // $context template of the access log; empty: none
	AccessLogARN string
	// Throttle is the limit of every route that has none of its own in
	// RouteThrottles, by route key ("GET /pets", "$default"). Each route has a
	// bucket of its own.
	Throttle       Throttle
	RouteThrottles map[string]Throttle
	// CacheBytes is the size of the stage's cache (REST); 0: it has none.
	// Caching is what holds for every GET method that has no settings of its own
	// in RouteCaching, by route key.
	CacheBytes   int64
	Caching      Caching
	RouteCaching map[string]Caching
	WebACL       string
	DeploymentID string  // REST: of the deployment that it serves; may be empty
	Canary       *Canary // REST; nil: it has none
	Demand       *Demand // nil: the API's
}

// Canary is a second deployment of a stage that gets a part of its requests,
// chosen at random.
type Canary struct {
	Percent      float64 // of the requests, 0 to 100
	DeploymentID string
	Routes       []*Route          // as Stage.Routes
	Variables    map[string]string // those of the stage, overridden
	UseCache     bool              // the stage's cache is also the canary's
}

// Caching is what a REST API's stage says about keeping answers of its methods.
// A member that is not set is inherited.
type Caching struct {
	Enabled *bool          // nil: no
	TTL     *time.Duration // 0 to an hour; nil: 300 s; 0: nothing is kept
	// Authorize: only who may do execute-api:InvalidateCache has an entry made
	// anew, with Cache-Control: max-age=0; nil: so it is. Unauthorized is what
	// happens to those who may not: FAIL_WITH_403, SUCCEED_WITHOUT_RESPONSE_HEADER,
	// or the default, SUCCEED_WITH_RESPONSE_HEADER.
	Authorize    *bool
	Unauthorized string
}

// Or fills what c does not say.
func (c Caching) Or(d Caching) Caching {
	if c.Enabled == nil {
		c.Enabled = d.Enabled
	}
	if c.TTL == nil {
		c.TTL = d.TTL
	}
	if c.Authorize == nil {
		c.Authorize = d.Authorize
	}
	if c.Unauthorized == "" {
		c.Unauthorized = d.Unauthorized
	}
	return c
}

// APICORS is the CorsConfiguration of an HTTP API.
type APICORS struct {
	AllowCredentials bool
	AllowHeaders     []string
	AllowMethods     []string
	AllowOrigins     []string
	ExposeHeaders    []string
	MaxAge           *int // seconds, -1..86400
}

// Authorizer is an authorizer of an API.
type Authorizer struct {
	LogicalID      string
	ID             string
	Name           string
	Kind           string // JWT, REQUEST, TOKEN, COGNITO_USER_POOLS
	IdentitySource []string
	Function       string // ARN or name
	Payload        string // "1.0", "2.0"
	Simple         bool
	TTL            *time.Duration
	Validation     string // TOKEN: regular expression
	Issuer         string
	Audience       []string
	Pools          []string // user pool ARNs
}

// GatewayResponse replaces one of API Gateway's own error answers.
type GatewayResponse struct {
	Type       string // DEFAULT_4XX, MISSING_AUTHENTICATION_TOKEN …
	Status     string // empty: the default
	Parameters []Mapping
	Templates  map[string]string
}
