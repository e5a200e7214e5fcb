// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals: the first SIGTERM lets a request finish, the second one does not.
func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		second bool
	}{{"a request under way is finished", false}, {"the second signal cuts it", true}} {
		t.Run(tt.name, func(t *testing.T) {
			half, hold := make(chan struct{}), make(chan struct{})
			origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte("one "))
				_ = http.NewResponseController(w).Flush()
				close(half)
				select {
				case <-hold:
				case <-r.Context().Done():
				}
				_, _ = w.Write([]byte("two"))
			})
			p := start(t, "proxy", origin, "--drain", "60s")
			type result struct {
				a   answer
				err error
			}
			got := make(chan result, 1)
			go func() {
				a, err := p.try("GET", "h", "/", "")
				got <- result{a, err}
			}()
			<-half
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
			p.await(t, "stopping")
			for { // the listener closes when what is queued has been accepted
				c, err := net.Dial("tcp", p.ready.HTTP)
				if err != nil {
					break
				}
				_ = c.Close()
			}
			begin := time.Now()
			if tt.second {
				_ = p.cmd.Process.Signal(syscall.SIGTERM)
			} else {
				close(hold)
			}
			r := <-got
			if tt.second {
				if r.err == nil {
					t.Errorf("the answer is whole: %q", r.a.body)
				}
			} else if r.err != nil || r.a.body != "one two" {
				t.Errorf("%v %q", r.err, r.a.body)
			}
			for range p.events {
			}
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// TestReplaceThatFails: a successor whose template is wrong changes nothing.
func TestReplaceThatFails(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	data := t.TempDir()
	p := start(t, "proxy", origin, "--data", data)
	bad := write(t, map[string]string{"template.yaml": "Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Nope}}}"})
	for _, tt := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"up", bad, "--data", data, "--replace"}, "Nope", 2},
		{[]string{"proxy", origin, "--replace"}, "--replace needs --data", 2},
		{[]string{"proxy", origin, "--data", t.TempDir(), "--http", p.ready.HTTP, "--https", "", "--admin", ""}, "replaced by --replace", 1},
		{[]string{"proxy", origin, "--data", data, "--replace", "--http", "127.0.0.1:0", "--https", "", "--admin", "256.0.0.1:1"}, "admin", 1},
	} {
		if _, errs, code := command(t, tt.args...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit code %d, %s", tt.args, code, errs)
		}
		if a := p.do("GET", "h", "/a", ""); a.body != "/a" {
			t.Errorf("after %v: %d %s", tt.args, a.StatusCode, a.body)
		}
	}
	q := startIn(t, p.cmd.Path, p.home, "proxy", origin, "--data", data, "--replace")
	p.await(t, "replaced")
	if a := q.do("GET", "h", "/b", ""); a.body != "/b" || q.ready.HTTP != p.ready.HTTP {
		t.Errorf("%d %s at %s, was %s", a.StatusCode, a.body, q.ready.HTTP, p.ready.HTTP)
	}
}

// TestReplaceNobody starts as if --replace were not there.
func TestReplaceNobody(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	p := start(t, "proxy", origin, "--data", t.TempDir(), "--replace")
	if a := p.do("GET", "h", "/a", ""); a.body != "/a" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// TestAccessLogOfTwo: both processes write whole lines to one file, whose head
// stands there once.
func TestAccessLogOfTwo(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	data := t.TempDir()
	args := []string{"proxy", origin, "--data", data}
	p := start(t, args...)
	for n := range 5 {
		p.do("GET", "h", fmt.Sprintf("/%d", n), "")
	}
	q := startIn(t, p.cmd.Path, p.home, append(args, "--replace")...)
	for n := range 5 {
		q.do("GET", "h", fmt.Sprintf("/%d", n), "")
	}
	p.client.CloseIdleConnections()
	for range p.events {
	}
	q.stopOnce(t)
	b, err := os.ReadFile(filepath.Join(data, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	rows := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	heads := 0
	for _, row := range rows {
		if row[0] == '#' {
			heads++
		} else if n := bytes.Count(row, []byte("\t")) + 1; n != 33 {
			t.Errorf("%d fields: %s", n, row)
		}
	}
	if heads != 2 || len(rows) != 12 {
		t.Errorf("%d heads in %d rows", heads, len(rows))
	}
}

// TestSocketActivation: the sockets of a service manager are used, and what
// connected before the start is answered.
func TestSocketActivation(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	early, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, bin, "proxy", origin, "--https", "", "--admin", "", "--json")
	cmd.ExtraFiles = []*os.File{file}
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=http", "XDG_CACHE_HOME="+t.TempDir())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = early.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(early, "GET /early HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(early); err != nil || !strings.HasSuffix(answer.String(), "/early") {
		t.Errorf("%v %s", err, answer.String())
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, errs.String())
	}
	// The manager's socket outlives the process: a viewer waits and is not refused.
	next, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatalf("refused after the process has left: %v", err)
	}
	_ = next.Close()
}

// TestReusePort: two nodes share an address, and each answers.
func TestReusePort(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	p := start(t, "proxy", origin, "--data", t.TempDir(), "--reuse-port")
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	q := exec.Command(bin, "proxy", origin, "--data", t.TempDir(), "--reuse-port", "--http", p.ready.HTTP, "--https", "", "--admin", "", "--json", "--access-log", "-")
	q.Env = p.env()
	out, err := q.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	said := ""
	for !strings.Contains(said, "/shared") { // until the second one has had a request
		if strings.Contains(said, `"event":"ready"`) {
			for range 20 {
				p.do("GET", "h", "/shared", "", "Connection: close")
			}
		}
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, said)
		}
		said += string(buf[:n])
	}
	_ = q.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, out) // until it has left
	if err := q.Wait(); err != nil {
		t.Error(err)
	}
}
