// SPDX-License-Identifier: Apache-2.0

package model

import (
	"strings"
	"time"
)

// Function is an AWS::Lambda::Function.
type Function struct {
	LogicalID string
	Name      string
	ARN       string // unqualified
	Pos       string

	Runtime     string // nodejs22.x, python3.13, provided.al2023 …; empty for images
	Handler     string
	Code        Code
	Layers      []Code // in the order given; later ones win
	Environment map[string]string
	Timeout     time.Duration // 3 s
	Memory      int           // MB; 128
	Ephemeral   int           // MB of /tmp; 512
	Reserved    *int          // reserved concurrency; nil: none
	Arch        string        // x86_64, arm64
	Image       string        // ImageUri; such a function is not run
	LogGroup    string        // /aws/lambda/NAME when not said otherwise
	LogJSON     bool          // LoggingConfig.LogFormat JSON

	Versions []FunctionVersion
	Aliases  []FunctionAlias
	URLs     []*FunctionURL

	// Permissions are its resource-based policy.
	Permissions []Permission
}

// Code is where the code of a function or layer comes from: exactly one of
// Dir, Zip and Inline is set; none when it could not be found, and then
// Missing says what was looked for and how to give it.
type Code struct {
	Dir    string
	Zip    string
	Inline string // index.js, index.mjs or index.py by runtime
	// Build is how Dir becomes runnable: "" as it is, "go" with the local
	// toolchain, "makefile" and others are refused with a word.
	Build   string
	Missing string
}

// FunctionVersion is an AWS::Lambda::Version.
type FunctionVersion struct {
	LogicalID string
	Number    string
	ARN       string
}

// FunctionAlias is an AWS::Lambda::Alias.
type FunctionAlias struct {
	LogicalID string
	Name      string
	ARN       string
	Version   string
	// Weights sends a share (0..1) of the calls to other versions.
	Weights map[string]float64
}

// FunctionURL is an AWS::Lambda::Url.
type FunctionURL struct {
	LogicalID string
	Host      string // ….lambda-url.REGION.on.aws
	Qualifier string
	AuthType  string // NONE, AWS_IAM
	Stream    bool   // InvokeMode RESPONSE_STREAM
	CORS      *APICORS
}

// SplitFunctionRef takes a function's name, ARN, partial ARN or an
// apigateway invocation URI apart into name and qualifier (empty: $LATEST).
func SplitFunctionRef(ref string) (name, qualifier string) {
	if i := strings.Index(ref, ":path/"); i >= 0 { // arn:aws:apigateway:R:lambda:path/2015-03-31/functions/ARN/invocations
		ref = ref[i:]
		if j := strings.Index(ref, "/functions/"); j >= 0 {
			ref = ref[j+len("/functions/"):]
		}
		ref = strings.TrimSuffix(ref, "/invocations")
	}
	if i := strings.Index(ref, "function:"); i >= 0 {
		ref = ref[i+len("function:"):]
	}
	name, qualifier, _ = strings.Cut(ref, ":")
	return name, qualifier
}

// Bucket is an AWS::S3::Bucket.
type Bucket struct {
	LogicalID string
	Name      string
	Region    string
	Pos       string
	Content   []Content // what fills it; later entries win
	Website   *Website  // nil: no website endpoint
	// PolicyJSON is the bucket policy, evaluated; empty: none.
	PolicyJSON string
	// BlockPublic is true when public access is blocked (AWS's default).
	BlockPublic bool
}

// Serves tells whether a domain name is the bucket's, in one of AWS's forms, such
// as NAME.s3.amazonaws.com.
func (b *Bucket) Serves(domain string) bool {
	rest, ok := strings.CutPrefix(domain, b.Name+".s3")
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '-')
}

// Content is a folder or zip whose files become objects.
type Content struct {
	Dir    string // watched
	Zip    string
	Prefix string // key prefix
}

// Website is a bucket's WebsiteConfiguration.
type Website struct {
	Index       string // IndexDocument
	Error       string // ErrorDocument
	RedirectAll string // host; empty: none
	RedirectTLS string // protocol of RedirectAll: http, https, empty for the request's
	Rules       []RoutingRule
}

// RoutingRule is a redirect of a website endpoint. The first one counts whose
// conditions hold.
type RoutingRule struct {
	// Conditions: the key begins with KeyPrefix, and the answer would have the
	// status Error. 0: whatever it would be, the object is not looked for.
	KeyPrefix string
	Error     int

	Host     string // empty: the request's
	Protocol string // http, https, empty: the request's
	Status   int    // 0: 301
	// At most one of the two is set.
	Key           *string // the whole key; nil: it stays
	KeyPrefixWith *string // in place of KeyPrefix; nil: it stays
}
