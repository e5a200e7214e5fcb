// SPDX-License-Identifier: Apache-2.0

// Cachetests runs the public suite http-tests/cache-tests through Forelane.
//
//  1. The suite's origin server is started from its folder (-suite), with Node.
//  2. The edge is started on a template: examples/plain-proxy, where a cache
//     policy asks for RFC 9111, or cloudfront.yaml beside this file, which is
//     the same without that line.
//  3. The suite's runner asks the edge, in HTTP/1.1 and in HTTP/2 over TLS.
//  4. Totals are printed, and what fails; with -save FILE every outcome is
//     written there as Markdown.
//
// The suite is no part of the project: fetch it from GitHub and run npm install
// in it. Ids of tests stand in results, and nothing else of it.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

//go:embed run.mjs
var runner []byte

// A setup is one configuration of the edge with one protocol.
type setup struct{ name, template, proto string }

var setups = []setup{
	{"RFC 9111, HTTP/1.1", "examples/plain-proxy", "h1"},
	{"RFC 9111, HTTP/2 over TLS", "examples/plain-proxy", "h2"},
	{"CloudFront, HTTP/1.1", "bench/cachetests/cloudfront.yaml", "h1"},
	{"CloudFront, HTTP/2 over TLS", "bench/cachetests/cloudfront.yaml", "h2"},
}

func main() {
	suite := flag.String("suite", "", "folder of http-tests/cache-tests, with node_modules")
	binary := flag.String("forelane", "bin/forelane", "the binary to test")
	save := flag.String("save", "", "file for the outcomes, as Markdown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *suite, *binary, *save); err != nil {
		fmt.Fprintln(os.Stderr, "cachetests:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, suite, binary, save string) error {
	if suite == "" {
		return errors.New("-suite DIR: the folder of http-tests/cache-tests")
	}
	dir, err := os.MkdirTemp("", "cachetests")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what was started
	script := filepath.Join(dir, "run.mjs")
	if err := os.WriteFile(script, runner, 0o600); err != nil {
		return err
	}
	origin, err := startOrigin(ctx, suite, dir)
	if err != nil {
		return err
	}
	var all []result
	for _, s := range setups {
		r, err := try(ctx, s, suite, binary, origin, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.print(os.Stdout)
		all = append(all, r)
	}
	if save == "" {
		return nil
	}
	var b bytes.Buffer
	report(&b, all, time.Now())
	return os.WriteFile(save, b.Bytes(), 0o644)
}

// try runs the suite in one setup, with an edge of its own.
func try(ctx context.Context, s setup, suite, binary, origin, dir string) (result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	plain, tls, err := startEdge(ctx, binary, s.template, origin, dir)
	if err != nil {
		return result{}, err
	}
	base := "http://" + plain
	if s.proto == "h2" {
		base = "https://localhost" + tls[strings.LastIndexByte(tls, ':'):]
	}
	cmd := exec.CommandContext(ctx, "node", "--no-warnings", filepath.Join(dir, "run.mjs"), suite, base, s.proto)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+filepath.Join(dir, "home", "forelane", "forelane-ca.pem"))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("the suite's runner: %w\n%s", err, said.Bytes())
	}
	r := result{name: s.name}
	if err := json.Unmarshal(out, &r.rows); err != nil {
		return result{}, fmt.Errorf("the suite's runner: %w", err)
	}
	return r, nil
}

// startOrigin starts the suite's server on a port of its choice.
func startOrigin(ctx context.Context, suite, dir string) (url string, err error) {
	env := []string{"npm_config_protocol=http", "npm_config_port=0", "npm_config_pidfile=" + filepath.Join(dir, "origin.pid")}
	log, err := start(ctx, dir, "origin", suite, env, "node", "test-engine/server/server.mjs")
	if err != nil {
		return "", err
	}
	m, err := await(ctx, log, regexp.MustCompile(`Listening on http://\S+:(\d+)/`))
	if err != nil {
		return "", fmt.Errorf("the suite's origin: %w", err)
	}
	return "http://localhost:" + m[1], nil
}

func startEdge(ctx context.Context, binary, template, origin, dir string) (plain, tls string, err error) {
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", "", err
	}
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home}
	log, err := start(ctx, dir, "edge", "", env, binary, "up", template, "--stack", "cachetests", "--json", "--quiet",
		"--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--data", filepath.Join(dir, "data"), "--param", "Origin="+origin)
	if err != nil {
		return "", "", err
	}
	m, err := await(ctx, log, regexp.MustCompile(`(?m)^.*"event":"ready".*"http":"([^"]+)","https":"([^"]+)".*$`))
	if err != nil {
		return "", "", fmt.Errorf("the edge: %w", err)
	}
	return m[1], m[2], nil
}

// start runs a program in the background until ctx ends; what it says goes to
// a file, whose name is returned.
func start(ctx context.Context, dir, name, cwd string, env []string, args ...string) (log string, err error) {
	f, err := os.CreateTemp(dir, name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	program := args[0]
	if strings.Contains(program, "/") {
		if program, err = filepath.Abs(program); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = cwd, append(os.Environ(), env...), f, f
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		return "", err
	}
	go func() { _ = cmd.Wait() }()
	return f.Name(), nil
}

// await reads a log until it says what is waited for.
func await(ctx context.Context, log string, what *regexp.Regexp) ([]string, error) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		said, err := os.ReadFile(log)
		if err != nil {
			return nil, err
		}
		if m := what.FindStringSubmatch(string(said)); m != nil {
			return m, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, fmt.Errorf("did not say that it is ready:\n%s", said)
		}
	}
}
