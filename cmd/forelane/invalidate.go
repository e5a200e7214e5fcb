// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/control"
)

func invalidateCommand() *cobra.Command {
	var t target
	var distribution, reference string
	var dry bool
	cmd := &cobra.Command{
		Use:   "invalidate PATH|'#TAG'...",
		Short: "drop cached objects by path (/a, '/images/*', '/*') or by tag ('#product:1')",
		Long: `Drops cached objects in all variants of headers and cookies. A path may end in a
star; query strings that are part of the cache key count, so give them or a star.
A tag is one that the origin named in the header of the distribution's
CacheTagConfig. With --dry-run it is only told what would go.

AWS's command does the same:
  aws --endpoint-url http://127.0.0.1:9900 cloudfront create-invalidation \
      --distribution-id ID --paths '/*'`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := json.Marshal(map[string]any{
				"distribution": distribution, "paths": args, "callerReference": reference, "dryRun": dry,
			})
			if err != nil {
				return err
			}
			rs, err := t.ask(cmd.Context(), http.MethodPost, "/v1/invalidations", body)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			var done invalidated
			if err := json.NewDecoder(rs.Body).Decode(&done); err != nil {
				return err
			}
			done.print(cmd.OutOrStdout(), args)
			return nil
		},
	}
	t.register(cmd)
	cmd.Flags().StringVar(&distribution, "distribution", "", "id or logical id (default: all)")
	cmd.Flags().StringVar(&reference, "reference", "", "`NAME` of the request: once more with the same paths it is the same invalidation")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "tell which entries, variants and bytes would be dropped, and drop nothing")
	return cmd
}

// invalidated is the answer of the admin side.
type invalidated struct {
	DryRun        bool
	Reach         []control.Reach
	Invalidations []struct{ ID, Distribution, Status string }
}

func (i *invalidated) print(w io.Writer, paths []string) {
	if !i.DryRun {
		fmt.Fprintln(w, "invalidated", strings.Join(paths, " "))
		for _, v := range i.Invalidations {
			fmt.Fprintf(w, "  %s of %s: %s\n", v.ID, v.Distribution, v.Status)
		}
		return
	}
	fmt.Fprintln(w, "would invalidate", strings.Join(paths, " "))
	for _, r := range i.Reach {
		fmt.Fprintf(w, "  %s: in memory %s; on disk %s\n", r.Distribution, extent(r.Memory), extent(r.Disk))
	}
}

func extent(e control.Extent) string {
	return fmt.Sprintf("%d entries in %d variants, %d bytes", e.Entries, e.Variants, e.Bytes)
}
