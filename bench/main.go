// SPDX-License-Identifier: Apache-2.0

// Command bench measures Forelane side by side with nginx, HAProxy, Varnish and
// Traffic Server on this machine, unattended.
//
//  1. It writes one configuration a server for an equal job: a cache before one
//     local origin, access log and metrics on, one thread where the server
//     has that choice.
//  2. It starts all of them pinned to core 0, and the origin and the load on
//     core 1; checks that each answers from its cache; and warms it.
//  3. It runs every case against every server, one after the other, for some
//     rounds, and prints the medians.
//  4. It ends all that it started.
//
// The figure to compare is CPU µs a request: user and system time of the
// server's whole process tree as /proc tells it, divided by the answers that
// the load generator got. It stays true when the load generator is what limits
// requests/s. A case that a server cannot do is shown as "-".
//
// It does not measure a network, and it is no load test: both cores are of one
// machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	binary   string
	template string
	seconds  int
	rounds   int
	quick    bool
	only     string // peers
	cases    string
	save     bool
	note     string
	perf     string
	keep     bool
	shield   bool
}

func parse() options {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/forelane", "the Forelane to measure")
	flag.StringVar(&o.template, "template", "bench/template.yaml", "the template it runs")
	flag.IntVar(&o.seconds, "seconds", 3, "seconds a case and round")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the median is shown")
	flag.BoolVar(&o.quick, "quick", false, "one second a case and round")
	flag.StringVar(&o.only, "peers", "", "comma-separated servers to run (default: all)")
	flag.StringVar(&o.cases, "cases", "", "comma-separated beginnings of case names to run (default: all)")
	flag.BoolVar(&o.save, "save", false, "write bench/results/DATE-CPUNAME.md (DATE-shield-CPUNAME.md)")
	flag.StringVar(&o.note, "note", "", "a sentence for the saved result")
	flag.StringVar(&o.perf, "perf", "", "record each case with perf into this folder (needs a binary with symbols)")
	flag.BoolVar(&o.keep, "keep", false, "leave configurations and logs for a look")
	flag.BoolVar(&o.shield, "shield", false, "measure web ACLs instead (bench/shield.yaml), beside nginx with libmodsecurity")
	flag.Parse()
	if o.quick {
		o.seconds = 1
	}
	o.rounds = max(o.rounds, 1)
	return o
}

// subject begins the name of a result that is not of the whole edge.
func (o *options) subject() string {
	if o.shield {
		return "shield-"
	}
	return ""
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, parse())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what one run shares.
type bench struct {
	options
	dir    string // of configurations, caches and logs
	origin *origin
	cert   string // certificate, PEM
	key    string
	both   string // certificate and key in one file
	peers  []*peer
	procs  []*exec.Cmd // all that was started, to be ended
}

func run(ctx context.Context, o options) (err error) {
	b := &bench{options: o}
	// Everything in this process, the origin and the clients, is on core 1.
	if out, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", loadCore, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s (two cores are needed)", err, out)
	}
	if b.dir, err = os.MkdirTemp("", "forelane-bench-"); err != nil {
		return err
	}
	defer func() {
		if o.keep {
			fmt.Fprintln(os.Stderr, "left:", b.dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(b.dir))
	}()
	defer b.stop()
	if b.origin, err = newOrigin(); err != nil {
		return err
	}
	defer b.origin.close()
	if err := b.writeCertificate(); err != nil {
		return err
	}
	before := machine()
	if err := b.startPeers(ctx); err != nil {
		return err
	}
	cases := b.selected()
	t := newTable(b.peers, cases)
	for round := range o.rounds {
		for _, c := range cases {
			for _, p := range b.peers {
				s, err := b.measure(ctx, p, c, round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s, %s: %v\n", c.name, p.name, err)
				}
				t.add(p, c, s, err)
			}
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, c.name)
		}
	}
	text := t.text(b, before, machine())
	fmt.Print(text)
	if !o.save {
		return nil
	}
	name := filepath.Join("bench", "results", time.Now().Format(time.DateOnly)+"-"+o.subject()+slug(before.cpu)+".md")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// selected are the cases of -cases.
func (b *bench) selected() []*benchCase {
	all := b.allCases()
	if b.cases == "" {
		return all
	}
	var out []*benchCase
	for _, c := range all {
		for want := range strings.SplitSeq(b.cases, ",") {
			if strings.HasPrefix(c.name, want) {
				out = append(out, c)
				break
			}
		}
	}
	return out
}
