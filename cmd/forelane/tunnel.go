// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/tunnel"
)

func tunnelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tunnel",
		Short: "let agents of private origins in, list them, take them back",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tokenCommand(), agentsCommand(), revokeCommand())
	return cmd
}

func tokenCommand() *cobra.Command {
	var t target
	var origins []string
	var life time.Duration
	var reusable bool
	cmd := &cobra.Command{
		Use:   "token --origin NAME",
		Short: "print a token by which an agent may join",
		Long: `Prints a token, and nothing else, for forelane connect --token. It is a secret, it
expires, and unless it is --reusable one agent can join with it.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := json.Marshal(map[string]any{"origins": origins, "seconds": int64(life / time.Second), "reusable": reusable})
			if err != nil {
				return err
			}
			rs, err := t.ask(cmd.Context(), http.MethodPost, "/v1/tunnel/tokens", body)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			var out struct{ Token string }
			if err := json.NewDecoder(rs.Body).Decode(&out); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), out.Token)
			return nil
		},
	}
	t.register(cmd)
	cmd.Flags().StringArrayVar(&origins, "origin", nil, "`NAME` of an origin that the agent may serve; may be repeated")
	cmd.Flags().DurationVar(&life, "for", time.Hour, "how long it can be used")
	cmd.Flags().BoolVar(&reusable, "reusable", false, "any number of agents may join with it until it expires")
	_ = cmd.MarkFlagRequired("origin") // it exists
	return cmd
}

func agentsCommand() *cobra.Command {
	var t target
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "list the agents that have joined, and their connections",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			rs, err := t.ask(cmd.Context(), http.MethodGet, "/v1/tunnel/agents", nil)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			var agents []tunnel.AgentState
			if err := json.NewDecoder(rs.Body).Decode(&agents); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(agents)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "AGENT\tLABEL\tORIGINS\tEXPIRES\tSTATE")
			for _, a := range agents {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Label, strings.Join(a.Origins, ","), a.Expires.Format(time.DateOnly), agentState(a))
			}
			return w.Flush()
		},
	}
	t.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

// agentState says in words how an agent is connected.
func agentState(a tunnel.AgentState) string {
	if a.Revoked {
		return "revoked"
	}
	var all []string
	for _, l := range a.Links {
		s := l.Carrier + " from " + l.From
		switch {
		case l.Leaving:
			s += ", leaving"
		case !l.Healthy:
			s += ", does not answer"
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return "not connected"
	}
	return strings.Join(all, "; ")
}

func revokeCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "take an agent or a token back; the agent's connections are cut",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := json.Marshal(map[string]string{"id": args[0]})
			if err != nil {
				return err
			}
			rs, err := t.ask(cmd.Context(), http.MethodPost, "/v1/tunnel/revocations", body)
			if err != nil {
				return err
			}
			defer rs.Body.Close()
			fmt.Fprintln(cmd.OutOrStdout(), "revoked", args[0])
			return nil
		},
	}
	t.register(cmd)
	return cmd
}
