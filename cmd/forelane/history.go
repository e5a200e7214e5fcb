// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/deploy"
	"github.com/forelane/forelane/internal/template"
)

func rollbackCommand() *cobra.Command {
	var r remote
	var to uint64
	var yes, asJSON bool
	var note string
	cmd := &cobra.Command{
		Use:   "rollback --stack NAME --stage prod",
		Short: "bring an older revision into force again",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.stack == "" {
				return wrong(errors.New("name the stack: --stack NAME"))
			}
			what := "the last revision with another bundle"
			if to > 0 {
				what = fmt.Sprintf("revision %d", to)
			}
			if !yes {
				if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), "bring "+what+" of "+r.stack+" "+r.stage+" into force?"); err != nil {
					return err
				}
			}
			rq := map[string]any{"stack": r.stack, "stage": r.stage, "to": to, "by": who(), "note": note}
			return r.follow(cmd.Context(), "/v1/rollbacks", rq, cmd.OutOrStdout(), asJSON)
		},
	}
	r.register(cmd, true)
	cmd.Flags().Uint64Var(&to, "revision", 0, "revision to go back to (default: the last one with another bundle)")
	cmd.Flags().StringVar(&note, "note", "", "why, for the history")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the steps as JSON lines")
	return cmd
}

func historyCommand() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "list what was deployed, the newest first",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var revisions []deploy.Revision
			if err := r.json(cmd.Context(), http.MethodGet, "/v1/revisions?"+r.query(), nil, &revisions); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(revisions)
			}
			return showRevisions(cmd.OutOrStdout(), revisions)
		},
	}
	r.register(cmd, true)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func statusCommand() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "tell which nodes there are, how far they are, and what is in force",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s deploy.Status
			if err := r.json(cmd.Context(), http.MethodGet, "/v1/nodes", nil, &s); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
			}
			return showStatus(cmd.OutOrStdout(), &s)
		},
	}
	r.register(cmd, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// signs are how a change is shown.
func sign(op template.Op) string {
	switch op {
	case template.Add:
		return "+"
	case template.Remove:
		return "-"
	case template.Modify:
		return "~"
	}
	return "?"
}

// showPlan prints what a deploy would change.
func showPlan(w io.Writer, p *deploy.Plan) error {
	var b strings.Builder
	count := map[template.Op]int{}
	for _, c := range p.Changes {
		count[c.Op]++
	}
	against := "nothing is in force"
	if p.After > 0 {
		against = fmt.Sprintf("revision %d is in force", p.After)
	}
	fmt.Fprintf(&b, "%s: %s\n", clean(p.Name), against)
	for _, f := range p.Fidelity {
		fmt.Fprintf(&b, "  %s\n", clean(f))
	}
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s %s  %s  %s\n", sign(c.Op), clean(c.LogicalID), clean(c.Type), clean(c.Pos))
		for _, x := range c.Properties {
			fmt.Fprintf(&b, "    %s %s%s%s\n", sign(x.Op), clean(x.Path), values(x), clean(spaced(x.Pos)))
		}
		if c.More > 0 {
			fmt.Fprintf(&b, "    … and %d more\n", c.More)
		}
	}
	if len(p.Routes) > 0 {
		b.WriteString("routes and behaviors:\n")
	}
	for _, r := range p.Routes {
		fmt.Fprintf(&b, "  %s %s\n", sign(r.Op), clean(r.Text))
	}
	fmt.Fprintf(&b, "resources: %d added, %d changed, %d removed\n", count[template.Add], count[template.Modify], count[template.Remove])
	_, err := io.WriteString(w, b.String())
	return err
}

func spaced(pos string) string {
	if pos == "" {
		return ""
	}
	return "  " + pos
}

func values(p template.Property) string {
	switch {
	case p.Before != "" && p.After != "":
		return ": " + clean(p.Before) + " -> " + clean(p.After)
	case p.Before != "":
		return ": " + clean(p.Before)
	case p.After != "":
		return ": " + clean(p.After)
	}
	return ""
}

// showEvent prints one step of a deploy.
func showEvent(w io.Writer, e deploy.Event) {
	switch e.Step {
	case deploy.Trying:
		fmt.Fprintln(w, "every node tries it")
	case deploy.Ready:
		fmt.Fprintf(w, "  %s can serve it\n", clean(e.Node))
	case deploy.Refused:
		fmt.Fprintf(w, "  %s cannot: %s\n", clean(e.Node), cleanLines(e.Message))
	case deploy.Deploying:
		fmt.Fprintf(w, "revision %d\n", e.Revision)
	case deploy.Applied:
		fmt.Fprintf(w, "  %s serves revision %d\n", clean(e.Node), e.Revision)
	case deploy.RollingBck:
		fmt.Fprintf(w, "revision %d is taken back: %s\n", e.Revision, cleanLines(e.Message))
	case deploy.Done:
		fmt.Fprintf(w, "revision %d is in force\n", e.Revision)
	case deploy.Failed: // becomes the command's error
	}
}

// cleanLines is clean that keeps lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n    ")
}

func showRevisions(w io.Writer, all []deploy.Revision) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nothing was deployed")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "REVISION\tSTACK\tSTAGE\t\tWHEN\tBY\tBUNDLE\tNOTE\n")
	for _, r := range all {
		number, what := fmt.Sprint(r.Number), r.Kind
		if r.Number == 0 {
			number = "-"
		}
		if r.InForce {
			what += ", in force"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", number, clean(r.Stack), clean(r.Stage), what, r.At.Local().Format(time.DateTime), clean(r.By),
			short(string(r.Bundle)), clean(firstLine(r.Note)))
	}
	return t.Flush()
}

func short(digest string) string {
	s := strings.TrimPrefix(digest, "sha256:")
	return s[:min(len(s), 12)]
}

func firstLine(s string) string {
	line, more, cut := strings.Cut(s, "\n")
	if cut && more != "" {
		line += " …"
	}
	return line
}

func showStatus(w io.Writer, s *deploy.Status) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "NODE\tENTRY (of %d)\t\n", s.Last)
	for _, m := range s.Members {
		state := "current"
		switch {
		case !m.Live:
			state = "not heard of"
		case !m.Current:
			state = "catching up"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\n", clean(m.Node), m.Applied, state)
		for _, n := range slices.Sorted(maps.Keys(m.Refused)) {
			fmt.Fprintf(t, "\t\trefused entry %d: %s\n", n, clean(firstLine(m.Refused[n])))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return showRevisions(w, s.InForce)
}
