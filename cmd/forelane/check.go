// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/lint"
	"github.com/forelane/forelane/internal/template"
)

// checkFlags are the flags of `forelane check`.
type checkFlags struct {
	stackFlags
	asJSON, strict, markdown bool
	failOn, against          string
	ignore                   []string
}

func checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [TEMPLATE|DIR]",
		Short: "tell how truly a template runs here, what is wrong with it, or what a change of it means",
		Long: `Loads a template without running it and prints

  - the fidelity report: each resource and property is exact, approximated (how),
    ignored (why that is harmless) or unsupported (what will differ);
  - findings: behaviors that no request reaches, answers that reach the wrong
    viewer, requests that origins refuse, keys too wide or too narrow, what AWS
    would refuse. docs/check.md describes the rules. A rule is switched off by
    --ignore, or for one resource by Metadata: {Forelane: {Ignore: [RULE]}}.

With --against OLD it tells instead what the change from OLD to the template means:
for which paths and routes another behavior, key, lifetime, authorisation or origin
holds, with a path for each; then the findings that OLD had not.

Exit codes: 0 nothing at or above --fail-on; 1 something is (with --against: warning
is any change, error one that lets in whom OLD refused, or a new finding); 2 the template or the
command line is wrong or, with --strict, something is unsupported. --strict also
means --fail-on warning.`,
		Example: `  forelane check --fail-on error template.yaml
  forelane check --against main/template.yaml template.yaml --markdown`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "."
			if len(args) == 1 {
				path = args[0]
			}
			return f.run(cmd, path)
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	fl.BoolVar(&f.strict, "strict", false, "fail when something is unsupported, and on findings as --fail-on warning does")
	fl.StringVar(&f.failOn, "fail-on", "", "exit with 1 on findings of this severity or above: `info, warning or error`")
	fl.StringArrayVar(&f.ignore, "ignore", nil, "`RULE` to leave out; may be repeated")
	fl.StringVar(&f.against, "against", "", "older `TEMPLATE or DIR` to compare with")
	fl.BoolVar(&f.markdown, "markdown", false, "with --against: print a table for a pull request")
	return cmd
}

// run loads the template and prints what was asked for.
func (f *checkFlags) run(cmd *cobra.Command, path string) error {
	level, err := f.level()
	if err != nil {
		return wrong(err)
	}
	l, err := f.newLoader(path)
	if err != nil {
		return wrong(err)
	}
	got, err := l.load(cmd.Context())
	if err != nil {
		return wrong(err)
	}
	if f.against != "" {
		return f.compare(cmd, got, level)
	}
	findings, err := got.findings(f.ignore)
	if err != nil {
		return wrong(err)
	}
	if err := f.print(cmd.OutOrStdout(), got, findings); err != nil {
		return err
	}
	if err := got.accept(f.strict); err != nil {
		return wrong(err)
	}
	return findings.fail(level)
}

// neverFails is a level above all severities.
const neverFails = int(lint.Error) + 1

// level is the severity from which on findings fail.
func (f *checkFlags) level() (int, error) {
	if f.markdown && (f.against == "" || f.asJSON) {
		return 0, errors.New("--markdown is for --against, and not beside --json")
	}
	for _, s := range []lint.Severity{lint.Info, lint.Warning, lint.Error} {
		if f.failOn == s.String() {
			return int(s), nil
		}
	}
	switch {
	case f.failOn != "":
		return 0, fmt.Errorf("--fail-on %s: say info, warning or error", f.failOn)
	case f.strict:
		return int(lint.Warning), nil
	}
	return neverFails, nil
}

// findings are those of all stacks.
type findings struct {
	kept    []lint.Finding
	ignored int
}

