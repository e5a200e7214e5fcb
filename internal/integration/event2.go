// SPDX-License-Identifier: Apache-2.0

package integration

import "strconv"

// Payload format 2.0: HTTP APIs and function URLs. Members that have nothing
// to say are left out, as AWS leaves them out.
//
// What differs between the two, as seen in events of both: an HTTP API decodes
// rawPath and moves the Cookie field to cookies; a function URL keeps rawPath
// as sent (only requestContext.http.path is decoded), keeps the Cookie field
// beside cookies, says "anonymous" for the account, and tells TLS.

// appendEvent2 appends the event of a call.
func appendEvent2(b []byte, c *Call, body []byte) []byte {
	url := c.API.Style == FunctionURL
	path := c.Path
	if c.pathMapped {
		path = c.mappedPath
	}
	decoded := unescapePath(path)
	rawPath := decoded
	if url {
		rawPath = path
	}
	b = append(b, `{"version":"2.0"`...)
	b = text(b, "routeKey", c.Route.Key)
	b = text(b, "rawPath", rawPath)
	b = text(b, "rawQueryString", c.Query)
	b = appendCookies2(b, c)
	b = appendHeaders2(b, c, len(body))
	b = appendQuery2(b, c)
	b = appendContext2(b, c, decoded)
	if len(c.Params) > 0 && !url {
		b = append(key(b, "pathParameters"), '{')
		for _, p := range c.Params {
			b = append(appendString(comma(b), p.Name), ':')
			b = appendString(b, unescapePath(p.Value))
		}
		b = append(b, '}')
	}
	if len(c.Stage.Variables) > 0 {
		b = appendMap(key(b, "stageVariables"), c.Stage.Variables)
	}
	if len(body) == 0 {
		return append(b, `,"isBase64Encoded":false}`...)
	}
	return append(bodyMembers(b, body, c.binaryBody(body)), '}')
}

func appendCookies2(b []byte, c *Call) []byte {
	cookies := splitCookies(c.Header["Cookie"])
	if len(cookies) == 0 {
		return b
	}
	b = append(key(b, "cookies"), '[')
	for _, cookie := range cookies {
		b = appendString(comma(b), cookie)
	}
	return append(b, ']')
}

func appendHeaders2(b []byte, c *Call, length int) []byte {
	url := c.API.Style == FunctionURL
	b = append(key(b, "headers"), '{')
	for name, values := range c.Header {
		if name == "Cookie" && !url || isOwnHeader(name) || len(values) == 0 {
			continue
		}
		b = append(appendLower(comma(b), name), ':')
		b = appendJoined(b, values)
	}
	b = text(b, "host", c.Host)
	if !url || length > 0 {
		b = append(b, `,"content-length":"`...)
		b = strconv.AppendInt(b, int64(length), 10)
		b = append(b, '"')
	}
	b = text(b, "x-amzn-trace-id", c.TraceID)
	b = text(b, "x-forwarded-for", c.forwardedFor())
	b = text(b, "x-forwarded-port", c.port())
	b = text(b, "x-forwarded-proto", c.scheme())
	if url && c.Caller.TLSVersion != "" {
		b = text(b, "x-amzn-tls-version", c.Caller.TLSVersion)
		b = text(b, "x-amzn-tls-cipher-suite", c.Caller.TLSCipher)
	}
	return append(b, '}')
}

// isOwnHeader names the fields that events do not take from the viewer: those
// that the gateway writes itself and those of the connection.
func isOwnHeader(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"Host", "Content-Length", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
		"X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite":
		return true
	}
	return false
}

// appendJoined appends values as one string, joined by commas.
func appendJoined(b []byte, values []string) []byte {
	b = appendString(b, values[0])
	for _, v := range values[1:] {
		b[len(b)-1] = ','
		at := len(b)
		b = appendString(b, v)
		b = append(b[:at], b[at+1:]...) // its opening quote
	}
	return b
}

func appendQuery2(b []byte, c *Call) []byte {
	pairs := parseQuery(c.Query, c.API.Style)
	if len(pairs) == 0 {
		return b
	}
	b = append(key(b, "queryStringParameters"), '{')
	for _, p := range pairs {
		b = append(appendString(comma(b), p.name), ':')
		b = appendJoined(b, p.values)
	}
	return append(b, '}')
}

func appendContext2(b []byte, c *Call, path string) []byte {
	account := c.API.AccountID
	if c.API.Style == FunctionURL && c.Signer == nil {
		account = "anonymous"
	}
	b = append(key(b, "requestContext"), '{')
	b = text(b, "accountId", account)
	b = text(b, "apiId", c.API.ID)
	if len(c.Caller.Certificate) > 0 {
		b = append(appendClientCert(append(key(b, "authentication"), '{'), c), '}')
	}
	if c.Authorized != nil && len(c.Authorized.Event2) > 0 {
		b = append(key(b, "authorizer"), c.Authorized.Event2...)
	} else if c.Signer != nil {
		b = append(c.Signer.appendIAM(append(key(b, "authorizer"), `{"iam":`...)), '}')
	}
	b = text(b, "domainName", c.Domain)
	b = text(b, "domainPrefix", c.domainPrefix())
	b = append(key(b, "http"), '{')
	b = text(b, "method", c.Method)
	b = text(b, "path", path)
	b = text(b, "protocol", c.Caller.Protocol)
	b = text(b, "sourceIp", c.sourceIP())
	b = text(b, "userAgent", first(c.Header["User-Agent"]))
	b = append(b, '}')
	b = text(b, "requestId", c.RequestID)
	b = text(b, "routeKey", c.Route.Key)
	b = text(b, "stage", c.Stage.Name)
	b = append(key(b, "time"), '"')
	b = c.Time.UTC().AppendFormat(b, clf)
	b = append(b, '"')
	b = number(b, "timeEpoch", c.Time.UnixMilli())
	return append(b, '}')
}

// appendMap appends an object of strings.
func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for k, v := range m {
		b = append(appendString(comma(b), k), ':')
		b = appendString(b, v)
	}
	return append(b, '}')
}
