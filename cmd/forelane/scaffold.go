// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

//go:embed all:scaffold
var scaffold embed.FS

// patterns are the stacks that init writes, with a word on each.
var patterns = []struct{ name, about string }{
	{"read-heavy", "an API whose answers are the same for everybody, kept for a minute"},
	{"dynamic-api", "a REST API kept per query, its private routes never"},
	{"hybrid", "static pages and an API on one domain"},
}

func initCommand() *cobra.Command {
	about := "Patterns:\n"
	for _, p := range patterns {
		about += fmt.Sprintf("  %-12s %s\n", p.name, p.about)
	}
	return &cobra.Command{
		Use:   "init PATTERN [DIR]",
		Short: "write a small commented template with code, which `forelane up` runs at once",
		Long:  about,
		Args:  args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if len(args) == 2 {
				dir = args[1]
			}
			return writePattern(cmd.OutOrStdout(), args[0], dir)
		},
	}
}

func writePattern(w io.Writer, pattern, dir string) error {
	from, err := fs.Sub(scaffold, "scaffold/"+pattern)
	if err != nil {
		return wrong(err)
	}
	if _, err := fs.Stat(from, "template.yaml"); err != nil {
		var names []string
		for _, p := range patterns {
			names = append(names, p.name)
		}
		return wrong(fmt.Errorf("there is no pattern %q; there are %s", pattern, strings.Join(names, ", ")))
	}
	// CopyFS refuses to overwrite a file: nothing of the user's is lost.
	if err := os.CopyFS(dir, from); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w (choose an empty folder: forelane init %s DIR)", err, pattern)
		}
		return err
	}
	fmt.Fprintf(w, "wrote %s\nrun it: forelane up %s\n", filepath.Join(dir, "template.yaml"), dir)
	return nil
}

// proxyTemplate is the template of a plain caching edge before raw.
func proxyTemplate(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return "", wrong(fmt.Errorf("%q is no origin: write it as http://host:port or https://host", raw))
	}
	data := struct{ URL, Host, Path, Policy, HTTPPort, HTTPSPort string }{
		URL: u.Redacted(), Host: u.Hostname(), Path: strings.TrimSuffix(u.EscapedPath(), "/"),
		Policy: u.Scheme + "-only", HTTPPort: "80", HTTPSPort: "443",
	}
	if p := u.Port(); p != "" && u.Scheme == "http" {
		data.HTTPPort = p
	} else if p != "" {
		data.HTTPSPort = p
	}
	t, err := template.ParseFS(scaffold, "scaffold/proxy.yaml.tmpl")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", err
	}
	return b.String(), nil
}
