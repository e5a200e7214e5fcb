// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

// serviceWords is what the report says of integrations with services.
const serviceWords = "goes where --service NAME=URL leads, signed with --origin-credentials, and is an error without; s3 without one is the buckets of the stack, whatever the role may do"

// Default times of an integration.
const (
	restTimeout = 29 * time.Second
	httpTimeout = 30 * time.Second
)

// functionOf takes the function's ARN out of an invocation URI; a plain ARN or
// name stays. ok is false when the URI names another service.
func functionOf(uri string) (function string, ok bool) {
	if _, rest, found := strings.Cut(uri, "/functions/"); found {
		rest = strings.TrimSuffix(rest, "/invocations")
		return strings.TrimSuffix(rest, "/response-streaming-invocations"), true
	}
	return uri, strings.Contains(uri, ":function:") || uri != "" && !strings.HasPrefix(uri, "arn:") && !strings.Contains(uri, "/")
}

// kindOf says what a type and URI are together.
func kindOf(typ, uri, subtype string) (k model.IntegrationKind, function string) {
	f, isFunction := functionOf(uri)
	switch strings.ToUpper(typ) {
	case "AWS_PROXY":
		if subtype != "" || !isFunction {
			return model.AWSService, ""
		}
		return model.LambdaProxy, f
	case "AWS":
		if strings.Contains(uri, ":lambda:path") && isFunction {
			return model.LambdaCustom, f
		}
		return model.AWSService, ""
	case "HTTP_PROXY":
		return model.HTTPProxy, ""
	case "HTTP":
		return model.HTTPCustom, ""
	}
	return model.Mock, ""
}

// restIntegration reads the Integration of a method.
func restIntegration(v base.Value) *model.Integration {
	i := &model.Integration{
		URI: v.Get("Uri").Text(), Method: strings.ToUpper(v.Get("IntegrationHttpMethod").Text()), Payload: "1.0",
		Timeout: millis(v.Get("TimeoutInMillis"), restTimeout), Stream: v.Get("ResponseTransferMode").Text() == "STREAM",
		RequestParameters: stringMap(v.Get("RequestParameters")), RequestTemplates: v.Get("RequestTemplates").TextMap(),
		Passthrough: v.Get("PassthroughBehavior").TextOr("WHEN_NO_MATCH"), ContentHandling: v.Get("ContentHandling").Text(),
		Credentials: v.Get("Credentials").Text(),
		CacheKey:    cacheKey(v.Get("CacheKeyParameters")), CacheNamespace: v.Get("CacheNamespace").Text(),
	}
	if v.Get("ConnectionType").Text() == "VPC_LINK" {
		i.VPCLink, i.VPCTarget = v.Get("ConnectionId").TextOr("unknown"), v.Get("IntegrationTarget").Text()
	}
	i.Kind, i.Function = kindOf(v.Get("Type").Text(), i.URI, "")
	for _, r := range v.Get("IntegrationResponses").List() {
		i.Responses = append(i.Responses, model.IntegrationResponse{
			Status: r.Get("StatusCode").Text(), SelectionPattern: r.Get("SelectionPattern").Text(),
			Parameters: stringMap(r.Get("ResponseParameters")), Templates: r.Get("ResponseTemplates").TextMap(),
			ContentHandling: r.Get("ContentHandling").Text(),
		})
	}
	checkIntegration(v, i, v.Get("Type").Text(), "Uri")
	return i
}

// checkIntegration refuses an integration that API Gateway refuses.
func checkIntegration(v base.Value, i *model.Integration, typ, uri string) {
	switch i.Kind {
	case model.Mock:
	case model.AWSService:
		checkService(v, i, typ, uri)
	case model.HTTPProxy, model.HTTPCustom:
		if i.URI == "" {
			v.Fail("add "+uri+": https://…", "an integration of type %s needs a target", typ)
		} else if i.VPCLink == "" && !strings.HasPrefix(i.URI, "http://") && !strings.HasPrefix(i.URI, "https://") && !strings.Contains(i.URI, "${stageVariables.") {
			v.Get(uri).Fail("write it with http:// or https://", "%q is no HTTP endpoint", i.URI)
		}
	default:
		if i.URI == "" && i.Subtype == "" {
			v.Fail("add "+uri, "an integration of type %s needs a target", typ)
		}
	}
	if i.Timeout < 50*time.Millisecond {
		v.Fail("give 50 or more milliseconds", "an integration cannot have a timeout of %s", i.Timeout)
	}
}

// checkService refuses a call of a service that there cannot be.
func checkService(v base.Value, i *model.Integration, typ, uri string) {
	if i.Subtype != "" {
		checkAction(v, i)
		return
	}
	if i.URI == "" {
		v.Fail("add "+uri, "an integration of type %s needs a target", typ)
		return
	}
	if strings.Contains(i.URI, "${") || !strings.HasPrefix(i.URI, "arn:") {
		return // read once the stage's variables are known; it then answers an error
	}
	u, err := model.ParseServiceURI(i.URI)
	switch {
	case err != nil:
		v.Get(uri).Fail("name a service and its action or path", "%v", err)
	case strings.EqualFold(typ, "AWS_PROXY") && u.Service != "lambda" && u.Service != "firehose":
		v.Get(uri).Fail("say type AWS", "integrations of type AWS_PROXY are for functions and streams of Firehose, not for %s", u.Service)
	}
}

