// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/edgefunc"
)

func functionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "function",
		Short: "try CloudFront functions",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(functionTestCommand())
	return cmd
}

// functionTest is a run of `function test`.
type functionTest struct {
	t     target
	local upFlags
	event string
	stage string
	from  string
	json  bool
}

func functionTestCommand() *cobra.Command {
	var f functionTest
	cmd := &cobra.Command{
		Use:   "test NAME --event FILE",
		Short: "run a CloudFront function on an event, as aws cloudfront test-function does",
		Long: `Runs a CloudFront function, by name, logical id or ARN, on an event of your own, and
prints the request or response that it makes of it, how much of its time it took
(compute utilization, 0 to 100), its log, and its error. The rules of production
hold: what breaks one is an error here too.

With --template the function is taken from there, and no node is needed; else
the node that runs is asked, and nothing that it serves is touched.

  forelane function test rewrite --event event.json --template template.yaml
  forelane function test rewrite --event - < event.json

An event is JSON as CloudFront's guide has it, "Event structure":
  {"version": "1.0", "context": {"eventType": "viewer-request"},
   "viewer": {"ip": "198.51.100.11"},
   "request": {"method": "GET", "uri": "/", "querystring": {}, "headers": {}, "cookies": {}}}

A function has one version here, its template's: both stages run it. AWS's own
command works too:
  aws --endpoint-url http://127.0.0.1:9900 cloudfront test-function --name NAME \
      --if-match ETAG --event-object fileb://event.json

Exit code 1 when the function failed.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&f.t.admin, "admin", "", "admin `ADDRESS` of the node (default: the one that runs)")
	f.local.stackFlags.register(cmd)
	cmd.Flags().StringVarP(&f.event, "event", "e", "", "`FILE` with the event, - for standard input (required)")
	cmd.Flags().StringVar(&f.stage, "stage", "DEVELOPMENT", "`STAGE` of the function, DEVELOPMENT or LIVE")
	cmd.Flags().StringVarP(&f.from, "template", "t", "", "`TEMPLATE` or folder to take the function from")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, in the words of AWS's TestResult")
	cmd.PreRun = func(*cobra.Command, []string) { f.t.stack = f.local.stack }
	return cmd
}

func (f *functionTest) run(ctx context.Context, name string, stdin io.Reader, w io.Writer) error {
	if f.stage != "DEVELOPMENT" && f.stage != "LIVE" {
		return wrong(fmt.Errorf("--stage %s: a stage is DEVELOPMENT or LIVE", f.stage))
	}
	if f.event == "" {
		return wrong(errors.New("--event is missing: name a file with the event, or - for standard input"))
	}
	event, err := readEvent(f.event, stdin)
	if err != nil {
		return wrong(err)
	}
	var result *edgefunc.TestResult
	if f.from != "" {
		result, err = f.fromTemplate(ctx, name, event)
	} else {
		result, err = f.fromNode(ctx, name, event)
	}
	if err != nil {
		return err
	}
	if err := f.print(w, result); err != nil {
		return err
	}
	if result.Error != "" {
		return errors.New("the function failed")
	}
	return nil
}

func (f *functionTest) fromTemplate(ctx context.Context, name string, event []byte) (*edgefunc.TestResult, error) {
	l, err := f.local.loader(f.from)
	if err != nil {
		return nil, wrong(err)
	}
	stacks, err := l.load(ctx)
	if err != nil {
		return nil, wrong(err)
	}
	for _, st := range stacks.stacks() {
		for _, m := range st.EdgeFunctions {
			if m.Name != name && m.LogicalID != name && m.ARN != name {
				continue
			}
			set, err := edgefunc.Compile(st.EdgeFunctions, st.KeyValueStores, edgefunc.Options{})
			if err != nil {
				return nil, wrong(err)
			}
			fn, _ := set.Function(m.ARN)
			result, err := fn.Test(ctx, event)
			return result, wrong(err)
		}
	}
	return nil, wrong(fmt.Errorf("%s has no CloudFront function %s", f.from, name))
}

func (f *functionTest) fromNode(ctx context.Context, name string, event []byte) (*edgefunc.TestResult, error) {
	rs, err := f.t.ask(ctx, http.MethodPost, "/v1/edge-functions/"+url.PathEscape(name)+"/test", event)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	result := &edgefunc.TestResult{}
	if err := json.NewDecoder(rs.Body).Decode(result); err != nil {
		return nil, fmt.Errorf("admin side: %w", err)
	}
	return result, nil
}

func (f *functionTest) print(w io.Writer, t *edgefunc.TestResult) error {
	if f.json {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(t)
	}
	if t.Error == "" {
		var out bytes.Buffer
		if err := json.Indent(&out, t.Output, "", "  "); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", &out)
	}
	fmt.Fprintf(w, "compute utilization: %d\n", t.Utilization)
	if t.Origin != "" {
		fmt.Fprintf(w, "origin: %s\n", t.Origin)
	}
	for _, line := range t.Log {
		fmt.Fprintf(w, "log: %s\n", line)
	}
	if t.Error != "" {
		fmt.Fprintf(w, "error: %s\n", t.Error)
	}
	return nil
}
