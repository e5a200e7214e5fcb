// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// Request is what an authorizer sees of a request.
type Request struct {
	Header    http.Header // canonical names
	Query     string      // as sent
	Variables map[string]string
	// Context finds a $context variable. Required when an identity source
	// names one.
	Context func(name string) (string, bool)
	// Resources are the names of what is asked for, as a method ARN: as sent,
	// and decoded when that differs. A policy must allow each of them.
	Resources []string
	// Conditions are the condition keys of policies, in lower case.
	Conditions map[string]string
	// Scopes are those of the route; a token must have one of them.
	Scopes []string
	// Event makes the event of a Lambda authorizer. It is called while the
	// request is being authorized, not later.
	Event func(Ask) []byte
	// Asked is set by a Lambda authorizer: what became of its function's
	// invocation for this request. Nil: nobody wants to know.
	Asked *Asked
}

// Asked is an invocation of an authorizer's function.
type Asked struct {
	Lambda    bool          // the authorizer has a function
	Took      time.Duration // 0: an answer was kept, or another request has asked
	Status    int           // of the Lambda service; 0: it was not asked, or did not answer
	RequestID string
}

// Ask is what an authorizer adds to the event.
type Ask struct {
	Token   bool // TOKEN: the event is type, methodArn and token only
	Format2 bool // payload 2.0
	// Identity are the values of the identity sources, joined; the token first.
	Identity []string
}

// Grant is what a caller who passed brings along. It is shared: read only.
type Grant struct {
	Principal string
	// UsageKey is the API key that a Lambda authorizer names
	// (usageIdentifierKey), for APIs that take it from there.
	UsageKey string
	// Vars are the $context.authorizer variables: "principalId", "claims.sub".
	Vars map[string]string
	// Event1 and Event2 are the member authorizer of requestContext, as JSON,
	// in events of format 1.0 and 2.0.
	Event1, Event2 []byte
}

// Kind is why a caller does not pass: a closed list.
type Kind uint8

// The kinds.
const (
	Missing       Kind = iota // an identity source is absent
	Invalid                   // the credentials are not accepted
	Expired                   // the token is past its time
	Scope                     // the token has none of the route's scopes
	Forbidden                 // no statement of the policy allows it
	ForbiddenDeny             // a statement of the policy denies it
	Failed                    // the authorizer could not be asked, or failed
	Misconfigured             // the definition, or the answer, cannot be used
	Gone                      // the viewer left
)

// String is a word for messages.
func (k Kind) String() string {
	words := [...]string{
		"identity missing", "unauthorized", "token expired", "scope missing", "not allowed", "explicitly denied",
		"authorizer failed", "authorizer misconfigured", "viewer gone",
	}
	if int(k) < len(words) {
		return words[k]
	}
	return "?"
}

// Denial is why a caller does not pass. It is no error: the request was
// decided.
type Denial struct {
	Kind Kind
	// Challenge is the WWW-Authenticate of an HTTP API's answer; may be empty.
	Challenge string
	// Grant is set when a policy merely does not allow the request: what the
	// caller brings along if another policy does.
	Grant *Grant
	// Cause is for the operator. It never holds a credential.
	Cause error
}

func deny(k Kind, format string, args ...any) *Denial {
	return &Denial{Kind: k, Cause: fmt.Errorf(format, args...)}
}

// Invoker runs functions. When ctx ends first, Invoke returns its error
// without delay.
type Invoker interface {
	Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)
}

// Options are what Compile needs besides the definition.
type Options struct {
	REST      bool              // of a REST API; else an HTTP API
	Variables map[string]string // of the stage
	Invoke    Invoker           // for Lambda authorizers
	Issuers   *Issuers          // for tokens
}

// Authorizer is a compiled model.Authorizer, for one stage.
type Authorizer struct {
	kind     string
	sources  []source
	optional bool // a request may lack sources
	judge    judge
}

// judge decides about a request whose identity is values.
type judge interface {
	decide(ctx context.Context, rq *Request, values [][]string) (*Grant, *Denial)
}

// Compile makes the Authorizer of a definition for a stage. A definition that
// cannot work is an error.
func Compile(m *model.Authorizer, o Options) (*Authorizer, error) {
	a := &Authorizer{kind: strings.ToUpper(m.Kind)}
	for _, s := range m.IdentitySource {
		src, err := parseSource(s)
		if err != nil {
			return nil, err
		}
		a.sources = append(a.sources, src)
	}
	var err error
	switch {
	case a.kind == "JWT" && !o.REST:
		a.judge, err = newJWT(m, o)
	case a.kind == "COGNITO_USER_POOLS" && o.REST:
		a.judge, err = newPools(m, o)
	case a.kind == "TOKEN" && o.REST, a.kind == "REQUEST":
		a.judge, err = a.newLambda(m, o)
	default:
		err = fmt.Errorf("there is no authorizer of type %s for this kind of API", m.Kind)
	}
	if err != nil {
		return nil, err
	}
	if a.kind != "REQUEST" {
		if len(a.sources) == 0 {
			a.sources = []source{{from: fromHeader, name: "Authorization"}}
		}
		if len(a.sources) > 1 {
			return nil, errors.New("a token has one identity source")
		}
	}
	return a, nil
}

// Serves tells whether the authorizer is of the kind that a route's
// authorization names.
func (a *Authorizer) Serves(authorization string) bool {
	switch a.kind {
	case "TOKEN", "REQUEST":
		return authorization == "CUSTOM"
	}
	return authorization == a.kind
}

// Authorize decides about a request: exactly one of Grant and Denial is not
// nil.
func (a *Authorizer) Authorize(ctx context.Context, rq *Request) (*Grant, *Denial) {
	values, missing := a.identity(rq)
	if missing != "" && !a.optional {
		d := deny(Missing, "the identity source %s is missing", missing)
		if a.kind == "JWT" {
			d.Challenge = "Bearer"
		}
		return nil, d
	}
	return a.judge.decide(ctx, rq, values)
}
