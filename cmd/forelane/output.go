// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/server"
)

// output is what `up` says: events as JSON lines on stdout with --json, words
// for a person on stderr otherwise. It may be used by many at once.
type output struct {
	mu             sync.Mutex
	stdout, stderr io.Writer
	json, quiet    bool
}

func newOutput(stdout, stderr io.Writer, asJSON, quiet bool) *output {
	o := &output{json: asJSON, quiet: quiet}
	o.stdout, o.stderr = &locked{&o.mu, stdout}, &locked{&o.mu, stderr}
	return o
}

// locked writes whole lines one after the other.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// event prints one event line when --json is given.
func (o *output) event(name string, fields map[string]any) {
	if !o.json {
		return
	}
	m := map[string]any{"event": name, "time": time.Now().UTC().Format(time.RFC3339Nano)}
	maps.Copy(m, fields)
	o.line(m)
}

func (o *output) line(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // only values of our own get here
	}
	_, _ = o.stdout.Write(append(b, '\n'))
}

// warn tells of something that went wrong and does not stop the node.
func (o *output) warn(what string, err error) {
	fmt.Fprintf(o.stderr, "forelane: %s: %v\n", what, err)
}

// note tells a person something; with --json there are events.
func (o *output) note(what string) {
	if !o.json {
		fmt.Fprintf(o.stderr, "forelane: %s\n", what)
	}
}

// summary prints what the fidelity report says in a line a stack.
func (o *output) summary(l *loaded) {
	for _, r := range l.results {
		fmt.Fprintf(o.stderr, "%s: %s\n", r.Stack.Name, r.Report.Summary())
	}
}

// ready prints the table of addresses, or the ready event.
func (o *output) ready(r *server.Ready) {
	if o.json {
		o.line(r)
		return
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, d := range r.Distributions {
		fmt.Fprintf(w, "  distribution\t%s\t%s\t%s\n", d.LogicalID, d.ID, strings.Join(d.URLs, "  "))
		if len(d.Aliases) > 0 {
			fmt.Fprintf(w, "\t\t\talso for Host: %s\n", strings.Join(append(slices.Clone(d.Aliases), d.DomainName), ", "))
		}
	}
	for _, a := range r.APIs {
		fmt.Fprintf(w, "  %s API\t%s\t%s\t%s\n", a.Kind, a.LogicalID, a.ID, strings.Join(a.URLs, "  "))
		if len(a.Domains) > 0 {
			fmt.Fprintf(w, "\t\t\talso as %s\n", strings.Join(a.Domains, ", "))
		}
	}
	for _, p := range r.Private {
		said := fmt.Sprintf("%d agents", p.Agents)
		if p.Agents == 0 {
			said = "no agent serves it yet: forelane tunnel token --origin " + p.Names[len(p.Names)-1]
		}
		if r.Tunnel == "" {
			said = "no agent can serve it: give --tunnel ADDRESS"
		}
		fmt.Fprintf(w, "  private origin\t%s\t\t%s\n", strings.Join(p.Names, " or "), said)
	}
	for _, k := range r.APIKeys {
		said := strings.TrimSpace(k.Value + "  " + strings.Join(k.Plans, ", "))
		if !k.Enabled {
			said = "not enabled"
		}
		fmt.Fprintf(w, "  API key\t%s\t%s\t%s\n", k.LogicalID, k.ID, said)
	}
	for _, f := range r.Functions {
		fmt.Fprintf(w, "  function\t%s\t%s\t%s %s\n", f.LogicalID, f.Runtime, f.State, strings.Join(append([]string{f.Why}, f.URLs...), " "))
	}
	for _, k := range r.Buckets {
		fmt.Fprintf(w, "  bucket\t%s\t%s\t%s\n", k.LogicalID, k.Name, strings.Join(k.Content, "  "))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
		fmt.Fprintf(w, "  output\t%s\t\t%s\n", name, r.Outputs[name])
	}
	if r.DNS != "" {
		fmt.Fprintf(w, "  DNS\t%s\t\t%s\n", strings.Join(r.Zones, ", "), r.DNS)
	}
	_ = w.Flush() // a Builder takes everything
	fmt.Fprintf(o.stdout, "%s is up\n%s", r.Stack, b.String())
	if r.Admin != "" {
		fmt.Fprintf(o.stdout, "  admin http://%s/v1/status - stop with Ctrl-C\n", r.Admin)
	}
}

// reloaded tells that an edit was taken over.
func (o *output) reloaded(r *server.Ready, l *loaded) {
	if o.json {
		again := *r
		again.Event = "reloaded"
		o.line(&again)
		return
	}
	o.summary(l)
	fmt.Fprintln(o.stderr, "reloaded: what changed in the template is served now")
}

// request prints a line for a person; with --json or --quiet there is none,
// for the access log has it.
func (o *output) request(r *record.Record) {
	if o.json || o.quiet || r.Cache.Background {
		return
	}
	target := r.Request.Path
	if r.Request.Query != "" {
		target += "?" + r.Request.Query
	}
	fmt.Fprintf(o.stderr, "%s %s %s%s %d %s %.1fms\n", r.Start.Format("15:04:05.000"), r.Request.Method, hostOnly(r.Request.Host), clean(target),
		r.Response.Status, r.Result.Type, float64(r.Time.Total.Microseconds())/1000)
}

func hostOnly(h string) string {
	if i := strings.LastIndexByte(h, ':'); i > 0 && !strings.HasSuffix(h, "]") {
		h = h[:i]
	}
	return clean(h)
}

// clean makes what a viewer sent harmless for a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// functionLine passes a line of a function's own output on.
func (o *output) functionLine(l function.LogLine) {
	if o.json || o.quiet {
		return
	}
	fmt.Fprintf(o.stderr, "%s | %s\n", l.Function, strings.TrimRight(l.Text, "\n"))
}
