// SPDX-License-Identifier: Apache-2.0

package integration

import "strings"

// Authorized is what an authorizer left for events and variables.
type Authorized struct {
	// Vars are the $context.authorizer variables, without that prefix.
	Vars map[string]string
	// Event1 and Event2 are the member authorizer of requestContext in events
	// of format 1.0 and 2.0, as JSON; empty: there is none.
	Event1, Event2 []byte
}

// authorizerVar is a $context.authorizer variable.
func (c *Call) authorizerVar(name string) (string, bool) {
	name, ok := strings.CutPrefix(name, "authorizer.")
	if !ok || c.Authorized == nil {
		return "", false
	}
	v, ok := c.Authorized.Vars[name]
	return v, ok
}

// Signer is who signed a request with AWS credentials.
type Signer struct {
	AccessKey string
	AccountID string
	ID        string // AIDA…, or AROA…:SESSION
	ARN       string
}

// signerVar is a $context.identity variable of the signer.
func (c *Call) signerVar(name string) (string, bool) {
	if c.Signer == nil {
		return "", false
	}
	switch name {
	case "identity.accessKey":
		return c.Signer.AccessKey, true
	case "identity.accountId":
		return c.Signer.AccountID, true
	case "identity.caller", "identity.user":
		return c.Signer.ID, true
	case "identity.userArn":
		return c.Signer.ARN, true
	}
	return "", false
}

// appendIAM appends the member iam of an authorizer in events of format 2.0.
func (s *Signer) appendIAM(b []byte) []byte {
	b = text(append(b, '{'), "accessKey", s.AccessKey)
	b = text(b, "accountId", s.AccountID)
	b = text(b, "callerId", s.ID)
	b = null(null(b, "cognitoIdentity"), "principalOrgId")
	b = text(b, "userArn", s.ARN)
	return append(text(b, "userId", s.ID), '}')
}

// AuthorizerAsk is what an authorizer's event has besides the call.
type AuthorizerAsk struct {
	Token    bool // TOKEN; else REQUEST
	Format2  bool
	ARN      string   // of the method or route
	Identity []string // values of the identity sources
}

// AuthorizerEvent is the event of a Lambda authorizer: type and ARN, and for
// REQUEST what the integration's event has, without the body.
func (c *Call) AuthorizerEvent(a AuthorizerAsk) []byte {
	if a.Token {
		b := text([]byte{'{'}, "type", "TOKEN")
		b = text(b, "methodArn", a.ARN)
		return append(text(b, "authorizationToken", first(a.Identity)), '}')
	}
	b := make([]byte, 0, eventSize(c, 0))
	if a.Format2 {
		b = append(b, `{"version":"2.0","type":"REQUEST"`...)
		b = text(b, "routeArn", a.ARN)
		b = key(b, "identitySource")
		if len(a.Identity) == 0 {
			b = append(b, "null"...)
		} else {
			b = appendList(b, a.Identity)
		}
		return append(c.appendRequest2(b), '}')
	}
	b = append(b, '{')
	if c.API.Style != RESTAPI {
		b = text(b, "version", "1.0")
	}
	b = text(b, "type", "REQUEST")
	b = text(b, "methodArn", a.ARN)
	if c.API.Style != RESTAPI {
		identity := strings.Join(a.Identity, ",")
		b = textOrNull(b, "identitySource", identity)
		b = textOrNull(b, "authorizationToken", identity)
	}
	return append(c.appendRequest1(b), '}')
}

// appendRequest2 appends what both events of format 2.0 have.
func (c *Call) appendRequest2(b []byte) []byte {
	path := unescapePath(c.Path)
	b = text(b, "routeKey", c.Route.Key)
	b = text(b, "rawPath", path)
	b = text(b, "rawQueryString", c.Query)
	b = appendCookies2(b, c)
	b = appendHeaders2(b, c, int(max(c.Length, 0)))
	b = appendQuery2(b, c)
	b = appendContext2(b, c, path)
	if len(c.Params) > 0 {
		b = c.appendParams(key(b, "pathParameters"))
	}
	if len(c.Stage.Variables) > 0 {
		b = appendMap(key(b, "stageVariables"), c.Stage.Variables)
	}
	return b
}

// appendRequest1 appends what both events of format 1.0 have; here, what is
// empty is an empty object.
func (c *Call) appendRequest1(b []byte) []byte {
	resource, path, fullPath := c.Route.Path, c.RoutePath, c.Path
	if c.API.Style != RESTAPI {
		fullPath = unescapePath(c.Path)
		path = fullPath
		if resource == "" {
			resource = "$default"
		}
	}
	b = text(b, "resource", resource)
	b = text(b, "path", path)
	b = text(b, "httpMethod", c.Method)
	b = appendHeaders1(b, c, int(max(c.Length, 0)))
	if c.Query == "" {
		b = append(b, `,"queryStringParameters":{},"multiValueQueryStringParameters":{}`...)
	} else {
		b = appendQuery1(b, c)
	}
	b = c.appendParams(key(b, "pathParameters"))
	b = appendMap(key(b, "stageVariables"), c.Stage.Variables)
	return appendContext1(b, c, resource, fullPath)
}

// appendParams appends the path parameters; a REST API leaves them encoded.
func (c *Call) appendParams(b []byte) []byte {
	b = append(b, '{')
	for _, p := range c.Params {
		value := p.Value
		if c.API.Style != RESTAPI {
			value = unescapePath(value)
		}
		b = append(appendString(comma(b), p.Name), ':')
		b = appendString(b, value)
	}
	return append(b, '}')
}
