// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func promoteCommand() *cobra.Command {
	var t target
	var undo bool
	cmd := &cobra.Command{
		Use:   "promote DISTRIBUTION",
		Short: "give a distribution the configuration of its staging distribution",
		Long: `Copies the configuration of the staging distribution that the distribution's
continuous deployment policy names, at once and without a failed request. The
distribution keeps its names; the policy is off from then on; what the
distribution has cached is dropped. It stays so over reloads and restarts, until
the template gives the distribution another configuration than it does now, or
the promoted one. --undo lets the template count again.

AWS's command does the same:
  aws --endpoint-url http://127.0.0.1:9900 cloudfront \
      update-distribution-with-staging-config --id ID --staging-distribution-id ID`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := json.Marshal(map[string]any{"distribution": args[0], "undo": undo})
			if err != nil {
				return err
			}
			rs, err := t.ask(cmd.Context(), http.MethodPost, "/v1/promote", body)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			var done struct{ Distribution, From string }
			if err := json.NewDecoder(rs.Body).Decode(&done); err != nil {
				return err
			}
			if undo {
				fmt.Fprintln(cmd.OutOrStdout(), done.Distribution, "runs what the template gives it")
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s runs the configuration of %s: put it into the template too\n", done.Distribution, done.From)
			return nil
		},
	}
	t.register(cmd)
	cmd.Flags().BoolVar(&undo, "undo", false, "end the promotion: the template counts again")
	return cmd
}
