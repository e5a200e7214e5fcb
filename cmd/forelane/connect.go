// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/tunnel"
)

// connectFlags are the flags of `connect`.
type connectFlags struct {
	to, token, tokenFile string
	origins              []string
	data, label, carrier string
	roots                string
	admin                string
	drain                time.Duration
	json                 bool
}

func connectCommand() *cobra.Command {
	var f connectFlags
	cmd := &cobra.Command{
		Use:   "connect --to EDGE:PORT --origin NAME=URL",
		Short: "serve private targets to an edge, without a port of their own",
		Long: `Runs an agent beside a private target. It dials the edge (--tunnel of forelane up)
by QUIC and by TLS over TCP, goes on with either where the other does not get
through, and passes requests for its origins on to their targets. Large answers go
by TCP. Nothing listens on this side.

The first time it needs a token, which the edge's operator makes with
forelane tunnel token --origin NAME; from then on it has a certificate, in --data,
that it renews itself. NAME is that of the template: the logical id of an
AWS::CloudFront::VpcOrigin, a VpcLink or an AWS::EC2::VPCEndpoint.

SIGTERM or Ctrl-C takes no new requests and lets those under way finish within --drain.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.to, "to", "", "address of the edge's --tunnel, `HOST:PORT`")
	fl.StringVar(&f.token, "token", "", "`TOKEN` to join with, once; others can see it in the list of processes")
	fl.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token, - for standard input")
	fl.StringArrayVar(&f.origins, "origin", nil, "what is served, `NAME=URL`: http://host:port or https://host:port; may be repeated")
	fl.StringVar(&f.data, "data", filepath.Join(".forelane", "agent"), "`DIR` for the key and the certificate")
	fl.StringVar(&f.label, "label", "", "what the edge's operator sees (default: the name of this machine)")
	fl.StringVar(&f.carrier, "carrier", "auto", "auto, quic or tcp")
	fl.StringVar(&f.roots, "target-ca", "", "`FILE` of certificates in PEM that https targets are checked by (default: the system's)")
	fl.StringVar(&f.admin, "admin", "", "address for /metrics and /healthz; port 0 picks one, empty switches it off")
	fl.DurationVar(&f.drain, "drain", 10*time.Second, "how long requests may take to finish when stopping")
	fl.BoolVar(&f.json, "json", false, "print events as JSON lines on stdout, the first one when ready")
	return cmd
}

// options makes what the flags say into an agent's options.
func (f *connectFlags) options() (o tunnel.AgentOptions, err error) {
	o = tunnel.AgentOptions{To: f.to, Dir: f.data, Label: f.label, Drain: f.drain}
	if f.to == "" {
		return o, errors.New("--to: say where the edge is, HOST:PORT of its --tunnel")
	}
	if o.Origins, err = pairs("origin", f.origins); err != nil {
		return o, err
	}
	if o.Token, err = f.readToken(); err != nil {
		return o, err
	}
	switch f.carrier {
	case "auto":
	case "quic":
		o.Carrier = tunnel.OnlyQUIC
	case "tcp":
		o.Carrier = tunnel.OnlyTCP
	default:
		return o, fmt.Errorf("--carrier %s: it is auto, quic or tcp", f.carrier)
	}
	if f.roots != "" {
		text, err := os.ReadFile(f.roots)
		if err != nil {
			return o, err
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(text) {
			return o, fmt.Errorf("--target-ca %s: it holds no certificate", f.roots)
		}
	}
	return o, nil
}

func (f *connectFlags) readToken() (string, error) {
	if f.tokenFile == "" {
		return f.token, nil
	}
	if f.token != "" {
		return "", errors.New("give --token or --token-file, not both")
	}
	in := io.Reader(os.Stdin)
	if f.tokenFile != "-" {
		file, err := os.Open(f.tokenFile)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, 4096))
	return strings.TrimSpace(string(b)), err
}

// run is `connect`, until ctx ends.
func (f *connectFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	out := newOutput(stdout, stderr, f.json, false)
	o, err := f.options()
	if err != nil {
		return wrong(err)
	}
	o.Log = slog.New(slog.NewTextHandler(out.stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	slog.SetDefault(o.Log) // takes what quic-go prints when UDP buffers are too small, once a process
	admin := ""
	ready := false
	o.OnState = func(s tunnel.State) {
		switch {
		case s.Err != nil:
			out.event("lost", map[string]any{"carrier": s.Carrier, "connected": s.Connected, "error": s.Err.Error()})
		case !ready:
			ready = true
			out.connected(f.to, admin, s, o.Origins)
		default:
			out.event("connected", map[string]any{"agent": s.Agent, "carrier": s.Carrier})
		}
	}
	a, err := tunnel.NewAgent(o)
	if err != nil {
		return wrong(err)
	}
	if f.admin != "" {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.admin)
		if err != nil {
			return fmt.Errorf("admin: %w", err)
		}
		admin = ln.Addr().String()
		srv := &http.Server{Handler: agentAdmin(a), ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = srv.Serve(ln) }() // it ends with Close
		defer srv.Close()
	}
	return a.Run(ctx)
}

// agentAdmin answers for whoever watches over an agent.
func agentAdmin(a *tunnel.Agent) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(a.AppendMetrics(nil)) // the caller is gone if this fails
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !a.Connected() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n") // as above
	})
	return mux
}

// connected prints that an agent serves, or its ready event.
func (o *output) connected(to, admin string, s tunnel.State, origins map[string]string) {
	if o.json {
		o.line(map[string]any{"event": "ready", "agent": s.Agent, "carrier": s.Carrier, "to": to, "admin": admin, "origins": origins})
		return
	}
	fmt.Fprintf(o.stdout, "agent %s is connected to %s (%s)\n", s.Agent, to, s.Carrier)
	for name, url := range origins {
		fmt.Fprintf(o.stdout, "  %s is served from %s\n", name, url)
	}
}
