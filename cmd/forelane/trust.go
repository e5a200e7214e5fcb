// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/viewer/localca"
)

// caDir is where the machine's authority is kept: it is of the user, not of a
// stack, so that it is trusted once.
func caDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("local certificate authority: %w", err)
	}
	return filepath.Join(dir, "forelane"), nil
}

func trustCommand() *cobra.Command {
	var printOnly bool
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "let this machine trust Forelane's local certificate authority",
		Long: `Puts the authority that signs for https://….localhost into the system's trust
store (as root) and into the list of Chromium and Firefox where certutil is there.
The authority is made on first use and its key never leaves this machine.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := caDir()
			if err != nil {
				return err
			}
			ca, err := localca.Open(dir)
			if err != nil {
				return err
			}
			if printOnly {
				fmt.Fprintln(cmd.OutOrStdout(), ca.CertFile())
				return nil
			}
			return ca.Install(cmd.Context(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the path of the authority's certificate and do nothing else (curl --cacert)")
	return cmd
}
