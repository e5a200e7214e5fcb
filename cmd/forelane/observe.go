// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/server"
)

// observeFlags are the flags of what an operator looks after: logs, traces,
// stopping, certificates by ACME. The zero value is that of
// their defaults.
type observeFlags struct {
	format, fields string
	rotateSize     string
	rotateEvery    time.Duration
	rotateKeep     int
	rotateGzip     bool
	files          string
	kinesis        string
	recordPlace    bool // the access log asks where viewers are; set by open

	trace        string
	traceHeaders []string
	traceRatio   float64
	traceIgnore  bool

	drainDelay time.Duration

	acmeEmail, acmeDirectory string

	reopen func() // the access log of the edge; set by open
}

func (f *observeFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.format, "access-log-format", "standard", "form of the access log: standard (CloudFront's version 1), json, plain, w3c or raw (version 2), tags (JSON with everything that is known)")
	fl.StringVar(&f.fields, "access-log-fields", "", "fields of a version 2 log, `NAME,…` (default: the 33 of version 1)")
	fl.StringVar(&f.rotateSize, "log-rotate-size", "", "size, such as 100MiB, at which an access log, of edge or API, makes room for a new file (default: any)")
	fl.DurationVar(&f.rotateEvery, "log-rotate-every", 0, "age at which it does, such as 24h, from midnight UTC on (default: any)")
	fl.IntVar(&f.rotateKeep, "log-keep", 0, "how many rotated files are kept (default: all)")
	fl.BoolVar(&f.rotateGzip, "log-gzip", false, "compress rotated files")
	fl.StringVar(&f.files, "access-log-files", "", "`DIR` for log files as CloudFront delivers them: compressed, one a distribution and hour, named PREFIX ID.YYYY-MM-DD-HH.UNIQUE.gz")
	fl.StringVar(&f.kinesis, "kinesis", "", "`URL` of Kinesis, such as https://kinesis.us-east-1.amazonaws.com, to which real-time logs are sent, signed by --origin-credentials, besides the files in realtime below --data (default: not sent)")
	fl.StringVar(&f.trace, "trace", "", "`URL` of an OTLP/HTTP collector for traces, such as http://localhost:4318 (default: none)")
	fl.StringArrayVar(&f.traceHeaders, "trace-header", nil, "header for the collector, `Name=Value`; may be repeated")
	fl.Float64Var(&f.traceRatio, "trace-ratio", 1, "which part of the requests is traced, 0 to 1, when their viewer has not decided")
	fl.BoolVar(&f.traceIgnore, "trace-ignore-viewers", false, "start a trace of its own for each request, whatever its viewer says of one")
	fl.StringVar(&f.acmeEmail, "acme", "", "get certificates for the public names of distributions and custom domains by ACME; `EMAIL` is for the authority, to whose terms you agree by it (default: none)")
	fl.StringVar(&f.acmeDirectory, "acme-directory", "", "`URL` of the authority's directory (default: Let's Encrypt's)")
	fl.DurationVar(&f.drainDelay, "drain-delay", 0, "when stopping, how long to go on serving while /readyz says 503, so that a load balancer sends nothing more")
}

// options writes what the flags say into a node's options.
func (f *observeFlags) options(o *server.Options) error {
	r, err := f.rotation()
	if err != nil {
		return err
	}
	o.Rotation, o.DrainDelay, o.Version = r, f.drainDelay, version
	if f.traceRatio < 0 || f.traceRatio > 1 {
		return fmt.Errorf("--trace-ratio %v: it is between 0 and 1", f.traceRatio)
	}
	headers, err := pairs("trace-header", f.traceHeaders)
	if err != nil {
		return errors.New("--trace-header: write it as Name=Value") // the value may be a secret
	}
	if u, err := url.Parse(f.trace); f.trace != "" && (err != nil || u.Host == "") {
		return fmt.Errorf("--trace %s: write it as http://localhost:4318", f.trace)
	}
	if u, err := url.Parse(f.acmeDirectory); f.acmeDirectory != "" && (err != nil || u.Scheme != "https" || u.Host == "" || f.acmeEmail == "") {
		return fmt.Errorf("--acme-directory %s: an https URL, beside --acme EMAIL", f.acmeDirectory)
	}
	if f.acmeEmail != "" && !strings.Contains(f.acmeEmail, "@") {
		return fmt.Errorf("--acme %s: the address that the authority writes to", f.acmeEmail)
	}
	if f.kinesis != "" {
		if u, err := url.Parse(f.kinesis); err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || o.OriginSigner == nil {
			return fmt.Errorf("--kinesis %s: write it as https://kinesis.us-east-1.amazonaws.com, beside --origin-credentials", f.kinesis)
		}
		o.Kinesis = server.Kinesis{Endpoint: f.kinesis, Credentials: o.OriginSigner.Credentials}
	}
	o.ACME = server.ACMEOptions{Email: f.acmeEmail, Directory: f.acmeDirectory}
	o.Trace = server.TraceOptions{Endpoint: f.trace, Headers: headers, Ratio: f.traceRatio, Ignore: f.traceIgnore}
	return nil
}

