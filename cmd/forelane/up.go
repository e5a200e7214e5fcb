// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/geo"
	"github.com/forelane/forelane/internal/handover"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/server"
	"github.com/forelane/forelane/internal/viewer"
	"github.com/forelane/forelane/internal/viewer/localca"
)

// upFlags are the flags of `up` and `proxy`.
type upFlags struct {
	stackFlags
	http, https, admin string
	http3              bool
	tunnel, endpoint   string
	data               string
	origins, issuers   []string
	strict             bool
	json               bool
	quiet              bool
	accessLog          string
	nodePath           []string
	pythonPath         []string
	concurrency        int
	leakGuard          string
	geo                []string
	apiRate            float64
	apiBurst           int
	cacheMemory        string
	apiCache           string
	cacheDisk          string
	drain              time.Duration
	h2c, h2WebSocket   bool
	replace            bool
	reusePort          bool
	connections        int
	perAddress         int
	balancers          []string
	tlsCerts           []string
	originCredentials  string
	services           []string
	originCerts        []string
	trustStores        []string
	principals         string
	observe            observeFlags
	recall             recallFlags
	dns                dnsFlags

	authority       string // folder of the local authority; empty: the user's
	onlyTheirs      bool   // no certificate of the local authority
	region, account string // of functions; empty: those of the first stack
}

