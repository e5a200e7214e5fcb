// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"slices"
	"strings"
)

// ServiceURI is what an AWS integration of a REST API names, taken apart:
//
//	arn:aws:apigateway:REGION:SERVICE:action/NAME&P=V…
//	arn:aws:apigateway:REGION:SUBDOMAIN.SERVICE:path/PATH
type ServiceURI struct {
	Region  string
	Service string // as written, subdomain and all: dynamodb, data.iot
	Action  string // empty: it names a path
	Query   string // of an action, as written
	Path    string // begins with a slash; may hold {variables}
}

// ParseServiceURI takes one apart. Stage variables are written in before.
func ParseServiceURI(uri string) (ServiceURI, error) {
	bad := func(why string) (ServiceURI, error) {
		return ServiceURI{}, fmt.Errorf("%q: %s; want arn:aws:apigateway:REGION:SERVICE:action/NAME or …:path/PATH", uri, why)
	}
	parts := strings.SplitN(uri, ":", 6)
	switch {
	case len(parts) < 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "apigateway":
		return bad("it is no ARN of a service")
	case !label(parts[3]):
		return bad("it names no region")
	}
	for name := range strings.SplitSeq(parts[4], ".") {
		if !label(name) {
			return bad("it names no service")
		}
	}
	u := ServiceURI{Region: parts[3], Service: parts[4]}
	kind, rest, ok := strings.Cut(parts[5], "/")
	switch {
	case kind == "path": // "path" alone is the root, "path//" too
		u.Path = "/" + strings.TrimPrefix(rest, "/")
		if strings.Trim(u.Path, "/") == "" {
			u.Path = "/"
		}
		for i := range len(u.Path) {
			if u.Path[i] <= ' ' || u.Path[i] >= 0x7f || u.Path[i] == '#' {
				return bad("a path has visible ASCII only")
			}
		}
		return u, nil
	case kind != "action" || !ok:
		return bad("it names neither an action nor a path")
	}
	u.Action, u.Query, _ = strings.Cut(rest, "&")
	if u.Action == "" || strings.Trim(u.Action, letters) != "" {
		return bad("it names no action")
	}
	for i := range len(u.Query) {
		if u.Query[i] <= ' ' || u.Query[i] >= 0x7f || u.Query[i] == '#' {
			return bad("parameters have visible ASCII only")
		}
	}
	return u, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// label tells whether s can be a part of a host name.
func label(s string) bool {
	return s != "" && strings.Trim(s, letters+"-") == "" && s[0] != '-' && s[len(s)-1] != '-'
}

// Names are those that an endpoint of the service may be given by, the most
// exact one first.
func (u *ServiceURI) Names() []string {
	if i := strings.LastIndexByte(u.Service, '.'); i >= 0 {
		return []string{u.Service, u.Service[i+1:]}
	}
	return []string{u.Service}
}

// ServiceAction is a first-class action of HTTP APIs ("Integration subtype
// reference" of the developer guide).
type ServiceAction struct {
	Subtype            string
	Required, Optional []string
}

// FindServiceAction is the action of a subtype, or nil. All have the one version
// that is, 1.0.
func FindServiceAction(subtype string) *ServiceAction {
	i := slices.IndexFunc(serviceActions[:], func(a ServiceAction) bool { return a.Subtype == subtype })
	if i < 0 {
		return nil
	}
	a := serviceActions[i]
	return &a
}

// Check compares a definition with the action.
func (a *ServiceAction) Check(payload string, parameters []Mapping) error {
	if payload != "1.0" {
		return fmt.Errorf("%s has payload format version 1.0, not %q", a.Subtype, payload)
	}
	for _, name := range a.Required {
		if !slices.ContainsFunc(parameters, func(m Mapping) bool { return m.To == name }) {
			return fmt.Errorf("%s needs the request parameter %s", a.Subtype, name)
		}
	}
	for _, m := range parameters {
		if !slices.Contains(a.Required, m.To) && !slices.Contains(a.Optional, m.To) {
			return fmt.Errorf("%s has no request parameter %s; it has %s", a.Subtype, m.To, strings.Join(slices.Concat(a.Required, a.Optional), ", "))
		}
	}
	return nil
}

var serviceActions = [...]ServiceAction{
	{"AppConfig-GetConfiguration", []string{"Application", "Environment", "Configuration", "ClientId"}, []string{"ClientConfigurationVersion", "Region"}},
	{"EventBridge-PutEvents", []string{"Detail", "DetailType", "Source"}, []string{"Time", "EventBusName", "Resources", "Region", "TraceHeader"}},
	{"Kinesis-PutRecord", []string{"StreamName", "Data", "PartitionKey"}, []string{"SequenceNumberForOrdering", "ExplicitHashKey", "Region"}},
	{"SQS-DeleteMessage", []string{"ReceiptHandle", "QueueUrl"}, []string{"Region"}},
	{"SQS-PurgeQueue", []string{"QueueUrl"}, []string{"Region"}},
	{"SQS-ReceiveMessage", []string{"QueueUrl"}, []string{
		"AttributeNames", "MaxNumberOfMessages", "MessageAttributeNames", "ReceiveRequestAttemptId", "VisibilityTimeout", "WaitTimeSeconds", "Region",
	}},
	{"SQS-SendMessage", []string{"QueueUrl", "MessageBody"}, []string{
		"DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId", "MessageSystemAttributes", "Region",
	}},
	{"StepFunctions-StartExecution", []string{"StateMachineArn"}, []string{"Name", "Input", "Region"}},
	{"StepFunctions-StartSyncExecution", []string{"StateMachineArn"}, []string{"Name", "Input", "Region", "TraceHeader"}},
	{"StepFunctions-StopExecution", []string{"ExecutionArn"}, []string{"Cause", "Error", "Region"}},
}
