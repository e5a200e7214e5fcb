// SPDX-License-Identifier: Apache-2.0

// Package sam is the AWS SAM transform: it replaces every AWS::Serverless::*
// resource of a template by the CloudFormation resources that AWS's own
// transform (AWS::Serverless-2016-10-31) makes, logical ids included, because
// other resources refer to them.
//
// The flow of Transform:
//
//  1. The template is copied and checked for its form.
//  2. Routes of Api and HttpApi events are collected; those that name no API
//     make the implicit ones, ServerlessRestApi and ServerlessHttpApi.
//  3. Globals are merged into each resource.
//  4. Embedded connectors become resources.
//  5. Each resource is expanded by its room: functions, state machines, APIs,
//     the others, connectors last.
//  6. References to generated resources (!Ref Fn.Alias) and to renamed ones are
//     rewritten.
//
// One room a kind of resource: function, event, api, statemachine, websocket,
// graphql, connector, capacity; base is their ground, openapi edits
// definitions, pydict keeps the order on which hashes depend, policy has the
// policy templates. Small kinds are here.
//
// What it does not do: it evaluates no intrinsic but references to parameters
// where the transform must read a value, uploads nothing and reads a file only
// through Options.ReadFile. A local CodeUri stays a local path. It has no
// state; a tree is changed by one goroutine at a time.
package sam

import (
	"errors"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Name is the macro that a template's Transform names.
const Name = "AWS::Serverless-2016-10-31"

// Options are what a transform knows besides the template.
type Options struct {
	Region    string // empty: us-east-1
	Partition string // empty: that of the region
	AccountID string // empty: 123456789012

	// Parameters are the values of template parameters. Defaults of the
	// template fill what is absent.
	Parameters map[string]*tree.Node

	// ReadFile loads a local file that a definition names; nil: none is
	// available.
	ReadFile func(path string) (*tree.Node, error)

	// Application finds the template of an application of the Serverless
	// Application Repository; nil: it is not known, and the nested stack has
	// an empty TemplateURL.
	Application func(id, version string) (url string, err error)
}

// NeedsTransform tells whether Transform of the template, a string or a list,
// names the SAM macro.
func NeedsTransform(t *tree.Node) bool {
	tr := t.Get("Transform")
	if tr.IsList() {
		for _, it := range tr.Items {
			if isMacro(it) {
				return true
			}
		}
	}
	return isMacro(tr)
}

func isMacro(n *tree.Node) bool {
	if n.IsMap() {
		n = n.Get("Name")
	}
	s, ok := n.Str()
	return ok && s == Name
}

// Transform expands every AWS::Serverless::* resource of t, which stays as it
// is. The result has no Globals and does not name the macro. All errors found
// are joined; each is a *tree.Error with the path of its resource.
func Transform(t *tree.Node, o Options) (*tree.Node, error) {
	p, err := newPipeline(t, o)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{p.implicitAPIs, p.globals, p.connectors} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.expand()
	p.finish()
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.rewrite(), nil
}

// pipeline is one transform on its way.
type pipeline struct {
	c     *base.Context
	app   func(id, version string) (string, error)
	order order // of the resources
	refs  map[string]map[string]string
	errs  []error
}