func (f *observeFlags) rotation() (r record.Rotation, err error) {
	if f.rotateSize != "" {
		if r.MaxBytes, err = size(f.rotateSize); err != nil {
			return r, fmt.Errorf("--log-rotate-size: %w", err)
		}
	}
	r.Every, r.Keep, r.Gzip = f.rotateEvery, f.rotateKeep, f.rotateGzip
	if r.Every < 0 || r.Keep < 0 {
		return r, errors.New("--log-rotate-every, --log-keep: not below 0")
	}
	return r, nil
}

// edgeLog is the access log of the edge, in the places that it goes to.
type edgeLog struct {
	lines    *record.Writer
	file     *record.File     // of lines; nil: stdout
	delivery *record.Delivery // nil: none
}

// openLog opens --access-log and --access-log-files.
func (f *observeFlags) openLog(name, data string, now *loaded, out *output) (*edgeLog, error) {
	format := f.format
	if format == "" {
		format = "standard"
	}
	layout, err := record.NewLayout(format, strings.FieldsFunc(f.fields, func(r rune) bool { return r == ',' || r == ' ' }), false)
	if err != nil {
		return nil, wrong(fmt.Errorf("--access-log-format, --access-log-fields: %w", err))
	}
	l := &edgeLog{}
	f.recordPlace = layout.NeedsPlace()
	if f.files != "" {
		l.delivery = record.NewDelivery(f.files, now.logging)
	}
	if name == "-" {
		l.lines = record.NewWriter(out.stdout, record.WriterOptions{Layout: layout})
		return l, nil
	}
	if name == "" {
		name = filepath.Join(data, "access.log")
	}
	r, err := f.rotation()
	if err != nil {
		return nil, wrong(err)
	}
	l.file = record.NewFile(name, layout.Head(), r)
	if err := l.file.Open(); err != nil {
		return nil, err
	}
	f.reopen = l.file.Reopen
	l.lines = record.NewWriter(l.file, record.WriterOptions{Layout: layout, NoHead: true})
	return l, nil
}

// logging is what a distribution's Logging says, when the node began.
func (l *loaded) logging(id string) (prefix string, cookies bool) {
	for _, st := range l.stacks() {
		for _, d := range st.Distributions {
			if d.ID == id && d.Logging != nil {
				return d.Logging.Prefix, d.Logging.IncludeCookies
			}
		}
	}
	return "", false
}

func (l *edgeLog) write(r *record.Record) {
	l.lines.Write(r)
	if l.delivery != nil {
		l.delivery.Write(r)
	}
}

// dropped is how many lines were lost.
func (l *edgeLog) dropped() int64 {
	n := l.lines.Dropped()
	if l.delivery != nil {
		n += l.delivery.Dropped()
	}
	return n
}

func (l *edgeLog) close() error {
	errs := []error{l.lines.Close()}
	if l.file != nil {
		errs = append(errs, l.file.Close())
	}
	if l.delivery != nil {
		errs = append(errs, l.delivery.Close())
	}
	return errors.Join(errs...)
}

// onHangup opens log files anew when SIGHUP comes, until stop is called: who
// moves them away says so by it.
func (f *observeFlags) onHangup(ctx context.Context, srv *server.Server) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hangups:
				if f.reopen != nil {
					f.reopen()
				}
				srv.ReopenLogs()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		<-done
	}
}

// drained is --drain with what --drain-delay takes of it before.
func (f *observeFlags) drained(drain time.Duration) time.Duration { return drain + f.drainDelay }