func (f *upFlags) register(cmd *cobra.Command) {
	f.stackFlags.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.http, "http", "127.0.0.1:8080", "address for HTTP; port 0 picks one, empty switches it off")
	fl.StringVar(&f.https, "https", "127.0.0.1:8443", "address for HTTPS, by --tls-cert and the local certificate authority; port 0 picks one, empty switches it off")
	fl.StringArrayVar(&f.tlsCerts, "tls-cert", nil, "certificate for the names in it, `CERT.pem[,KEY.pem]`, read anew when it changes; CERT.pem.ocsp is stapled; may be repeated")
	fl.BoolVar(&f.h2c, "h2c", false, "HTTP/2 on the address for HTTP too, for viewers that begin with it (prior knowledge)")
	fl.BoolVar(&f.h2WebSocket, "h2-websocket", false, "offer WebSocket over HTTP/2 (RFC 8441), which CloudFront does not")
	fl.BoolVar(&f.http3, "http3", true, "HTTP/3 beside HTTPS, on the UDP port of the same number")
	fl.StringVar(&f.admin, "admin", "127.0.0.1:9900", "address of the admin side, S3 calls included (aws s3 sync --endpoint-url); port 0 picks one, empty switches it off")
	fl.StringVar(&f.tunnel, "tunnel", "", "address, TCP and UDP, that agents of private origins dial (forelane connect); port 0 picks one")
	fl.StringVar(&f.endpoint, "endpoint", "", "address, `[NAME=]HOST:PORT`, by which private APIs are reached, and nothing else; NAME is the logical id of an AWS::EC2::VPCEndpoint, or vpce-…")
	f.dns.register(fl)
	fl.StringVar(&f.data, "data", "", "`DIR` for built functions, logs (those of API stages and web ACLs in access) and the cache on disk (default: .forelane beside the template)")
	fl.StringArrayVar(&f.origins, "origin", nil, "another address for an origin, `Id=URL` or host=URL; may be repeated")
	fl.StringVar(&f.originCredentials, "origin-credentials", "", "sign requests to origins with an access control that are not of the template (SigV4): `env` for AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION, or the name of a profile in the shared credentials file")
	fl.StringArrayVar(&f.services, "service", nil, "endpoint of an AWS service that integrations of APIs call, `NAME=URL`, such as dynamodb=http://127.0.0.1:4567, signed with --origin-credentials; may be repeated. Without one s3 is the buckets of the template, and others answer 500")
	fl.StringArrayVar(&f.originCerts, "origin-cert", nil, "certificate shown to origins whose OriginMtlsConfig names the ARN, `ARN=CERT.pem[,KEY.pem]`, read anew when it changes; may be repeated")
	fl.StringArrayVar(&f.trustStores, "trust-store", nil, "authorities of viewers' certificates (PEM) for a trust store, by its id or logical id, `ID=CAS.pem`, in place of its bucket; may be repeated")
	fl.StringVar(&f.principals, "principals", "", "`FILE` of principals: who may sign requests for AWS_IAM, with which access keys and policies (docs/principals.md), read anew when it changes; without it such requests are refused")
	fl.StringArrayVar(&f.issuers, "issuer", nil, "another address for an issuer of tokens, `URL=URL`, such as that of a user pool's stand-in on this machine; may be repeated")
	fl.BoolVar(&f.strict, "strict", false, "refuse a template that has something unsupported")
	fl.BoolVar(&f.json, "json", false, "print events as JSON lines on stdout, the first one when ready")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no line for each request")
	fl.StringVar(&f.accessLog, "access-log", "", "`FILE` for the access log of the edge, - for stdout (default: access.log below --data)")
	f.observe.register(fl)
	f.recall.register(fl)
	fl.StringArrayVar(&f.nodePath, "node-path", nil, "`DIR` where functions find node modules, such as @aws-sdk/*")
	fl.StringArrayVar(&f.pythonPath, "python-path", nil, "`DIR` where functions find Python modules, such as boto3")
	fl.IntVar(&f.concurrency, "concurrency", 0, "processes a function may have at once when it reserves none (default 10)")
	fl.StringArrayVar(&f.geo, "geo", nil, "database of places or networks, `FILE.mmdb` (MaxMind's format): for geo restriction, CloudFront-Viewer-Country and the like, rules of web ACLs; may be repeated")
	fl.StringVar(&f.leakGuard, "leak-guard", "safe", "safe: do not store answers that could be one viewer's (Set-Cookie, tokens and cookies that the key lacks, private under a MinTTL); exact: store them as CloudFront does, and warn")
	fl.Float64Var(&f.apiRate, "api-rate", 10000, "requests a second that all APIs take together, as an account of AWS does; 0: no limit")
	fl.IntVar(&f.apiBurst, "api-burst", 5000, "requests that they take at once")
	fl.StringVar(&f.cacheMemory, "cache-memory", "256MiB", "memory of the edge cache")
	fl.StringVar(&f.apiCache, "api-cache", "64MiB", "memory of all stage caches of APIs together, whatever sizes their templates name")
	fl.StringVar(&f.cacheDisk, "cache-disk", "", "space for the edge cache below --data, such as 20GiB: it then holds more than memory and survives a restart")
	fl.DurationVar(&f.drain, "drain", 10*time.Second, "how long requests may take to finish when stopping; a second signal stops at once")
	fl.BoolVar(&f.replace, "replace", false, "take the sockets of the node with this --data over, when one runs, and let it leave: no connection is refused")
	fl.BoolVar(&f.reusePort, "reuse-port", false, "let other processes of this user listen on --http and --https too (SO_REUSEPORT)")
	fl.IntVar(&f.connections, "connections", 0, "connections of viewers at once (default half of the file descriptors, at most 32768)")
	fl.StringSliceVar(&f.balancers, "proxy-protocol", nil, "load balancers, `CIDR,…`, that begin each connection with the PROXY protocol (version 1 or 2): their word for the viewer's address is taken, and they must give it")
	fl.IntVar(&f.perAddress, "connections-per-address", 0, "connections at once of one address, or of one IPv6 /64 (default half of --connections)")
}

func upCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up [TEMPLATE|DIR]",
		Short: "run a template: distributions, APIs, functions, buckets",
		Long: `Runs a CloudFormation or SAM template, a SAM project's folder or a cdk.out, and
keeps running it: edits of the template, of function code and of bucket content
are taken over without a restart.

SIGTERM or Ctrl-C lets requests under way finish within --drain; a second one stops
at once. The same command with --replace starts a new process, also of a new binary,
beside the old one: it takes the sockets over, makes its functions ready, and then
lets the old one finish and leave. Sockets of systemd (LISTEN_FDS) are used when their
names are http, https, admin, tunnel and endpoint.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "."
			if len(args) == 1 {
				path = args[0]
			}
			return f.run(cmd.Context(), path, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	return cmd
}

func proxyCommand() *cobra.Command {
	var f upFlags
	var printOnly bool
	cmd := &cobra.Command{
		Use:   "proxy URL",
		Short: "a caching edge before any origin",
		Long: `Runs a distribution with one origin and one behavior that keeps what the origin's
