// SPDX-License-Identifier: Apache-2.0

// Package process starts the processes that functions run in and ends them.
//
// The flow: (1) a Launcher keeps one OS thread for starting; (2) Start makes
// the pipes, starts the program as leader of a process group of its own and
// returns; (3) every line that the program writes goes to Spec.Output; (4) when
// the program ends, whatever is left of its group is killed and Exited closes.
//
// Why a thread of its own: the kernel sends the parent-death signal when the
// thread that forked ends, not the process. A thread that lives exactly as
// long as the Launcher makes the signal mean what it says.
//
// What it does not do: it knows nothing of invocations or of the Runtime API,
// and it puts no process into a namespace: a function sees the machine as its
// user does.
//
// Concurrency: every method may be called from any goroutine.
package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Spec says what to run.
type Spec struct {
	Path string   // absolute
	Args []string // argv, the name of the program included
	Env  []string // the whole environment
	Dir  string   // working directory
	// Channel asks for a socket to the program: its file descriptor 3.
	Channel bool
	// Output gets every line of stdout and stderr, without its end, in the
	// order written. It runs on a goroutine of the process and must not keep
	// the bytes. nil: the output is dropped.
	Output func(line []byte)
}

// Process is a program that was started.
type Process struct {
	// Channel is this side of the socket; nil unless asked for. The owner
	// closes it.
	Channel *os.File

	pid    int
	out    *output
	exited chan struct{}
	state  *os.ProcessState // set before exited closes
}

// Pid is the process id, which is the id of the group as well.
func (p *Process) Pid() int { return p.pid }

// Exited is closed once the program has ended, its group was killed and all
// its output was handed over.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Reason says how the program ended ("exit status 1", "signal: killed");
// empty when it ended by itself with status 0. Valid after Exited.
func (p *Process) Reason() string {
	if p.state == nil || p.state.Success() {
		return ""
	}
	return p.state.String()
}

// Kill sends SIGKILL to the whole group. It may be called again and after the
// end.
func (p *Process) Kill() {
	select {
	case <-p.exited: // the id may belong to somebody else by now
	default:
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// Drain hands over the output that is in the pipe already, an unfinished line
// included. What the program wrote before it answered is there by then.
func (p *Process) Drain() { p.out.drain() }

// start must run on a thread that lives as long as the program may.
func start(s Spec) (*Process, *os.Process, error) {
	in, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, fmt.Errorf("process: %w", err)
	}
	defer in.Close()
	out, w, err := newOutput(s.Output)
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	files := []*os.File{in, w, w}
	p := &Process{out: out, exited: make(chan struct{})}
	if s.Channel {
		ours, theirs, err := socketPair()
		if err != nil {
			out.close()
			return nil, nil, err
		}
		defer theirs.Close()
		p.Channel = ours
		files = append(files, theirs)
	}
	osp, err := os.StartProcess(s.Path, s.Args, &os.ProcAttr{
		Dir:   s.Dir,
		Env:   s.Env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		out.close()
		if p.Channel != nil {
			p.Channel.Close()
		}
		return nil, nil, fmt.Errorf("process: %w", err)
	}
	p.pid = osp.Pid
	return p, osp, nil
}

// wait reaps the program. The group is killed while the leader is still a
// zombie, because until it is reaped nobody else can get its id.
func (p *Process) wait(osp *os.Process) {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	p.state, _ = osp.Wait()
	p.out.finish()
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("process: socket pair: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("process: socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel of the function"), nil
}
