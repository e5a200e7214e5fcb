// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Text writes an explanation as a person reads it: a word for each hop on the
// left, what was decided there on the right. What is recorded comes first.
func (e *Explanation) Text(w io.Writer) error {
	p := &printer{}
	if r := e.Recorded; r != nil {
		p.recorded(r, e.At)
		fmt.Fprintf(&p.b, "\nWhat would happen now: the same request, walked without effects%s.\n\n", without(e.Without))
		p.last = ""
	}
	if e.Recorded == nil || len(e.Steps) > 0 {
		p.all(e)
	}
	for _, t := range e.Warnings {
		p.line("warning", "%s", t)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func without(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " and without " + strings.Join(names, ", ")
}

// all writes everything but the warnings.
func (p *printer) all(e *Explanation) {
	p.line("request", "%s %s", e.Method, e.URL)
	p.line("distribution", "%s", joined(e.Distribution.LogicalID, e.Distribution.ID, e.Distribution.Why))
	p.shield(e.Shield)
	for _, b := range e.Tried {
		switch {
		case !b.Matches:
			p.line("behavior", "%s does not match", b.Pattern)
		case b.Policy == "":
			p.line("behavior", "%s matched", b.Pattern)
		default:
			p.line("behavior", "%s matches: cache policy %s, origin %s", b.Pattern, b.Policy, b.Target)
		}
	}
	for _, f := range e.Function {
		p.function(f)
	}
	for _, part := range e.Key {
		p.line("key", "%s = %s   (%s)", part.Name, quoted(part.Value), part.From)
	}
	p.unkeyed(e.Unkeyed)
	p.cache(e.Cache)
	p.origin(e.Origin)
	for _, l := range e.Lifetime {
		p.line("lifetime", "%s%s", l.Text, rule(l.Rule))
	}
	for _, r := range e.Response {
		p.line("response", "%s", r)
	}
	p.answer(e.Answer)
	for _, h := range e.Wishes {
		p.line("a hit, if", "%s", h)
	}
}

// recorded writes the facts.
func (p *printer) recorded(r *Recorded, now time.Time) {
	fmt.Fprintf(&p.b, "What happened, as recorded %s ago.\n\n", Seconds(now.Sub(r.At).Truncate(time.Second)))
	p.line("id", "%s", r.ID)
	p.line("at", "%s", r.At.UTC().Format("2006-01-02 15:04:05.000 UTC"))
	p.line("viewer", "%s", joined(r.Viewer, r.Protocol, r.TLS))
	if r.Background {
		p.line("viewer", "none: a refresh in the background")
	}
	p.facts = true
	p.all(&r.Facts)
	p.facts = false
	for _, t := range r.Facts.Warnings {
		p.line("warning", "%s", t)
	}
	p.line("result", "%s", joined(r.Result, r.Detail, "ended: "+r.End))
	p.line("time", "first byte after %s, the last after %s; %d bytes", rounded(r.FirstByte), rounded(r.Total), r.Bytes)
}

// rounded leaves of a duration what a person reads.
func rounded(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}

type printer struct {
	b    strings.Builder
	last string
	// facts: what is written did happen, and is not known in full.
	facts bool
}

const column = 16

// line writes a line; a word that repeats is left out.
func (p *printer) line(word, format string, args ...any) {
	show := word
	if word == p.last {
		show = ""
	}
	p.last = word
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(&p.b, "%-*s%s\n", column, show, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", column)))
}

func (p *printer) shield(s *Shield) {
	if s == nil {
		return
	}
	text := fmt.Sprintf("%s: %s by rule %s", s.ACL, s.Action, s.Rule)
	if s.Inner != "" {
		text += " (" + s.Inner + ")"
	}
	p.line("web ACL", "%s", text)
	if len(s.Labels) > 0 {
		p.line("web ACL", "labels %s", strings.Join(s.Labels, ", "))
	}
	if len(s.Counted) > 0 {
		p.line("web ACL", "counted %s", strings.Join(s.Counted, ", "))
	}
}

func (p *printer) function(f Function) {
	switch {
	case f.Error != "":
		p.line("function", "%s at %s failed: %s", f.Name, f.Event, f.Error)
	case p.facts:
		p.line("function", "%s at %s took %s", f.Name, f.Event, rounded(f.Took))
	case len(f.Changes) == 0:
		p.line("function", "%s at %s changed nothing", f.Name, f.Event)
	}
	for _, c := range f.Changes {
		p.line("function", "%s at %s: %s", f.Name, f.Event, c)
	}
}

func (p *printer) unkeyed(all []Unkeyed) {
	var seen, unseen []string
	for _, u := range all {
		if u.Forwarded {
			seen = append(seen, u.Name)
		} else {
			unseen = append(unseen, u.Name)
		}
	}
	if len(unseen) > 0 {
		p.line("not in the key", "%s", strings.Join(unseen, ", "))
	}
	if len(seen) > 0 {
		p.line("not in the key", "but forwarded: %s", strings.Join(seen, ", "))
	}
}

func (p *printer) cache(c *Cache) {
	if c == nil {
		return
	}
	p.line("cache", "%s: %s", c.Status, c.Why)
	if c.TTL > 0 {
		p.line("cache", "age %s of %s", Seconds(c.Age), Seconds(c.TTL))
	}
	for _, l := range c.Lifetime {
		p.line("stored", "%s%s", l.Text, rule(l.Rule))
	}
	for _, n := range c.Near {
		var parts []string
		for _, d := range n.Differs {
			parts = append(parts, fmt.Sprintf("%s is %s there", d.Name, quoted(d.B)))
		}
		p.line("cache", "stored for the same path: %s", strings.Join(parts, ", "))
	}
}

func (p *printer) origin(o *Origin) {
	if o == nil {
		return
	}
	p.line("origin", "%s", joined(o.ID, o.Host, o.Why))
	if o.Request != "" {
		p.line("origin", "is sent %s", o.Request)
	}
	for _, f := range o.Forwarded {
		p.line("origin", "  %s: %s", f[0], f[1])
	}
	if len(o.Dropped) > 0 {
		p.line("origin", "is not sent %s", strings.Join(o.Dropped, ", "))
	}
	switch {
	case !o.Asked:
		p.line("origin", "was not asked (--fetch asks it)")
	case o.Error != "":
		p.line("origin", "failed (tries: %d, the last took %s): %s", o.Tries, o.Took.Round(time.Millisecond), o.Error)
	default:
		p.line("origin", "answered %d after %s (tries: %d)", o.Status, o.Took.Round(time.Millisecond), o.Tries)
	}
}

func (p *printer) answer(a Answer) {
	if a.Status == 0 {
		p.line("answer", "%s", a.By)
		return
	}
	p.line("answer", "%d, X-Cache: %s (%s)", a.Status, a.XCache, a.By)
}

// joined is the parts that are not empty.
func joined(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}

func quoted(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func rule(id string) string {
	if id == "" {
		return ""
	}
	return "   [" + id + "]"
}

// Seconds writes a duration as AWS's settings do.
func Seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.Round(time.Millisecond).String()
}

// TextOfDiff writes in what the keys of two requests differ.
func TextOfDiff(w io.Writer, a, b *Explanation) error {
	var out strings.Builder
	fmt.Fprintf(&out, "A  %s %s\nB  %s %s\n", a.Method, a.URL, b.Method, b.URL)
	diff := Diff(a.Key, b.Key)
	switch {
	case len(a.Key) == 0 || len(b.Key) == 0:
		out.WriteString("one of them does not use the cache: explain it alone\n")
	case len(diff) == 0:
		out.WriteString("the keys are the same: one answer serves both\n")
	}
	for _, d := range diff {
		fmt.Fprintf(&out, "%s\n  A  %s\n  B  %s\n", d.Name, quoted(d.A), quoted(d.B))
	}
	_, err := io.WriteString(w, out.String())
	return err
}