Cache-Control allows. --print-template prints that template, to go on from.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.replace && f.data == "" {
				return wrong(errors.New("--replace needs --data DIR: by it the new process finds the old one"))
			}
			text, err := proxyTemplate(args[0])
			if err != nil {
				return err
			}
			if printOnly {
				_, err := io.WriteString(cmd.OutOrStdout(), text)
				return err
			}
			dir, err := os.MkdirTemp("", "forelane-proxy-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			file := filepath.Join(dir, "template.yaml")
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				return err
			}
			if f.stack == "" {
				f.stack = "proxy"
			}
			return f.run(cmd.Context(), file, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&printOnly, "print-template", false, "print the template and do not run it")
	return cmd
}

// run is `up`: load, serve, watch, until ctx ends.
func (f *upFlags) run(ctx context.Context, path string, stdout, stderr io.Writer) error {
	out := newOutput(stdout, stderr, f.json, f.quiet)
	loader, err := f.loader(path)
	if err != nil {
		return wrong(err)
	}
	loaded, err := loader.load(ctx)
	if err != nil {
		return wrong(err)
	}
	if err := loaded.accept(f.strict); err != nil {
		return wrong(err)
	}
	out.summary(loaded)
	o, closeLog, err := f.serverOptions(loader, loaded, out)
	if err != nil {
		return err
	}
	defer func() { _ = closeLog() }()
	heir, err := f.inherit(loader.data)
	defer heir.close()
	if err != nil {
		return err
	}
	o.Listeners, o.Predecessor = heir.listeners, heir.gone()
	srv, err := server.New(o)
	if err != nil {
		return err
	}
	var offered *handover.Offer
	defer func() { _ = offered.Close() }() // after stop: the successor learns that all is let go
	defer f.stop(srv, out)
	defer renew(ctx, o.Certificates, out)()
	if err := srv.Bind(ctx); err != nil {
		return err
	}
	if err := srv.Apply(ctx, loaded.stacks()); err != nil {
		return wrong(err)
	}
	heir.serve(ctx, srv, out)
	if ctx.Err() != nil {
		return nil
	}
	forget, err := remember(srv.Ready(), loaded)
	if err != nil {
		out.warn("other commands will not find this stack", err)
	}
	defer forget()
	offered = offer(srv, loader.data, out)
	return f.reign(ctx, &node{srv, loader, loaded, offered}, out)
}

// node is what runs in this process.
type node struct {
	srv     *server.Server
	loader  *loader
	loaded  *loaded
	offered *handover.Offer
}

// reign is the life of a node that serves, until ctx ends or a successor has
// taken over.
func (f *upFlags) reign(ctx context.Context, n *node, out *output) error {
	ctx, cancel := context.WithCancel(ctx)
	hangups := f.observe.onHangup(ctx, n.srv)
	defer func() { cancel(); hangups() }()
	go func() {
		select {
		case <-n.offered.Taken():
			cancel()
		case <-ctx.Done():
		}
	}()
	out.ready(n.srv.Ready())
	err := f.watch(ctx, n.srv, n.loader, n.loaded, out)
	select {
	case <-n.offered.Taken():
		n.srv.Succeeded()
		out.event("replaced", nil)
		out.note("another process has taken over: finishing what is under way")
	default:
		out.event("stopping", nil)
		_ = n.offered.Close() // nobody gets the sockets of a node that ends
	}
	return err
}

