// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/explain"
)

func probeCommand() *cobra.Command {
	var t target
	var as []string
	var list string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "probe URL...",
		Short: "look for answers that could reach the wrong viewer",
		Long: `Asks the origins behind the edge that runs for each URL: as each viewer of --as, as
nobody, with headers that poison caches, and with paths that deceive them. Where one
cache key has two answers, a header without a place in the key comes back, or a page
of one viewer would be stored under another path, it says so and ends with exit code 1.

Nothing is stored and no request is counted, but functions and origins do run: probe
what a GET does not change.

  forelane probe http://shop.localhost:8080/account --as ann.json --as bob.json
  forelane probe --urls urls.txt --as ann.json --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			urls, err := probeURLs(args, list)
			if err != nil {
				return wrong(err)
			}
			viewers, err := probeViewers(as)
			if err != nil {
				return wrong(err)
			}
			report, err := explain.Probe(func(in explain.Request) (*explain.Explanation, error) {
				return t.explain(cmd.Context(), &in)
			}, urls, viewers)
			if err != nil {
				return err
			}
			if err := printProbe(cmd.OutOrStdout(), report, len(urls), asJSON); err != nil {
				return err
			}
			if n := len(report.Findings); n > 0 {
				return fmt.Errorf("%d dangers found", n)
			}
			return nil
		},
	}
	t.register(cmd)
	cmd.Flags().StringArrayVar(&as, "as", nil, "`FILE` with a viewer's headers, cookies and address (see explain); may be repeated")
	cmd.Flags().StringVar(&list, "urls", "", "`FILE` with one URL a line")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func probeURLs(args []string, list string) ([]string, error) {
	urls := args
	if list != "" {
		b, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				urls = append(urls, line)
			}
		}
	}
	if len(urls) == 0 {
		return nil, errors.New("say which URLs, or --urls FILE")
	}
	for i := range urls {
		urls[i] = whole(urls[i])
	}
	return urls, nil
}

// probeViewers are those of --as, and nobody.
func probeViewers(files []string) ([]explain.Viewer, error) {
	var all []explain.Viewer
	for _, file := range files {
		var in explain.Request
		if err := fillQuestion(&in, nil, file); err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		all = append(all, explain.Viewer{Name: name, Headers: in.Headers, Address: in.Address})
	}
	return append(all, explain.Viewer{Name: "anonymous"}), nil
}

func printProbe(w io.Writer, r *explain.Report, urls int, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-11s %s\n            %s\n", f.Kind, f.URL, f.Detail)
	}
	for _, u := range r.Volatile {
		fmt.Fprintf(w, "changes     %s\n            its body differs from one request to the next: viewers could not be compared\n", u)
	}
	fmt.Fprintf(w, "%d URLs, %d of them cached, %d requests to origins, %d dangers\n", urls, r.Cached, r.Asked, len(r.Findings))
	return nil
}
