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
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// target is which running node a command asks.
type target struct{ admin, stack string }

func (t *target) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.admin, "admin", "", "admin `ADDRESS` of the node (default: the one that runs)")
	cmd.Flags().StringVar(&t.stack, "stack", "", "stack to ask, when several run")
}

// ask sends one request to the node's admin side.
func (t *target) ask(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	addr, err := adminAddr(t.admin, t.stack)
	if err != nil {
		return nil, err
	}
	rq, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, wrong(err)
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		return nil, fmt.Errorf("admin side at %s: %w", addr, err)
	}
	if rs.StatusCode >= 400 {
		defer rs.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(rs.Body, 1<<16)) // the status says enough
		var m struct{ Message string }
		if json.Unmarshal(b, &m) == nil && m.Message != "" {
			return nil, errors.New(m.Message)
		}
		return nil, fmt.Errorf("admin side: %s: %s", rs.Status, b)
	}
	return rs, nil
}

func invokeCommand() *cobra.Command {
	var t target
	var event string
	var local upFlags
	var from string
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION",
		Short: "call a function with an event",
		Long: `Calls a function of a running stack by name, logical id or ARN and prints its
answer. With --template the function is run by itself, without a running stack.
Exit code 1 when the function failed.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			payload, err := readEvent(event, cmd.InOrStdin())
			if err != nil {
				return wrong(err)
			}
			if from != "" {
				return local.invokeOnce(cmd.Context(), from, args[0], payload, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			rs, err := t.ask(cmd.Context(), http.MethodPost, "/2015-03-31/functions/"+url.PathEscape(args[0])+"/invocations", payload)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			if _, err := io.Copy(cmd.OutOrStdout(), rs.Body); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout())
			if kind := rs.Header.Get("X-Amz-Function-Error"); kind != "" {
				return fmt.Errorf("the function failed: %s", kind)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&t.admin, "admin", "", "admin `ADDRESS` of the node (default: the one that runs)")
	local.stackFlags.register(cmd)
	cmd.Flags().StringVarP(&event, "event", "e", "", "`FILE` with the event, - for standard input (default: {})")
	cmd.Flags().StringVarP(&from, "template", "t", "", "`TEMPLATE` or folder to run the function from, when no stack runs")
	cmd.PreRun = func(*cobra.Command, []string) { t.stack = local.stack }
	return cmd
}

// readEvent reads and checks the event.
func readEvent(name string, stdin io.Reader) ([]byte, error) {
	var b []byte
	var err error
	switch name {
	case "":
		return []byte("{}"), nil
	case "-":
		b, err = io.ReadAll(stdin)
	default:
		b, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("event %s: it is no JSON", name)
	}
	return b, nil
}

func logsCommand() *cobra.Command {
	var t target
	var follow, asJSON bool
	cmd := &cobra.Command{
		Use:   "logs [FUNCTION]",
		Short: "print the log of a function, or of all",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if len(args) == 1 {
				q.Set("function", args[0])
			}
			if follow {
				q.Set("follow", "1")
			}
			rs, err := t.ask(cmd.Context(), http.MethodGet, "/v1/logs?"+q.Encode(), nil)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			err = printLog(rs.Body, cmd.OutOrStdout(), asJSON)
			if cmd.Context().Err() != nil {
				return nil // Ctrl-C is how following ends
			}
			return err
		},
	}
	t.register(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new lines until interrupted")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the lines as JSON objects")
	return cmd
}

// printLog prints lines of the admin side's log.
func printLog(r io.Reader, w io.Writer, asJSON bool) error {
	d := json.NewDecoder(r)
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if asJSON {
			fmt.Fprintf(w, "%s\n", raw)
			continue
		}
		var l struct{ Time, Function, Message, Text string }
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		if l.Message != "" {
			return errors.New(l.Message)
		}
		fmt.Fprintf(w, "%s %s %s\n", l.Time, l.Function, strings.TrimRight(l.Text, "\n"))
	}
}
