// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// Lines are rows of an arithmetic.
type Lines []explain.Line

// Add adds one by a rule; empty: there is no row of that name.
func (l *Lines) Add(rule, format string, args ...any) {
	*l = append(*l, explain.Line{Text: fmt.Sprintf(format, args...), Rule: rule})
}

// Terms are by what a lifetime is judged.
type Terms struct {
	Policy   httpspec.Policy
	RFC      bool          // by RFC 9111
	ErrorTTL time.Duration // ErrorCachingMinTTL of the status
}

// Lifetime adds the arithmetic whose result f is: what the origin says, what
// the policy allows, and the rule that decides.
func (l *Lines) Lifetime(h *httpmsg.Header, status int, f httpspec.Freshness, by Terms) {
	for _, n := range []string{"Cache-Control", "CDN-Cache-Control", "Expires"} {
		if v := h.Join(n); v != "" && (n != "CDN-Cache-Control" || by.RFC) {
			l.Add("", "the origin says %s: %s", n, v)
		}
	}
	if status >= 400 {
		l.Add("F10", "%d is an error: ErrorCachingMinTTL is %s", status, explain.Seconds(by.ErrorTTL))
	} else if p := by.Policy; !by.RFC {
		l.Add("", "the policy says MinTTL %s, DefaultTTL %s, MaxTTL %s", explain.Seconds(p.Min), explain.Seconds(p.Default), explain.Seconds(p.Max))
	}
	rule, text := Rule(f, by.Policy)
	l.Add(rule, "%s", text)
	if f.Revalidate > 0 {
		l.Add("F7", "then served for %s while it is refreshed (stale-while-revalidate)", explain.Seconds(f.Revalidate))
	}
	if f.IfErrorSet && f.Store {
		l.Add("F8", "in place of an error for %s after that (stale-if-error)", explain.Seconds(f.IfError))
	}
}

// Rule is the row and the sentence of a reason.
func Rule(f httpspec.Freshness, p httpspec.Policy) (rule, text string) {
	ttl := explain.Seconds(f.TTL)
	switch f.Reason {
	case httpspec.ReasonMaxAge:
		return "F1", "max-age decides: " + ttl
	case httpspec.ReasonSMaxAge:
		return "F1", "s-maxage decides, before max-age: " + ttl
	case httpspec.ReasonExpires:
		return "F4", "Expires decides: " + ttl
	case httpspec.ReasonRaised:
		return "F2", "less than MinTTL: raised to " + ttl
	case httpspec.ReasonCapped:
		return "F1", "more than MaxTTL: cut to " + ttl
	case httpspec.ReasonDefault:
		return "F3", "no directive of the origin: DefaultTTL, " + ttl
	case httpspec.ReasonNoStore:
		return "F5", "no-store, and MinTTL is 0: not kept"
	case httpspec.ReasonPrivate:
		return "F5", "private, and MinTTL is 0: not kept"
	case httpspec.ReasonNoCache:
		return "F5", "no-cache, and MinTTL is 0: asked about each time"
	case httpspec.ReasonOverridden:
		return "F5", "no-cache, no-store or private does not count, for MinTTL is above 0: " + explain.Seconds(p.Min)
	case httpspec.ReasonDisabled:
		return "K7", "the policy forbids caching"
	case httpspec.ReasonErrorTTL:
		return "F10", "the error is kept for ErrorCachingMinTTL: " + ttl
	case httpspec.ReasonErrorHeader:
		return "F10", "the origin asks for longer than ErrorCachingMinTTL: " + ttl
	case httpspec.ReasonErrorNot:
		return "F10", "this status is not cached"
	case httpspec.ReasonHeuristic:
		return "", "a share of the time since Last-Modified (RFC 9111 4.2.2): " + ttl
	case httpspec.ReasonAuthorized:
		return "", "the request had Authorization, and nothing says that the answer is for all (RFC 9111 3.5)"
	}
	return "", f.Reason.String() + ": " + ttl
}
