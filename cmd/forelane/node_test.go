// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/server"
)

// binary is the program under test, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "forelane-test-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "forelane")
	cmd := exec.Command("go", "build", "-o", name, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return name, nil
})

// proc is a running `forelane up`.
type proc struct {
	t      *testing.T
	cmd    *exec.Cmd
	ready  server.Ready
	events chan map[string]any
	stderr bytes.Buffer
	home   string
	dir    string // of the binary
	client *http.Client
	once   sync.Once // of stop
}

// start runs the binary with --json and waits until it is ready.
func start(t *testing.T, args ...string) *proc {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return startIn(t, bin, t.TempDir(), args...)
}

// startIn is start with a binary and a home of the caller's.
func startIn(t *testing.T, bin, home string, args ...string) *proc {
	t.Helper()
	return startBy(t, bin, home, (*exec.Cmd).Start, args...)
}

// startBy is startIn by another way to start a program.
func startBy(t *testing.T, bin, home string, run func(*exec.Cmd) error, args ...string) *proc {
	t.Helper()
	args = append(args, "--json")
	for _, listener := range []string{"--http", "--https", "--admin"} {
		if !slices.Contains(args, listener) {
			args = append(args, listener, "127.0.0.1:0")
		}
	}
	return launchBy(t, bin, home, run, args...)
}

// launch runs the binary with exactly these arguments, of which --json is one.
func launch(t *testing.T, bin, home string, args ...string) *proc {
	t.Helper()
	return launchBy(t, bin, home, (*exec.Cmd).Start, args...)
}

func launchBy(t *testing.T, bin, home string, run func(*exec.Cmd) error, args ...string) *proc {
	t.Helper()
	p := &proc{t: t, events: make(chan map[string]any, 100), home: home, dir: filepath.Dir(bin)}
	p.cmd = exec.Command(bin, args...)
	p.cmd.Env = p.env()
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run(p.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		_ = p.cmd.Wait()
		t.Fatalf("not ready: %s", p.stderr.String())
	}
	if err := json.Unmarshal(lines.Bytes(), &p.ready); err != nil || p.ready.Event != "ready" {
		t.Fatalf("first line is no ready event: %v: %s", err, lines.Bytes())
	}
	go func() {
		defer close(p.events)
		for lines.Scan() {
			var m map[string]any
			if json.Unmarshal(lines.Bytes(), &m) == nil {
				p.events <- m
			}
		}
	}()
	p.client = &http.Client{
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 512, DisableCompression: true,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, p.ready.HTTP)
			},
		},
	}
	return p
}

// env is the caller's environment with a home of the test's own, so that the
// authority, state files and build caches are nobody else's; Go's caches stay.
func (p *proc) env() []string {
	env := append(os.Environ(), "HOME="+p.home, "XDG_CONFIG_HOME="+p.home, "XDG_CACHE_HOME="+p.home, "PATH="+p.dir+":"+os.Getenv("PATH"))
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			p.t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

// stop ends the process as Ctrl-C does; it must end by itself and well.
func (p *proc) stop() { p.once.Do(p.end) }

func (p *proc) end() {
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			p.t.Errorf("ended with %v: %s", err, p.stderr.String())
		}
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		p.t.Errorf("did not end: %s", p.stderr.String())
	}
}

// answer is one answer, read whole.
type answer struct {
	*http.Response
	body string
}

// do sends one request to the node; host is the Host, fields are "Name: value".
func (p *proc) do(method, host, target, body string, fields ...string) answer {
	p.t.Helper()
	a, err := p.try(method, host, target, body, fields...)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *proc) try(method, host, target, body string, fields ...string) (answer, error) {
	rq, err := http.NewRequest(method, "http://"+host+target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		rq.Header.Set(k, v)
	}
	rs, err := p.client.Do(rq)
	if err != nil {
		return answer{}, err
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	return answer{rs, string(b)}, err
}

// write makes a folder of files and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stack")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// command runs the binary to its end.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// stopOnce ends the process now; the cleanup then finds it ended.
func (p *proc) stopOnce(t *testing.T) {
	t.Helper()
	p.client.CloseIdleConnections()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	for range p.events { // until the process closes its output
	}
}

// await reads events until one is called name.
func (p *proc) await(t *testing.T, name string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case ev, ok := <-p.events:
			if !ok {
				t.Fatalf("the process ended: %s", p.stderr.String())
			}
			if ev["event"] == name {
				return
			}
		case <-timeout:
			t.Fatalf("no event %s: %s", name, p.stderr.String())
		}
	}
}

// shell runs a command line with the test's home and binary.
func (p *proc) shell(line string) (string, error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = p.env()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// originServer is an origin on loopback.
func originServer(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + ln.Addr().String()
}