// fail tells of findings at or above a level.
func (x findings) fail(level int) error {
	n := 0
	for _, f := range x.kept {
		if int(f.Severity) >= level {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("%d findings at or above %s", n, lint.Severity(level))
	}
	return nil
}

// findings lints the stacks, gives each finding its place in the template and
// leaves out what is to be ignored.
func (l *loaded) findings(ignore []string) (findings, error) {
	var out findings
	var errs []error
	for _, name := range ignore {
		if !lint.Known(name) {
			errs = append(errs, fmt.Errorf("--ignore %s: there is no such rule (docs/check.md lists them)", name))
		}
	}
	ignored := map[string][]string{} // by stack and resource, or by id of a policy
	for _, r := range l.results {
		for _, id := range r.ResourceIDs() {
			rules, pos := r.Ignored(id)
			for _, name := range rules {
				if !lint.Known(name) {
					errs = append(errs, fmt.Errorf("%s: Resources.%s.Metadata.Forelane.Ignore: there is no rule %q (docs/check.md lists them)", pos, id, name))
				}
			}
			ignored[r.Stack.Name+" "+id] = rules
			if len(rules) > 0 {
				ignored[r.Ref(id)] = rules
			}
		}
	}
	if len(errs) > 0 {
		return out, errors.Join(errs...)
	}
	for _, x := range lint.Check(l.stacks()) {
		off := slices.Concat(ignore, ignored[x.Stack+" "+x.Resource])
		if x.Policy != "" {
			off = append(off, ignored[x.Policy]...)
		}
		if slices.Contains(off, string(x.Rule)) {
			out.ignored++
			continue
		}
		if r := l.result(x.Stack); r != nil {
			if pos := r.Place(x.Resource, x.Property); pos != "" {
				x.Pos = pos
			}
		}
		out.kept = append(out.kept, x)
	}
	return out, nil
}

func (l *loaded) result(stack string) *template.Result {
	for _, r := range l.results {
		if r.Stack.Name == stack {
			return r
		}
	}
	return nil
}

// print writes the reports and the findings.
func (f *checkFlags) print(w io.Writer, got *loaded, x findings) error {
	for _, r := range got.results {
		if !f.asJSON {
			if err := r.Report.Text(w); err != nil {
				return err
			}
			continue
		}
		if err := printJSON(w, r, x); err != nil {
			return err
		}
	}
	if f.asJSON {
		return nil
	}
	_, err := io.WriteString(w, x.text())
	return err
}

// printJSON writes one stack: the report, and its findings beside.
func printJSON(w io.Writer, r *template.Result, x findings) error {
	report, err := json.Marshal(r.Report)
	if err != nil {
		return err
	}
	out := struct {
		Stack     json.RawMessage `json:"stack"`
		Resources json.RawMessage `json:"resources"`
		Counts    json.RawMessage `json:"counts"`
		Strict    json.RawMessage `json:"strict"`
		Errors    json.RawMessage `json:"errors,omitempty"`
		Findings  []lint.Finding  `json:"findings"`
	}{Findings: []lint.Finding{}}
	if err := json.Unmarshal(report, &out); err != nil {
		return err
	}
	for _, f := range x.kept {
		if f.Stack == r.Stack.Name {
			out.Findings = append(out.Findings, f)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// text prints findings for people.
func (x findings) text() string {
	var b strings.Builder
	var n [3]int
	for _, f := range x.kept {
		n[min(int(f.Severity), 2)]++
		fmt.Fprintf(&b, "\n%-7s  %s  %s: Resources.%s.Properties.%s\n", f.Severity, f.Rule, f.Pos, f.Resource, f.Property)
		fmt.Fprintf(&b, "  %s\n", f.What)
		if f.Path != "" {
			fmt.Fprintf(&b, "  for example: %s\n", f.Path)
		}
		fmt.Fprintf(&b, "  mend: %s\n", f.Mend)
		for _, line := range strings.Split(strings.TrimSuffix(f.Code, "\n"), "\n") {
			if f.Code != "" {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	if len(x.kept) > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "findings: %d errors, %d warnings, %d infos", n[lint.Error], n[lint.Warning], n[lint.Info])
	if x.ignored > 0 {
		fmt.Fprintf(&b, "; %d ignored", x.ignored)
	}
	return b.String() + "\n"
}
