// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/deploy"
)

// deployFlags are the flags of `deploy`.
type deployFlags struct {
	stackFlags
	remote
	overrides              []string
	note                   string
	yes, strict, dry, json bool
}

func deployCommand() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy [TEMPLATE|DIR] --stack NAME --stage prod",
		Short: "bring a template into force on all nodes, or on none",
		Long: `Makes a bundle of a template with its code and content, shows how it differs from
what is in force, and brings it into force on all nodes of a cluster. First every
node tries it: unpacks, evaluates, compiles, builds; when one cannot, nothing has
changed anywhere. Go functions are built here, for this machine's architecture.

A stage is a stack of its own, NAME-STAGE, with parameters of its own: those of
--param, --params and --parameter-overrides, and of [STAGE.deploy.parameters] in a
samconfig.toml beside the template.
Exit code 1 when the deploy has failed, 2 when the template is wrong.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "."
			if len(args) == 1 {
				path = args[0]
			}
			return f.run(cmd.Context(), path, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.stackFlags.register(cmd)
	f.remote.register(cmd, false)
	fl := cmd.Flags()
	fl.StringArrayVar(&f.overrides, "parameter-overrides", nil, "template parameters, `'Name=Value …'`, as sam deploy takes them; may be repeated")
	fl.StringVar(&f.note, "note", "", "why, for the history")
	fl.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	fl.BoolVar(&f.dry, "dry-run", false, "show what would change and end")
	fl.BoolVar(&f.strict, "strict", false, "refuse a template that has something unsupported")
	fl.BoolVar(&f.json, "json", false, "print the plan and the steps as JSON lines")
	return cmd
}

func (f *deployFlags) run(ctx context.Context, path string, stdin io.Reader, stdout, stderr io.Writer) error {
	for _, line := range f.overrides {
		pairs, err := splitWords(line)
		if err != nil {
			return wrong(fmt.Errorf("--parameter-overrides: %w", err))
		}
		f.params = append(f.params, pairs...)
	}
	sam, err := readSamConfig(baseDir(path), f.stage)
	if err != nil {
		return wrong(err)
	}
	sam.use(f)
	l, err := f.newLoader(path)
	if err != nil {
		return wrong(err)
	}
	unknownIsFine(l)
	got, err := l.load(ctx)
	if err != nil {
		return wrong(err)
	}
	f.remote.stack = f.stackFlags.stack
	if f.remote.stack == "" {
		f.remote.stack = got.results[0].Stack.Name
	}
	digest, err := f.upload(ctx, l, got)
	if err != nil {
		return err
	}
	rq := deploy.Request{Stack: f.remote.stack, Stage: f.stage, Bundle: digest, Strict: f.strict, By: who(), Note: f.note}
	var plan deploy.Plan
	if err := f.remote.json(ctx, http.MethodPost, "/v1/plans", rq, &plan); err != nil {
		return wrong(err)
	}
	if err := f.show(stdout, &plan); err != nil || f.dry {
		return err
	}
	if plan.Same {
		if !f.json {
			fmt.Fprintf(stdout, "this is in force already, as revision %d\n", plan.After)
		}
		return nil
	}
	if !f.yes {
		if err := confirm(stdin, stderr, "deploy "+plan.Name+"?"); err != nil {
			return err
		}
	}
	rq.After = plan.After
	return f.remote.follow(ctx, "/v1/deploys", rq, stdout, f.json)
}

// unknownIsFine lets a template be packed here whose secrets and imports only
// the nodes know.
func unknownIsFine(l *loader) {
	env, exports := l.opt.Env, l.opt.Exports
	l.opt.Env = func(name string) (string, bool) {
		if v, ok := env(name); ok {
			return v, true
		}
		return "known-to-the-nodes", name == strings.ToUpper(name) // the last of a name's forms
	}
	l.opt.Exports = func(name string) (string, bool) {
		if v, ok := exports(name); ok {
			return v, true
		}
		return "known-to-the-nodes", true
	}
}

// upload makes the bundle and stores it in the cluster.
func (f *deployFlags) upload(ctx context.Context, l *loader, got *loaded) (cluster.Digest, error) {
	file, err := os.CreateTemp("", "forelane-bundle-")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := l.pack(ctx, got, file); err != nil {
		return "", wrong(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	rs, err := f.ask(ctx, http.MethodPut, "/v1/bundles", file)
	if err != nil {
		return "", err
	}
	defer rs.Body.Close()
	var out struct{ Bundle cluster.Digest }
	if err := json.NewDecoder(rs.Body).Decode(&out); err != nil {
		return "", err
	}
	return out.Bundle, nil
}

func (f *deployFlags) show(w io.Writer, p *deploy.Plan) error {
	if f.json {
		return json.NewEncoder(w).Encode(struct {
			Event string `json:"event"`
			*deploy.Plan
		}{"plan", p})
	}
	return showPlan(w, p)
}

// confirm asks a person. Nobody there is a no.
func confirm(stdin io.Reader, stderr io.Writer, question string) error {
	fmt.Fprintf(stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return nil
	}
	if errors.Is(err, io.EOF) && line == "" {
		return wrong(errors.New("nobody answered: say --yes where nobody is there"))
	}
	return errors.New("nothing was deployed")
}

// follow sends a request and prints the events of its answer. A failed deploy
// is an error.
func (r *remote) follow(ctx context.Context, path string, rq any, stdout io.Writer, asJSON bool) error {
	b, err := json.Marshal(rq)
	if err != nil {
		return err
	}
	rs, err := r.ask(ctx, http.MethodPost, path, strings.NewReader(string(b)))
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	d := json.NewDecoder(rs.Body)
	for {
		var e deploy.Event
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("the answer broke off before the end (forelane status tells what is in force): %w", err)
		}
		if asJSON {
			if err := json.NewEncoder(stdout).Encode(e); err != nil {
				return err
			}
		} else {
			showEvent(stdout, e)
		}
		switch e.Step {
		case deploy.Done:
			return nil
		case deploy.Failed:
			return errors.New("the deploy has failed: " + e.Message)
		}
	}
}

// splitWords splits 'A=b C="d e"' at spaces; quotes, single or double, keep a
// value together.
func splitWords(s string) ([]string, error) {
	var out []string
	var word strings.Builder
	quote, open := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				out = append(out, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("%s: a quote is not closed", s)
	}
	if open {
		out = append(out, word.String())
	}
	return out, nil
}
