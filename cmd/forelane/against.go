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

	"github.com/forelane/forelane/internal/effect"
	"github.com/forelane/forelane/internal/lint"
)

// compare prints what the change from --against to the template means. Both
// are loaded as one stack: the names that are invented for what has none depend
// on its name.
func (f *checkFlags) compare(cmd *cobra.Command, now *loaded, level int) error {
	older, err := f.newLoader(f.against)
	if err != nil {
		return wrong(err)
	}
	if older.opt.StackName == "" && len(now.results) == 1 {
		older.opt.StackName = now.results[0].Stack.Name
	}
	if older.opt.Region == "" && len(now.results) > 0 {
		older.opt.Region = now.results[0].Stack.Region
	}
	before, err := older.load(cmd.Context())
	if err != nil {
		return wrong(fmt.Errorf("--against: %w", err))
	}
	areas := effect.Compare(before.stacks(), now.stacks())
	fresh, err := f.fresh(before, now)
	if err != nil {
		return wrong(err)
	}
	w := cmd.OutOrStdout()
	switch {
	case f.markdown:
		if err = effect.Markdown(w, areas); err == nil {
			_, err = io.WriteString(w, fresh.markdown())
		}
	case f.asJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(struct {
			Areas    []effect.Area  `json:"areas"`
			Summary  string         `json:"summary"`
			Findings []lint.Finding `json:"findings"` // that the older one had not
		}{append([]effect.Area{}, areas...), effect.Summary(areas), append([]lint.Finding{}, fresh.kept...)})
	default:
		if err = effect.Text(w, areas); err == nil && len(fresh.kept) > 0 {
			_, err = io.WriteString(w, "\nnew:\n"+fresh.text())
		}
	}
	if err != nil {
		return err
	}
	if err := now.accept(f.strict); err != nil {
		return wrong(err)
	}
	opens := false
	for i := range areas {
		opens = opens || areas[i].Opens()
	}
	if opens && level <= int(lint.Error) || len(areas) > 0 && level <= int(lint.Warning) {
		return errors.New(effect.Summary(areas))
	}
	return fresh.fail(level)
}

// fresh are the findings of the newer template that the older one had not.
func (f *checkFlags) fresh(before, now *loaded) (findings, error) {
	old, err := before.findings(f.ignore)
	if err != nil {
		return findings{}, fmt.Errorf("--against: %w", err)
	}
	all, err := now.findings(f.ignore)
	if err != nil {
		return findings{}, err
	}
	known := map[string]bool{}
	key := func(x lint.Finding) string {
		return fmt.Sprint(x.Rule, " ", x.Severity, " ", x.Resource, " ", x.Subject)
	}
	for _, x := range old.kept {
		known[key(x)] = true
	}
	all.kept = slices.DeleteFunc(all.kept, func(x lint.Finding) bool { return known[key(x)] })
	all.ignored = 0
	return all, nil
}

// markdown lists findings below the table.
func (x findings) markdown() string {
	var b strings.Builder
	for i, f := range x.kept {
		if i == 0 {
			b.WriteString("\nNew findings:\n\n")
		}
		what := strings.NewReplacer("`", "'", "\n", " ").Replace(f.What)
		fmt.Fprintf(&b, "- **%s** `%s` at `%s`: `%s`\n", f.Severity, f.Rule, f.Pos, what)
	}
	return b.String()
}
