// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/config"
	"github.com/forelane/forelane/internal/deploy"
	"github.com/forelane/forelane/internal/server"
)

func serveCommand() *cobra.Command {
	var file string
	var schema, printConfig, asJSON bool
	cmd := &cobra.Command{
		Use:   "serve --config node.yaml",
		Short: "run a node: what is deployed to it, alone or with others",
		Long: `Runs a node by a configuration file. It serves what forelane deploy brings to it
and to the other nodes of its cluster; when it starts it serves what was in force
when it was last here, also when no other node can be reached.

--print-config writes a file with every setting and its default, or, with --config,
what that file makes of them; --print-schema the JSON Schema of the file.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if schema {
				return config.Schema(cmd.OutOrStdout())
			}
			c := config.Default()
			if file != "" {
				var err error
				if c, err = config.Read(file); err != nil {
					return wrong(err)
				}
			}
			switch {
			case printConfig:
				return config.Print(cmd.OutOrStdout(), c)
			case file == "":
				return wrong(errors.New("name the node's configuration: --config node.yaml (--print-config writes one to begin with)"))
			}
			return serve(cmd.Context(), c, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&file, "config", "c", "", "`FILE` of the node")
	fl.BoolVar(&schema, "print-schema", false, "print the JSON Schema of the file and do nothing else")
	fl.BoolVar(&printConfig, "print-config", false, "print the file with all settings and do nothing else")
	fl.BoolVar(&asJSON, "json", false, "print events as JSON lines on stdout, the first one when ready")
	return cmd
}

// flagsOf are the flags of `up` that say what a configuration says: both make a
// server's options by upFlags.serverOptions.
func flagsOf(c *config.Node) *upFlags {
	f := &upFlags{
		http: c.Listen.HTTP, https: c.Listen.HTTPS, admin: c.Admin.Listen, http3: c.Listen.HTTP3,
		h2c: c.Listen.H2C, h2WebSocket: c.Listen.H2WebSocket, reusePort: c.Listen.ReusePort,
		balancers: c.Listen.ProxyProtocol, connections: c.Listen.Connections, perAddress: c.Listen.PerAddress, drain: c.Listen.Drain,
		data: c.Data, accessLog: c.Log.Access, quiet: !c.Log.Requests,
		nodePath: c.Functions.NodePath, pythonPath: c.Functions.PythonPath, concurrency: c.Functions.Concurrency,
		apiRate: c.API.Rate, apiBurst: c.API.Burst,
		leakGuard: c.Cache.LeakGuard, geo: c.Geo,
		tunnel: c.Listen.Tunnel, endpoint: c.Listen.Endpoint, apiCache: c.API.Cache.String(),
		dns: dnsFlags{addr: c.DNS.Listen, addresses: c.DNS.Addresses, rate: c.DNS.Rate, latency: c.DNS.Latency, health: c.DNS.HealthInterval},
		observe: observeFlags{
			format: c.Log.Format, fields: c.Log.Fields, rotateEvery: c.Log.RotateEvery, rotateKeep: c.Log.Keep, rotateGzip: c.Log.Gzip,
			files: c.Log.Files, kinesis: c.Log.Kinesis, trace: c.Trace.Endpoint, traceRatio: c.Trace.Ratio, traceIgnore: c.Trace.IgnoreViewers, drainDelay: c.Listen.DrainDelay,
			acmeEmail: c.TLS.ACME.Email, acmeDirectory: c.TLS.ACME.Directory,
		},
		recall:      recalled(&c.Explain),
		cacheMemory: c.Cache.Memory.String(), cacheDisk: c.Cache.Disk.String(),
		origins: pairsOf(c.Origins), issuers: pairsOf(c.Issuers), originCredentials: c.Signing, services: pairsOf(c.Services), originCerts: pairsOf(c.Shown), trustStores: pairsOf(c.Trusted), principals: c.Signers,
		authority: filepath.Join(c.Data, "authority"), onlyTheirs: !c.TLS.LocalAuthority, region: c.Region, account: c.Account,
	}
	if !c.Viewers() {
		f.http, f.https, f.tunnel, f.endpoint = "", "", "", ""
	}
	if c.Log.RotateSize > 0 {
		f.observe.rotateSize = c.Log.RotateSize.String()
	}
	for _, t := range c.TLS.Certificates {
		pair := t.Cert
		if t.Key != "" {
			pair += "," + t.Key
		}
		f.tlsCerts = append(f.tlsCerts, pair)
	}
	return f
}

func pairsOf(m map[string]string) []string {
	var out []string
	for k, v := range m {
		out = append(out, k+"="+v)
	}
	return out
}

// serve is the life of a node.
func serve(ctx context.Context, c *config.Node, asJSON bool, stdout, stderr io.Writer) (err error) {
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	f := flagsOf(c)
	out := newOutput(stdout, stderr, asJSON, f.quiet)
	env, err := secretLines("functions.environmentFile", c.Functions.EnvironmentFile)
	if err != nil {
		return wrong(err)
	}
	headers, err := secretLines("trace.headersFile", c.Trace.HeadersFile)
	if err != nil {
		return wrong(err)
	}
	f.observe.traceHeaders = pairsOf(headers)
	o, closeLog, err := f.serverOptions(&loader{data: c.Data, env: env}, &loaded{}, out)
	if err != nil {
		return err
	}
	defer func() { _ = closeLog() }()
	o.NoEdge, o.NoGateway = !c.Is(config.RoleEdge), !c.Is(config.RoleGateway)
	o.Functions.NoWatch = true // what is deployed does not change
	if err := adminOf(c, &o); err != nil {
		return wrong(err)
	}
	heir, err := f.inherit(c.Data)
	defer heir.close()
	if err != nil {
		return err
	}
	o.Listeners = heir.listeners
	cl, err := openCluster(c, &o)
	if err != nil {
		return err
	}
	closeCluster := cl.Close
	defer func() { err = errors.Join(err, closeCluster()) }()
	var follower atomic.Pointer[cluster.Follower]
	applied := func() uint64 {
		if f := follower.Load(); f != nil {
			return f.Position()
		}
		return 0
	}
	srv, node, err := assemble(c, cl, &o, env, applied)
	if err != nil {
		return err
	}
	defer f.stop(srv, out)
	defer renew(ctx, o.Certificates, out)()
	if err := srv.Bind(ctx); err != nil {
		return err
	}
	following, err := cl.Follow(ctx, node)
	if err != nil {
		return err
	}
	follower.Store(following)
	catchUp(ctx, following)
	heir.serve(ctx, srv, out)
	defer f.observe.onHangup(ctx, srv)()
	if ctx.Err() == nil {
		out.ready(srv.Ready())
	}
	<-ctx.Done()
	out.event("stopping", nil)
	closeCluster = func() error { return nil } // nothing is deployed to a node that ends
	return cl.Close()
}

// patience is how long a node that starts lets viewers wait for what it missed.
// When the others cannot be reached it then serves what it has.
const patience = 5 * time.Second

// catchUp waits until the node has applied what it missed, or for patience.
func catchUp(ctx context.Context, f *cluster.Follower) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !f.Current(time.Now()) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// assemble makes the server and what deploys to it.
func assemble(c *config.Node, cl *cluster.Cluster, o *server.Options, env map[string]string, applied func() uint64) (*server.Server, *deploy.Node, error) {
	late := &lateServer{}
	node := deploy.NewNode(deploy.Options{
		Dir: filepath.Join(c.Data, "bundles"), Bundles: cl, Server: late, Region: c.Region, Account: c.Account, Log: o.Log,
		Env: func(name string) (string, bool) {
			if v, ok := env[name]; ok {
				return v, true
			}
			return os.LookupEnv(name)
		},
		Invalidate: func(ctx context.Context, e cluster.Entry) error { return late.invalidate(ctx, e, carrier{cl}.Wait) },
		Set:        late.set,
		Purge:      func() { late.Purge() },
	})
	o.Carrier, o.Promote = carrier{cl}, promoter(cl, node)
	o.Current = cl.Current
	o.Words = cluster.Words{Table: cl.Table("quota")}
	var err error
	if o.Peers, err = peersOf(c, applied); err != nil {
		return nil, nil, wrong(err)
	}
	if c.Is(config.RoleControl) {
		o.AdminRoutes = deploy.NewDesk(node, cl).Routes()
	}
	srv, err := server.New(*o)
	late.Server = srv
	return srv, node, err
}

// secretLines reads NAME=value lines that may be secrets from the file that a
// setting names.
func secretLines(setting, file string) (map[string]string, error) {
	if file == "" {
		return map[string]string{}, nil
	}
	if err := config.Private(file); err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return readLines(file)
}

// adminOf gives the admin side its token and certificate.
func adminOf(c *config.Node, o *server.Options) error {
	if c.Admin.TokenFile != "" {
		token, err := config.Secret(c.Admin.TokenFile)
		if err != nil {
			return fmt.Errorf("admin.tokenFile: %w", err)
		}
		o.AdminToken = token
	}
	if c.Admin.Certificate != "" {
		cert := &fileCertificate{cert: c.Admin.Certificate, key: c.Admin.Key}
		if err := cert.check(); err != nil {
			return fmt.Errorf("admin.certificate: %w", err)
		}
		o.AdminTLS = cert.config()
	}
	return nil
}
