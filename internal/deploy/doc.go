// SPDX-License-Identifier: Apache-2.0

// Package deploy brings bundles into force: on one node (Node) and on all of
// them at once (Desk).
//
// The flow of a deploy:
//
//  1. Desk.Store keeps the bundle; Desk.Plan evaluates it here and tells how it
//     differs from what is in force.
//  2. Desk.Deploy appends a trial to the log: every node unpacks and evaluates
//     the bundle, compiles it and builds its functions, and changes nothing.
//  3. If one node refuses, the deploy has failed and nothing was changed
//     anywhere. Else the deploy itself is appended, under the condition that
//     nobody deployed the stage meanwhile, and every node puts it into force;
//     requests under way finish on what was before.
//  4. Should a node refuse now, what was in force before is deployed again on
//     all nodes, and the deploy has failed.
//
// A revision is a deploy that came into the log; its number is its entry's. A
// rollback is a deploy of an older revision's bundle.
//
// A node that starts serves what was in force when it was last here, from its
// own disk, and then applies what it missed.
//
// What it does not do: it knows no plane, for a Server compiles and serves; and
// nobody who calls, for the admin side (package control), which Desk.Routes are
// a part of, lets only those pass who may.
//
// Concurrency: a Node is called by its follower's goroutine, and asked by any;
// a Desk may be used by many at once.
package deploy

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/model"
)

// Server serves stacks.
type Server interface {
	// Try finds out whether stacks can be served, and changes nothing.
	Try(ctx context.Context, stacks []*model.Stack) error
	// Apply serves these stacks and no others. Functions may be built later; one
	// that cannot be built does not keep the rest from being served.
	Apply(ctx context.Context, stacks []*model.Stack) error
	// Deploy serves these stacks and no others: when it returns nil, no later
	// request sees what was before. On an error what was before goes on.
	Deploy(ctx context.Context, stacks []*model.Stack) error
}

// Options of a Node. All fields are required but those with a zero meaning.
type Options struct {
	// Dir is where bundles are unpacked. Nobody else may read it.
	Dir     string
	Bundles cluster.Bundles
	Server  Server
	// Region and Account are those of stacks that say none. Empty: template's.
	Region, Account string
	// Env looks up what dynamic references and SSM parameters name. Nil: nothing.
	Env func(string) (string, bool)
	// Invalidate drops cached objects, durably, as the entry says. Nil: there is
	// no cache.
	Invalidate func(ctx context.Context, e cluster.Entry) error
	// Purge forgets all that is cached, durably. Nil: there is no cache.
	Purge func()
	// Set takes settings of stages that are not this package's. Nil: nobody.
	Set func(ctx context.Context, e cluster.Entry) error
	// Log takes what an operator should know. Nil: dropped.
	Log *slog.Logger
}

// trialKey is the setting of a stage that asks all nodes to try a bundle.
const trialKey = "deploy.trial"

// place is a stage of a stack.
type place struct{ stack, stage string }

// name is what the stack is called: SHOP-prod.
func (p place) name() string {
	if p.stage == "" {
		return p.stack
	}
	return p.stack + "-" + p.stage
}

// String names the place for people.
func (p place) String() string { return p.name() }

func placeOf(e cluster.Entry) place { return place{e.Stack, e.Stage} }

// Validate tells what is wrong with the names of a place.
func validName(what, s string, empty bool) error {
	if s == "" && empty {
		return nil
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return fmt.Errorf("%s %q: want letters, digits and hyphens, a letter first", what, s)
		}
	}
	if s == "" || len(s) > 64 {
		return fmt.Errorf("%s %q: want 1 to 64 characters", what, s)
	}
	return nil
}

func (p place) validate() error {
	if err := validName("stack", p.stack, false); err != nil {
		return err
	}
	return validName("stage", p.stage, true)
}