// checkAction refuses a first-class action that there is not.
func checkAction(v base.Value, i *model.Integration) {
	a := model.FindServiceAction(i.Subtype)
	if a == nil {
		v.Fail("see the integration subtype reference of API Gateway", "%q is no action of a service that an HTTP API can call", i.Subtype)
	} else if err := a.Check(i.Payload, i.RequestParameters); err != nil {
		v.Fail("compare with the integration subtype reference of API Gateway", "%v", err)
	}
}

func millis(v base.Value, or time.Duration) time.Duration {
	if i := v.IntPtr(); i != nil && *i >= 0 && *i < 1<<31 {
		return time.Duration(*i) * time.Millisecond
	}
	return or
}

// httpIntegration reads an AWS::ApiGatewayV2::Integration.
func httpIntegration(v base.Value) *model.Integration {
	i := &model.Integration{
		URI: v.Get("IntegrationUri").Text(), Method: strings.ToUpper(v.Get("IntegrationMethod").TextOr("ANY")),
		Payload: v.Get("PayloadFormatVersion").TextOr("1.0"), Timeout: millis(v.Get("TimeoutInMillis"), httpTimeout),
		Subtype: v.Get("IntegrationSubtype").Text(), RequestParameters: stringMap(v.Get("RequestParameters")),
		Credentials: v.Get("CredentialsArn").Text(), TLSServerName: v.Get("TlsConfig", "ServerNameToVerify").Text(),
	}
	if v.Get("ConnectionType").Text() == "VPC_LINK" {
		i.VPCLink = v.Get("ConnectionId").TextOr("unknown")
	}
	i.Kind, i.Function = kindOf(v.Get("IntegrationType").Text(), i.URI, i.Subtype)
	for _, status := range v.Get("ResponseParameters").Pairs() {
		m := model.StatusMapping{Status: status.Key}
		for _, p := range status.Value.Get("ResponseParameters").List() {
			m.Mappings = append(m.Mappings, model.Mapping{To: p.Get("Destination").Text(), From: p.Get("Source").Text()})
		}
		i.ResponseParameters = append(i.ResponseParameters, m)
	}
	if i.Subtype != "" {
		checkAction(v, i)
	}
	return i
}

// importIntegration reads an x-amazon-apigateway-integration.
func importIntegration(v base.Value, kind model.APIKind) *model.Integration {
	typ := v.Get("type").Text()
	if types := []string{"AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"}; !slices.Contains(types, strings.ToUpper(typ)) {
		v.Get("type").Fail("it is one of "+strings.ToLower(strings.Join(types, ", ")), "%q is no type of an integration", typ)
	}
	i := &model.Integration{
		URI: v.Get("uri").Text(), Method: strings.ToUpper(v.Get("httpMethod").Text()), Payload: v.Get("payloadFormatVersion").TextOr("1.0"),
		Timeout: millis(v.Get("timeoutInMillis"), restTimeout), Stream: strings.EqualFold(v.Get("responseTransferMode").Text(), "STREAM"),
		Subtype: v.Get("integrationSubtype").Text(), RequestParameters: stringMap(v.Get("requestParameters")),
		RequestTemplates: v.Get("requestTemplates").TextMap(),
		Passthrough:      strings.ToUpper(v.Get("passthroughBehavior").TextOr("WHEN_NO_MATCH")), ContentHandling: strings.ToUpper(v.Get("contentHandling").Text()),
		Credentials: v.Get("credentials").Text(), TLSServerName: v.Get("tlsConfig", "serverNameToVerify").Text(),
	}
	if kind == model.HTTPAPI {
		i.Timeout, i.Passthrough = millis(v.Get("timeoutInMillis"), httpTimeout), ""
		if i.Method == "" {
			i.Method = "ANY"
		}
		for _, status := range v.Get("responseParameters").Pairs() {
			i.ResponseParameters = append(i.ResponseParameters, model.StatusMapping{Status: status.Key, Mappings: stringMap(status.Value)})
		}
	} else {
		i.Payload, i.CacheKey, i.CacheNamespace = "1.0", cacheKey(v.Get("cacheKeyParameters")), v.Get("cacheNamespace").Text()
	}
	if strings.EqualFold(v.Get("connectionType").Text(), "VPC_LINK") {
		i.VPCLink, i.VPCTarget = v.Get("connectionId").TextOr("unknown"), v.Get("integrationTarget").Text()
	}
	i.Kind, i.Function = kindOf(typ, i.URI, i.Subtype)
	for _, p := range v.Get("responses").Pairs() {
		r := model.IntegrationResponse{
			Status: p.Value.Get("statusCode").Text(), SelectionPattern: p.Key,
			Parameters: stringMap(p.Value.Get("responseParameters")), Templates: p.Value.Get("responseTemplates").TextMap(),
			ContentHandling: strings.ToUpper(p.Value.Get("contentHandling").Text()),
		}
		if p.Key == "default" {
			r.SelectionPattern = ""
		}
		i.Responses = append(i.Responses, r)
	}
	checkIntegration(v, i, typ, "uri")
	return i
}
