// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Calls of AWS services by REST APIs (row A6). The URI says which one:
//
//	action/NAME of a service with a JSON protocol    POST / with X-Amz-Target
//	action/NAME of any other                         /?Action=NAME
//	path/PATH                                        the path
//
// All else is the definition's: method, template, fields. What it maps wins over
// the protocol's fields: with a form as its Content-Type an action of a JSON
// service is one of the Query protocol, whose name is in the form.

// serviceCall asks a service.
type serviceCall struct {
	httpCustom
	target      string // X-Amz-Target; empty: none
	contentType string // of the protocol
	form        uriTemplate
}

func compileService(in *model.Integration, stage *Stage, d Deps) (*serviceCall, error) {
	uri, err := substitute(in.URI, stage)
	if err != nil {
		return nil, err
	}
	u, err := model.ParseServiceURI(uri)
	if err != nil {
		return nil, err
	}
	s := &serviceCall{httpCustom: httpCustom{method: strings.ToUpper(in.Method)}}
	if s.method == "ANY" {
		s.method = ""
	}
	if s.client, err = d.service(&u); err != nil {
		return nil, err
	}
	base := "https://" + u.Service + "." + u.Region + ".amazonaws.com"
	if u.Action == "" {
		s.uri, err = parseURI(base + u.Path)
		return s, err
	}
	if u.Names()[len(u.Names())-1] == "s3" {
		return nil, faultf(FaultNotBuilt, "S3 has no actions: write the URI with path/BUCKET/KEY")
	}
	query := "Action=" + u.Action
	if u.Query != "" {
		query += "&" + u.Query
	}
	if s.form, err = parseURI(base + "/?" + query); err != nil {
		return nil, err
	}
	s.uri = s.form
	if p, version := jsonProtocol(&u); p != "" {
		s.target, s.contentType = p+"."+u.Action, "application/x-amz-json-"+version
		s.uri, err = parseURI(base + "/" + strings.TrimSuffix("?"+u.Query, "?"))
	}
	return s, err
}

// service is the way to a service.
func (d *Deps) service(u *model.ServiceURI) (http.RoundTripper, error) {
	if d.Service != nil {
		if rt := d.Service(u); rt != nil {
			return rt, nil
		}
	}
	names := u.Names()
	return nil, faultf(FaultNotBuilt, "there is no endpoint for the service %s: give one with --service %s=URL", u.Service, names[len(names)-1])
}

func (s *serviceCall) ask(ctx context.Context, c *Call, out *outbound) (*inbound, error) {
	for name, v := range out.path {
		for part := range strings.SplitSeq(unescapePath(v), "/") {
			if part == "." || part == ".." { // would be another path, and what is signed another one still
				return nil, faultf(FaultConfig, "integration URI: the value of {%s} has the segment %q", name, part)
			}
		}
	}
	h := s.httpCustom
	if s.target != "" {
		said := mediaType(first(out.header["Content-Type"]))
		if said == formType {
			h.uri = s.form
			return h.ask(ctx, c, out)
		}
		if said == "" {
			out.header["Content-Type"] = []string{s.contentType}
		}
		if out.header["X-Amz-Target"] == nil {
			out.header["X-Amz-Target"] = []string{s.target}
		}
	}
	return h.ask(ctx, c, out)
}

const formType = "application/x-www-form-urlencoded"

// jsonProtocol is the prefix of X-Amz-Target and the protocol's version, as the
// services' own definitions have them; SQS is not among them: an API calls its
// actions by the Query protocol. Empty: no JSON protocol.
func jsonProtocol(u *model.ServiceURI) (prefix, version string) {
	for _, name := range u.Names() {
		for _, p := range jsonProtocols {
			if p[0] == name {
				return p[1], p[2]
			}
		}
	}
	return "", ""
}

var jsonProtocols = [...][3]string{
	{"acm", "CertificateManager", "1.1"},
	{"api.ecr", "AmazonEC2ContainerRegistry_V20150921", "1.1"},
	{"athena", "AmazonAthena", "1.1"},
	{"cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "1.1"},
	{"codebuild", "CodeBuild_20161006", "1.1"},
	{"codecommit", "CodeCommit_20150413", "1.1"},
	{"codepipeline", "CodePipeline_20150709", "1.1"},
	{"cognito-identity", "AWSCognitoIdentityService", "1.1"},
	{"cognito-idp", "AWSCognitoIdentityProviderService", "1.1"},
	{"comprehend", "Comprehend_20171127", "1.1"},
	{"config", "StarlingDoveService", "1.1"},
	{"streams.dynamodb", "DynamoDBStreams_20120810", "1.0"},
	{"dynamodb", "DynamoDB_20120810", "1.0"},
	{"ecs", "AmazonEC2ContainerServiceV20141113", "1.1"},
	{"events", "AWSEvents", "1.1"},
	{"firehose", "Firehose_20150804", "1.1"},
	{"glue", "AWSGlue", "1.1"},
	{"ingest.timestream", "Timestream_20181101", "1.0"},
	{"query.timestream", "Timestream_20181101", "1.0"},
	{"kinesis", "Kinesis_20131202", "1.1"},
	{"kms", "TrentService", "1.1"},
	{"logs", "Logs_20140328", "1.1"},
	{"machinelearning", "AmazonML_20141212", "1.1"},
	{"organizations", "AWSOrganizationsV20161128", "1.1"},
	{"rekognition", "RekognitionService", "1.1"},
	{"secretsmanager", "secretsmanager", "1.1"},
	{"servicediscovery", "Route53AutoNaming_v20170314", "1.1"},
	{"ssm", "AmazonSSM", "1.1"},
	{"states", "AWSStepFunctions", "1.0"},
	{"sync-states", "AWSStepFunctions", "1.0"},
	{"swf", "SimpleWorkflowService", "1.0"},
	{"tagging", "ResourceGroupsTaggingAPI_20170126", "1.1"},
	{"textract", "Textract", "1.1"},
	{"transcribe", "Transcribe", "1.1"},
	{"translate", "AWSShineFrontendService_20170701", "1.1"},
}
