// SPDX-License-Identifier: Apache-2.0

package integration

// contextNames are the $context variables that ContextVar knows, as mapping
// templates see them in $context.keySet(); a test holds the two together.
var contextNames = [...]string{
	"accountId", "apiId", "customDomain.basePathMatched", "deploymentId", "domainName", "domainPrefix", "extendedRequestId",
	"httpMethod", "identity.accessKey", "identity.accountId", "identity.apiKey", "identity.apiKeyId", "identity.caller",
	"identity.clientCert.clientCertPem", "identity.clientCert.issuerDN", "identity.clientCert.serialNumber", "identity.clientCert.subjectDN",
	"identity.clientCert.validity.notAfter", "identity.clientCert.validity.notBefore", "identity.sourceIp", "identity.user", "identity.userAgent", "identity.userArn", "identity.vpcId", "identity.vpceId", "isCanaryRequest", "path",
	"protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath", "stage", "xrayTraceId",
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
