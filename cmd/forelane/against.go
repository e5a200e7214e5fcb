// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"

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
	w := cmd.OutOrStdout()
	switch {
	case f.markdown:
		err = effect.Markdown(w, areas)
	case f.asJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(struct {
			Areas   []effect.Area `json:"areas"`
			Summary string        `json:"summary"`
		}{append([]effect.Area{}, areas...), effect.Summary(areas)})
	default:
		err = effect.Text(w, areas)
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
	return nil
}
