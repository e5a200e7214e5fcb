// SPDX-License-Identifier: Apache-2.0

package integration

// Payload format 1.0: REST APIs, and HTTP APIs that ask for it. Members that
// have nothing to say are null.
//
// What differs between the two, as seen in events of both: a REST API leaves
// paths and path parameters percent-encoded, its path has no stage, and it
// does not hand over Content-Length; an HTTP API decodes them, keeps a named
// stage in path, and says version 1.0.

// appendEvent1 appends the event of a call.
func appendEvent1(b []byte, c *Call, body []byte) []byte {
	rest := c.API.Style == RESTAPI
	resource, path, fullPath := c.Route.Path, c.RoutePath, c.Path
	if c.MappedPath != "" { // a REST API behind a custom domain sees what the viewer sent
		path = c.Path
	}
	b = append(b, '{')
	if !rest {
		b = text(b, "version", "1.0")
		fullPath = unescapePath(c.Path)
		path = fullPath
		if c.pathMapped {
			path = unescapePath(c.mappedPath)
		}
		if resource == "" {
			resource = "$default"
		}
	}
	b = text(b, "resource", resource)
	b = text(b, "path", path)
	b = text(b, "httpMethod", c.Method)
	b = appendHeaders1(b, c, len(body))
	b = appendQuery1(b, c)
	b = appendContext1(b, c, resource, fullPath)
	b = key(b, "pathParameters")
	if len(c.Params) == 0 {
		b = append(b, "null"...)
	} else {
		b = append(b, '{')
		for _, p := range c.Params {
			value := p.Value
			if !rest {
				value = unescapePath(value)
			}
			b = append(appendString(comma(b), p.Name), ':')
			b = appendString(b, value)
		}
		b = append(b, '}')
	}
	if len(c.Stage.Variables) == 0 {
		b = null(b, "stageVariables")
	} else {
		b = appendMap(key(b, "stageVariables"), c.Stage.Variables)
	}
	if len(body) == 0 {
		return append(b, `,"body":null,"isBase64Encoded":false}`...)
	}
	return append(bodyMembers(b, body, c.binaryBody(body)), '}')
}

// headers1 calls f for each field of an event of format 1.0.
func headers1(c *Call, length int, f func(name string, values []string)) {
	for name, values := range c.Header {
		if !isOwnHeader(name) && len(values) > 0 {
			f(name, values)
		}
	}
	f("Host", []string{c.Host})
	if c.API.Style != RESTAPI {
		f("Content-Length", []string{itoa(length)})
	}
	f("X-Amzn-Trace-Id", []string{c.TraceID})
	f("X-Forwarded-For", []string{c.forwardedFor()})
	f("X-Forwarded-Port", []string{c.port()})
	f("X-Forwarded-Proto", []string{c.scheme()})
}

func appendHeaders1(b []byte, c *Call, length int) []byte {
	b = append(key(b, "headers"), '{')
	headers1(c, length, func(name string, values []string) {
		b = append(appendString(comma(b), name), ':')
		b = appendString(b, values[len(values)-1])
	})
	b = append(b, '}')
	b = append(key(b, "multiValueHeaders"), '{')
	headers1(c, length, func(name string, values []string) {
		b = append(appendString(comma(b), name), ':')
		b = appendList(b, values)
	})
	return append(b, '}')
}

func appendQuery1(b []byte, c *Call) []byte {
	pairs := parseQuery(c.Query, c.API.Style)
	if len(pairs) == 0 {
		return null(null(b, "queryStringParameters"), "multiValueQueryStringParameters")
	}
	b = append(key(b, "queryStringParameters"), '{')
	for _, p := range pairs {
		b = append(appendString(comma(b), p.name), ':')
		b = appendString(b, p.values[len(p.values)-1])
	}
	b = append(b, '}')
	b = append(key(b, "multiValueQueryStringParameters"), '{')
	for _, p := range pairs {
		b = append(appendString(comma(b), p.name), ':')
		b = appendList(b, p.values)
	}
	return append(b, '}')
}

func appendList(b []byte, values []string) []byte {
	b = append(b, '[')
	for _, v := range values {
		b = appendString(comma(b), v)
	}
	return append(b, ']')
}

func appendContext1(b []byte, c *Call, resource, path string) []byte {
	rest := c.API.Style == RESTAPI
	b = append(key(b, "requestContext"), '{')
	b = text(b, "accountId", c.API.AccountID)
	b = text(b, "apiId", c.API.ID)
	if c.Authorized != nil && len(c.Authorized.Event1) > 0 {
		b = append(key(b, "authorizer"), c.Authorized.Event1...)
	}
	b = text(b, "domainName", c.Domain)
	b = text(b, "domainPrefix", c.domainPrefix())
	b = text(b, "extendedRequestId", c.ExtendedID)
	b = text(b, "httpMethod", c.Method)
	b = append(key(b, "identity"), '{')
	s := c.Signer
	if s == nil {
		s = &Signer{}
	}
	b = textOrNull(b, "accessKey", s.AccessKey)
	b = textOrNull(b, "accountId", s.AccountID)
	b = append(textOrNull(b, "caller", s.ID), ',')
	if !rest {
		b = append(b, `"cognitoAmr":null,`...)
	}
	b = append(b, `"cognitoAuthenticationProvider":null,"cognitoAuthenticationType":null,`+
		`"cognitoIdentityId":null,"cognitoIdentityPoolId":null,"principalOrgId":null`...)
	if c.APIKeyID != "" {
		b = text(text(b, "apiKey", c.APIKey), "apiKeyId", c.APIKeyID)
	}
	b = text(b, "sourceIp", c.sourceIP())
	b = textOrNull(b, "user", s.ID)
	b = textOrNull(b, "userAgent", first(c.Header["User-Agent"]))
	b = textOrNull(b, "userArn", s.ARN)
	b = appendClientCert(b, c)
	if c.Caller.Endpoint != "" {
		b = text(text(b, "vpcId", c.Caller.VPC), "vpceId", c.Caller.Endpoint)
	}
	b = append(b, '}')
	if c.Route.OperationName != "" {
		b = text(b, "operationName", c.Route.OperationName)
	}
	b = text(b, "path", path)
	b = text(b, "protocol", c.Caller.Protocol)
	b = text(b, "requestId", c.RequestID)
	b = append(key(b, "requestTime"), '"')
	b = c.Time.UTC().AppendFormat(b, clf)
	b = append(b, '"')
	b = number(b, "requestTimeEpoch", c.Time.UnixMilli())
	if rest {
		b = textOrNull(b, "resourceId", c.Route.ResourceID)
	} else {
		b = text(b, "resourceId", c.Route.Key)
	}
	b = text(b, "resourcePath", resource)
	b = text(b, "stage", c.Stage.Name)
	return append(b, '}')
}
