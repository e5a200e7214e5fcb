// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// parentEnv makes the test binary a parent that waits to be killed.
const parentEnv = "FORELANE_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		l := NewLauncher()
		p, err := l.Start(Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}})
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(p.Pid())
		<-p.Exited()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestEndWithTheParent: even when nobody has the time to clean up.
func TestEndWithTheParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	dies(pid)
}

// dies waits until a process that was sent SIGKILL is dead; the test's own
// time limit ends it.
func dies(pid int) {
	for running(pid) {
		runtime.Gosched()
	}
}

// lines collects output; every line also goes to the channel.
type lines struct {
	mu  sync.Mutex
	all []string
	ch  chan string
}

func (l *lines) add(b []byte) {
	l.mu.Lock()
	l.all = append(l.all, string(b))
	l.mu.Unlock()
	l.ch <- string(b)
}

func sh(t *testing.T, l *Launcher, script string, channel bool) (*Process, *lines) {
	t.Helper()
	out := &lines{ch: make(chan string, 1000)}
	p, err := l.Start(Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"A=b"}, Dir: t.TempDir(), Channel: channel, Output: out.add})
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

func TestProcess(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	tests := []struct {
		name, script, reason string
		lines                []string
	}{
		{"ends well", "echo a; echo b >&2; printf 'c\\r\\nno end'", "", []string{"a", "b", "c", "no end"}},
		{"ends ill", "exit 3", "exit status 3", nil},
		{"is killed", "kill -9 $$", "signal: killed", nil},
		{"knows its environment", "echo $A $HOME $USER", "", []string{"b"}},
		{"long line", "head -c 300000 /dev/zero | tr '\\0' x", "", []string{strings.Repeat("x", maxLine), strings.Repeat("x", 300000-maxLine)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, out := sh(t, l, test.script, false)
			<-p.Exited()
			total := strings.Join(out.all, "\n")
			if p.Reason() != test.reason || (!slices.Equal(out.all, test.lines) && test.name != "long line") {
				t.Errorf("got %q, %.100q", p.Reason(), out.all)
			}
			if test.name == "long line" && len(strings.ReplaceAll(total, "\n", "")) != 300000 {
				t.Errorf("%d bytes", len(total))
			}
			p.Kill() // of a dead one: nothing happens
			p.Drain()
		})
	}
}

func TestKillTakesTheGroup(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	p, out := sh(t, l, "sleep 60 & echo $!; wait", false)
	child, err := strconv.Atoi(<-out.ch)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	<-p.Exited()
	if p.Reason() != "signal: killed" {
		t.Error(p.Reason())
	}
	dies(child)
}

func TestChildrenDieWithTheLeader(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	p, out := sh(t, l, "sleep 60 & echo $!", false)
	child, err := strconv.Atoi(<-out.ch)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Exited()
	dies(child)
}

// running: a zombie that nobody has reaped yet does not run.
func running(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestEndWithTheLauncher(t *testing.T) {
	l := NewLauncher()
	p, out := sh(t, l, "echo up; sleep 60", false)
	<-out.ch
	l.Close()
	<-p.Exited()
	if p.Reason() != "signal: killed" {
		t.Errorf("got %q", p.Reason())
	}
	if _, err := l.Start(Spec{Path: "/bin/true", Args: []string{"true"}}); err != ErrClosed {
		t.Errorf("got %v", err)
	}
}

func TestDrain(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	p, out := sh(t, l, "printf 'a\\nb'; printf x >&3; read _ <&3", true)
	if _, err := io.ReadFull(p.Channel, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Drain() // what was written before the x is there now
	out.mu.Lock()
	if !slices.Equal(out.all, []string{"a", "b"}) {
		t.Errorf("got %q", out.all)
	}
	out.mu.Unlock()
	if m := p.Memory(); m.Peak <= 0 || m.Held <= 0 || m.Held > m.Peak {
		t.Errorf("memory %+v", m)
	}
	p.Channel.Close()
	<-p.Exited()
	if m := p.Memory(); m != (Memory{}) {
		t.Errorf("memory of the dead %+v", m)
	}
}

func TestStartFails(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	before, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := l.Start(Spec{Path: "/not/there", Args: []string{"x"}, Channel: true}); err == nil {
			t.Fatal("started")
		}
	}
	after, err := os.ReadDir("/proc/self/fd")
	if err != nil || len(after) > len(before)+2 {
		t.Errorf("%d descriptors, before %d, %v", len(after), len(before), err)
	}
}