// serverOptions makes what the flags say into a node's options.
func (f *upFlags) serverOptions(l *loader, now *loaded, out *output) (o server.Options, closeLog func() error, err error) {
	closeLog = func() error { return nil }
	o.HTTP, o.HTTPS, o.Admin, o.Tunnel, o.Data = f.http, f.https, f.admin, f.tunnel, l.data
	o.ReusePort, o.Connections = f.reusePort, viewer.Bounds{Connections: f.connections, PerAddress: f.perAddress}
	o.HTTP3 = f.http3
	o.Endpoint = f.endpoint
	if name, addr, ok := strings.Cut(f.endpoint, "="); ok {
		o.EndpointID, o.Endpoint = name, addr
	}
	if o.APIRate, o.APIBurst, err = f.apiLimit(); err != nil {
		return o, closeLog, wrong(err)
	}
	if len(f.geo) > 0 {
		if o.Geo, err = geo.Open(f.geo...); err != nil {
			return o, closeLog, wrong(err)
		}
	}
	switch o.Safe = f.leakGuard == "safe"; f.leakGuard {
	case "safe", "exact":
	default:
		return o, closeLog, wrong(fmt.Errorf("--leak-guard %s: say safe or exact", f.leakGuard))
	}
	if o.DNS, err = f.dns.options(); err != nil {
		return o, closeLog, wrong(err)
	}
	if o.Balancers, err = prefixes("proxy-protocol", f.balancers); err != nil {
		return o, closeLog, wrong(err)
	}
	o.Log = slog.New(slog.NewTextHandler(out.stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	o.H2C, o.H2WebSocket = f.h2c, f.h2WebSocket
	slog.SetDefault(o.Log) // takes what quic-go prints when UDP buffers are too small, once a process
	if o.Origins, err = pairs("origin", f.origins); err != nil {
		return o, closeLog, wrong(err)
	}
	if o.OriginSigner, err = originSigner(f.originCredentials, os.Getenv); err != nil {
		return o, closeLog, wrong(fmt.Errorf("--origin-credentials: %w", err))
	}
	if o.Services, err = pairs("service", f.services); err != nil {
		return o, closeLog, wrong(err)
	}
	if o.OriginCert, err = originCerts(f.originCerts); err != nil {
		return o, closeLog, wrong(fmt.Errorf("--origin-cert: %w", err))
	}
	if o.TrustStore, err = trustStores(f.trustStores); err != nil {
		return o, closeLog, wrong(fmt.Errorf("--trust-store: %w", err))
	}
	if o.Principals, err = principals(f.principals, o.Log); err != nil {
		return o, closeLog, wrong(fmt.Errorf("--principals: %w", err))
	}
	if o.Issuers, err = pairs("issuer", f.issuers); err != nil {
		return o, closeLog, wrong(err)
	}
	if o.CacheBytes, err = size(f.cacheMemory); err != nil {
		return o, closeLog, wrong(fmt.Errorf("--cache-memory: %w", err))
	}
	if o.APICache, err = size(f.apiCache); err != nil {
		return o, closeLog, wrong(fmt.Errorf("--api-cache: %w", err))
	}
	if f.cacheDisk != "" {
		if f.data == "" {
			return o, closeLog, wrong(errors.New("--cache-disk: say where with --data"))
		}
		if o.CacheDisk, err = size(f.cacheDisk); err != nil {
			return o, closeLog, wrong(fmt.Errorf("--cache-disk: %w", err))
		}
	}
	if err := os.MkdirAll(l.data, 0o755); err != nil {
		return o, closeLog, err
	}
	if f.https != "" {
		if o.CA, err = f.localAuthority(); err != nil {
			return o, closeLog, err
		}
		if o.Certificates, err = f.certificates(o.Log); err != nil {
			return o, closeLog, wrong(err)
		}
	}
	o.Functions = now.functionOptions(l.env)
	if f.region != "" || f.account != "" {
		o.Functions.Region, o.Functions.AccountID = f.region, f.account
	}
	o.Functions.NodePath, o.Functions.PythonPath, o.Functions.Concurrency = f.nodePath, f.pythonPath, f.concurrency
	o.OnLogLine = out.functionLine
	if err := f.observe.options(&o); err != nil {
		return o, closeLog, wrong(err)
	}
	if err := f.recall.options(&o, os.Getenv); err != nil {
		return o, closeLog, wrong(err)
	}
	access, err := f.observe.openLog(f.accessLog, l.data, now, out)
	if err != nil {
		return o, closeLog, err
	}
	closeLog, o.Dropped, o.RecordPlace = access.close, access.dropped, f.observe.recordPlace
	o.Record = func(r *record.Record) {
		access.write(r)
		out.request(r)
	}
	return o, closeLog, nil
}

// localAuthority opens the authority that signs for local names; nil when none
// is to.
func (f *upFlags) localAuthority() (*localca.Authority, error) {
	if f.onlyTheirs {
		return nil, nil
	}
	dir := f.authority
	if dir == "" {
		var err error
		if dir, err = caDir(); err != nil {
			return nil, err
		}
	}
	return localca.Open(dir)
}
