// SPDX-License-Identifier: Apache-2.0

// Command forelane runs "CloudFront in front of API Gateway, Lambda and S3"
// on this machine from a CloudFormation, SAM or CDK template.
//
// Exit codes: 0 done, 1 failed, 2 the command line or the template is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// exitError carries an exit code other than 1.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// wrong marks an error of the command line or of a template: exit code 2.
func wrong(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{2, err}
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := root()
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "forelane:", err)
	var ee *exitError
	if errors.As(err, &ee) {
		return ee.code
	}
	return 1
}

// args marks a wrong number of arguments as an error of the command line.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return wrong(check(cmd, args)) }
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forelane",
		Short: "CloudFront, API Gateway, Lambda and S3 from your template, on your own machine",
		Long: `Forelane runs a CloudFormation, SAM or CDK template that puts CloudFront in front
of API Gateway, Lambda and S3: the edge with its cache, the API, the functions and
the buckets, in one process, without Docker and without an AWS account.

  forelane up template.yaml          run a template
  forelane up path/to/sam-project    run a SAM project
  forelane up cdk.out                run a synthesised CDK app
  forelane proxy http://localhost:3000
                                     a caching edge before anything
  forelane init hybrid shop          write a small stack to begin with

  forelane serve --config node.yaml  run a node in production
  forelane deploy --stack shop --stage prod
                                     bring the template here into force on all nodes`,
		Version:                    version,
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := fmt.Errorf("there is no command %q (forelane --help lists them)", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				err = fmt.Errorf("there is no command %q (did you mean %s?)", args[0], near[0])
			}
			return wrong(err)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return wrong(err) })
	cmd.AddCommand(upCommand(), checkCommand(), invokeCommand(), functionCommand(), logsCommand(), explainCommand(), probeCommand(),
		invalidateCommand(), promoteCommand(), proxyCommand(), initCommand(), trustCommand(), topCommand(), connectCommand(), tunnelCommand())
	cmd.AddCommand(serveCommand(), deployCommand(), rollbackCommand(), historyCommand(), statusCommand())
	return cmd
}
