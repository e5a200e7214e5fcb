// SPDX-License-Identifier: Apache-2.0

// Package eval evaluates a CloudFormation template: parameters, mappings,
// rules, conditions, intrinsic functions and dynamic references, over the
// Nodes of package tree.
//
// The flow:
//
//  1. Expand checks the sections of the template and runs the macros that act
//     on its text: AWS::Include, then AWS::LanguageExtensions' Fn::ForEach.
//     The SAM transform, where there is one, runs on what Expand returns.
//  2. New reads parameters (all missing ones are one error), mappings, rules
//     and conditions, checks that every name a template uses exists, and puts
//     the live resources in dependency order.
//  3. Properties, Metadata, Outputs and Value evaluate, lazily: only the
//     chosen branch of an Fn::If is looked at. What Ref and Fn::GetAtt of a
//     resource mean is answered by Stack.Attributes, by default an Inventor,
//     which makes identifiers, ARNs and host names in AWS's shape.
//
// Errors are *tree.Error values joined by errors.Join, in the order of the
// file, as many as can be found at once. A value of a NoEcho parameter or of
// a secret is never printed in one.
//
// What it does not do: it calls no AWS service and no macro of an account, it
// knows no property of a resource type but those that name it, and it runs
// nothing.
//
// Everything is bounded (see the Max constants), so a hostile template ends in
// an error. A Stack belongs to one goroutine; the Nodes that it returns share
// memory with the template and must not be changed.
package eval

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Bounds of one evaluation. CloudFormation takes 500 resources, 200
// parameters, 200 mappings and 200 outputs; ours are wider, and a template
// that exceeds them is an error, never a slow machine.
const (
	MaxResources  = 2000    // resources after Fn::ForEach
	MaxValues     = 2 << 20 // values made or visited by one Stack, or by one Expand
	MaxText       = 4 << 20 // bytes of one text made by an intrinsic function
	MaxTotalText  = 64 << 20
	MaxIncludes   = 200 // files read by AWS::Include
	MaxInclDepth  = 5   // files included by included files
	MaxForEach    = 10_000
	MaxErrors     = 50   // errors printed; the rest is counted
	maxParamBytes = 4096 // of a parameter's value, as in CloudFormation
)

// Options are what a template is evaluated for. The zero value is usable.
type Options struct {
	StackName        string   // default "forelane"
	Region           string   // default us-east-1
	AccountID        string   // default 123456789012
	Partition        string   // default aws, or that of the region (aws-cn, aws-us-gov)
	URLSuffix        string   // default amazonaws.com, in China amazonaws.com.cn
	StackID          string   // default: an ARN made from the names above
	NotificationARNs []string // default none

	// Parameters are the values given by the user, by parameter name. Names
	// that the template lacks are listed by Stack.UnknownParameters.
	Parameters map[string]string
	// Env looks a setting up for dynamic references and for parameters of SSM
	// types; lookup.go says under which keys. nil knows nothing.
	Env func(key string) (string, bool)
	// Exports finds what another stack exports, for Fn::ImportValue. nil
	// knows nothing.
	Exports func(name string) (*tree.Node, bool)
	// ReadFile reads the file of an AWS::Include. The location is as written
	// (s3://bucket/key or a path). nil refuses every one.
	ReadFile func(location string) ([]byte, error)
}

// withDefaults fills what the caller left empty.
func (o Options) withDefaults() Options {
	if o.StackName == "" {
		o.StackName = "forelane"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.AccountID == "" {
		o.AccountID = "123456789012"
	}
	if o.Partition == "" {
		o.Partition = partitionOf(o.Region)
	}
	if o.URLSuffix == "" {
		o.URLSuffix = "amazonaws.com"
		if o.Partition == "aws-cn" {
			o.URLSuffix = "amazonaws.com.cn"
		}
	}
	if o.StackID == "" {
		o.StackID = fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s/%s",
			o.Partition, o.Region, o.AccountID, o.StackName, seed(o.StackName, "", "stack").uuid())
	}
	return o
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// pseudoNames lists the pseudo parameters.
func pseudoNames() []string {
	return []string{
		"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition",
		"AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
	}
}

// pseudo returns the value of a pseudo parameter; (nil, true) is AWS::NoValue.
func (o Options) pseudo(name string) (n *tree.Node, ok bool) {
	switch name {
	case "AWS::AccountId":
		return tree.NewString(o.AccountID), true
	case "AWS::NoValue":
		return nil, true
	case "AWS::NotificationARNs":
		return tree.NewStrings(o.NotificationARNs...), true
	case "AWS::Partition":
		return tree.NewString(o.Partition), true
	case "AWS::Region":
		return tree.NewString(o.Region), true
	case "AWS::StackId":
		return tree.NewString(o.StackID), true
	case "AWS::StackName":
		return tree.NewString(o.StackName), true
	case "AWS::URLSuffix":
		return tree.NewString(o.URLSuffix), true
	}
	return nil, false
}

// scope is what names mean while a template is evaluated. Expand has one
// without resources.
type scope struct {
	o          Options
	root       *tree.Node
	params     map[string]*Parameter
	paramOrder []*Parameter
	conditions map[string]*condition
	resources  map[string]*Resource // nil in Expand: a reference to one is an error
	attributes Attributes
	secrets    []string // texts that no error may show
	values     int      // spent of MaxValues
	text       int      // spent of MaxTotalText
	suggested  int      // spellings compared for a mend
}

func newScope(t *tree.Node, o Options) (*scope, []error) {
	sc := &scope{o: o.withDefaults(), root: t, params: map[string]*Parameter{}, conditions: map[string]*condition{}}
	errs := sc.readParameters()
	sc.readConditions()
	return sc, errs
}

// secret remembers a text that no error may show.
func (sc *scope) secret(s string) {
	if len(s) > 2 && len(sc.secrets) < 10_000 {
		sc.secrets = append(sc.secrets, s)
	}
}

// mask hides secrets in s, for messages that must show an evaluated value.
func (sc *scope) mask(s string) string {
	if len(s) > 2*maxParamBytes {
		return fmt.Sprintf("a text of %d bytes", len(s))
	}
	for _, x := range sc.secrets {
		s = strings.ReplaceAll(s, x, "****")
	}
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
