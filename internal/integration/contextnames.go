// SPDX-License-Identifier: Apache-2.0

package integration

// contextNames are the $context variables that ContextVar knows, as mapping
// templates see them in $context.keySet().
var contextNames = [...]string{
	"accountId", "apiId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod", "identity.sourceIp",
	"identity.userAgent", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath",
	"stage",
}

// ContextNames lists the $context variables that have a value.
func (c *Call) ContextNames() []string {
	names := make([]string, 0, len(contextNames))
	for _, n := range contextNames {
		if _, ok := c.ContextVar(n); ok {
			names = append(names, n)
		}
	}
	return names
}
