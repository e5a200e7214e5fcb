// SPDX-License-Identifier: Apache-2.0

package model

import (
	"strings"
	"testing"
)

func TestA6ServiceURI(t *testing.T) {
	for _, tt := range []struct {
		uri  string
		want ServiceURI
		err  string
	}{
		{"arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", ServiceURI{"us-east-1", "dynamodb", "PutItem", "", ""}, ""},
		{"arn:aws:apigateway:us-east-1:sns:action/Publish&TopicArn={t}&Message=a:b", ServiceURI{"us-east-1", "sns", "Publish", "TopicArn={t}&Message=a:b", ""}, ""},
		{"arn:aws:apigateway:eu-west-1:sqs:path/123456789012/queue", ServiceURI{"eu-west-1", "sqs", "", "", "/123456789012/queue"}, ""},
		{"arn:aws:apigateway:us-east-1:sns:path//", ServiceURI{"us-east-1", "sns", "", "", "/"}, ""},
		{"arn:aws:apigateway:us-east-1:sqs:path", ServiceURI{"us-east-1", "sqs", "", "", "/"}, ""},
		{"arn:aws:apigateway:us-east-1:s3:path/{bucket}/{key+}?acl", ServiceURI{"us-east-1", "s3", "", "", "/{bucket}/{key+}?acl"}, ""},
		{"arn:aws:apigateway:us-east-1:data.iot:path/topics/a", ServiceURI{"us-east-1", "data.iot", "", "", "/topics/a"}, ""},
		{"arn:aws-cn:apigateway:cn-north-1:s3:path/b/k:1", ServiceURI{"cn-north-1", "s3", "", "", "/b/k:1"}, ""},
		{"arn:aws:apigateway::sqs:path/a", ServiceURI{}, "no region"},
		{"arn:aws:apigateway:us-east-1::path/a", ServiceURI{}, "no service"},
		{"arn:aws:apigateway:us-east-1:a..b:path/a", ServiceURI{}, "no service"},
		{"arn:aws:apigateway:us-east-1:evil.example/x:path/a", ServiceURI{}, "no service"},
		{"arn:aws:apigateway:us-east-1:sqs:act/X", ServiceURI{}, "neither"},
		{"arn:aws:apigateway:us-east-1:sqs:action/", ServiceURI{}, "no action"},
		{"arn:aws:apigateway:us-east-1:sqs:action/A B", ServiceURI{}, "no action"},
		{"arn:aws:apigateway:us-east-1:s3:path/a\nb", ServiceURI{}, "visible ASCII"},
		{"arn:aws:sqs:us-east-1:123456789012:q", ServiceURI{}, "no ARN of a service"},
		{"https://sqs.us-east-1.amazonaws.com", ServiceURI{}, "no ARN of a service"},
	} {
		got, err := ParseServiceURI(tt.uri)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %+v %v", tt.uri, got, err)
		}
	}
}

// FuzzServiceURI: what is read has parts that can stand in a URL, and is read
// again from its parts.
func FuzzServiceURI(f *testing.F) {
	f.Add("arn:aws:apigateway:us-east-1:dynamodb:action/PutItem&a={b}")
	f.Add("arn:aws:apigateway:us-east-1:bucket.s3:path/{key}")
	f.Fuzz(func(t *testing.T, uri string) {
		u, err := ParseServiceURI(uri)
		if err != nil {
			return
		}
		again := "arn:aws:apigateway:" + u.Region + ":" + u.Service + ":"
		switch {
		case u.Action == "":
			again += "path" + u.Path
		case u.Query == "":
			again += "action/" + u.Action
		default:
			again += "action/" + u.Action + "&" + u.Query
		}
		if v, err := ParseServiceURI(again); err != nil || v != u {
			t.Errorf("%q is %+v, and %q %+v %v", uri, u, again, v, err)
		}
		if strings.ContainsAny(u.Region+u.Service+u.Action, " /?#@:%\r\n") || strings.ContainsAny(u.Path+u.Query, " #\r\n") {
			t.Errorf("%q: %+v", uri, u)
		}
	})
}

func TestA6ServiceActions(t *testing.T) {
	if FindServiceAction("SQS-Explode") != nil {
		t.Error("an action that there is not")
	}
	a := FindServiceAction("SQS-SendMessage")
	both := []Mapping{{"QueueUrl", "q"}, {"MessageBody", "$request.body"}}
	for _, tt := range []struct {
		name, payload string
		parameters    []Mapping
		err           string
	}{
		{"all that it needs", "1.0", both, ""},
		{"and more", "1.0", append(both[:2:2], Mapping{"DelaySeconds", "3"}), ""},
		{"one is missing", "1.0", both[:1], "needs the request parameter MessageBody"},
		{"an unknown one", "1.0", append(both[:2:2], Mapping{"Colour", "red"}), "no request parameter Colour"},
		{"another version", "2.0", both, "version 1.0"},
	} {
		if err := a.Check(tt.payload, tt.parameters); (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
