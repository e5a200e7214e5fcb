// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestA6ServiceDefinitions: what cannot work says why when it is compiled; a
// region is the definition's, and nobody else's.
func TestA6ServiceDefinitions(t *testing.T) {
	mappings := func(more ...model.Mapping) []model.Mapping {
		return append([]model.Mapping{{To: "QueueUrl", From: "q"}}, more...)
	}
	for _, tt := range []struct {
		name   string
		style  Style
		in     model.Integration
		err    string
		region string
	}{
		{"an action", HTTPAPI, model.Integration{Subtype: "SQS-PurgeQueue", Payload: "1.0", RequestParameters: mappings()}, "", ""},
		{"a region", HTTPAPI, model.Integration{Subtype: "SQS-PurgeQueue", Payload: "1.0", RequestParameters: mappings(model.Mapping{To: "Region", From: "eu-west-1"})}, "", "eu-west-1"},
		{"of the stage", HTTPAPI, model.Integration{Subtype: "SQS-PurgeQueue", Payload: "1.0", RequestParameters: mappings(model.Mapping{To: "Region", From: "${stageVariables.r}"})}, "", "eu-north-1"},
		{"of the viewer", HTTPAPI, model.Integration{Subtype: "SQS-PurgeQueue", Payload: "1.0", RequestParameters: mappings(model.Mapping{To: "Region", From: "$request.header.r"})}, "Region is a text", ""},
		{"no region", HTTPAPI, model.Integration{Subtype: "SQS-PurgeQueue", Payload: "1.0", RequestParameters: mappings(model.Mapping{To: "Region", From: "evil.example/"})}, "is no region", ""},
		{"no such action", HTTPAPI, model.Integration{Subtype: "SQS-Explode", Payload: "1.0"}, "SQS-Explode is not known", ""},
		{"another version", HTTPAPI, model.Integration{Subtype: "SQS-PurgeQueue", Payload: "2.0", RequestParameters: mappings()}, "version 1.0", ""},
		{"a source that there is not", HTTPAPI, model.Integration{Subtype: "SQS-DeleteMessage", Payload: "1.0", RequestParameters: mappings(model.Mapping{To: "ReceiptHandle", From: "$response.header.a"})}, "no value it can take", ""},
		{"neither function nor action", HTTPAPI, model.Integration{URI: "arn:aws:states:x"}, "names no action", ""},
		{"a URI", RESTAPI, model.Integration{URI: "arn:aws:apigateway:${stageVariables.r}:sqs:path/q", Method: "POST"}, "", "eu-north-1"},
		{"no URI of a service", RESTAPI, model.Integration{URI: "arn:aws:sqs:us-east-1:1:q", Method: "POST"}, "no ARN of a service", ""},
		{"a stage variable that there is not", RESTAPI, model.Integration{URI: "arn:aws:apigateway:${stageVariables.none}:sqs:path/q"}, "no variable", ""},
		{"no endpoint", RESTAPI, model.Integration{URI: "arn:aws:apigateway:us-east-1:runtime.lex:path/b"}, "--service lex=URL", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Kind = model.AWSService
			var region string
			d := Deps{Service: func(u *model.ServiceURI) http.RoundTripper {
				if u.Service == "runtime.lex" {
					return nil
				}
				region = u.Region
				return http.DefaultTransport
			}}
			stage := &Stage{Variables: map[string]string{"r": "eu-north-1"}}
			r, err := Compile(&tt.in, &API{Style: tt.style}, stage, &Route{}, d)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || region != tt.region {
				t.Errorf("%v, region %q", err, region)
			}
			var f *Fault
			if _, ok := r.(broken); ok != (err != nil) || err != nil && !errors.As(err, &f) {
				t.Errorf("%T %v", r, err)
			}
		})
	}
}
