// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPrivateAPIExample runs the example in two network namespaces and looks
// from the edge's side at every port of the API's.
func TestPrivateAPIExample(t *testing.T) {
	prefix := fmt.Sprintf("flt%d", os.Getpid())
	script := func(arg string) error {
		cmd := exec.Command("../../examples/private-api/network.sh", arg)
		cmd.Env = append(os.Environ(), "PREFIX="+prefix)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	}
	err := script("up")
	down := script("down")
	if err != nil {
		t.Logf("NO NETWORK NAMESPACES CAN BE MADE HERE (%v): what the example shows is tested on loopback only, by TestA23PrivateAPIOnLoopback; "+
			"that nothing else gets in is not", err)
		return
	}
	if down != nil {
		t.Fatal(down)
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = script("down") }) // the example does it itself
	dir := t.TempDir()
	p := &proc{t: t, home: t.TempDir(), dir: filepath.Dir(bin)}
	env := append(p.env(), "PREFIX="+prefix)
	local := strings.NewReplacer("forelane-edge", prefix+"-edge", "forelane-api", prefix+"-api", "/tmp/private-api", dir)
	remote := strings.NewReplacer(prefix+"-edge", "forelane-edge", prefix+"-api", "forelane-api", dir, "/tmp/private-api")

	// The last two blocks take the agent back and the namespaces down: what
	// answers is looked at before.
	readme := "../../examples/private-api/README.md"
	all := consoles(t, readme)
	i := slices.IndexFunc(all, func(c console) bool { return strings.Contains(c.command, "tunnel revoke") })
	if i < 0 {
		t.Fatal("the README revokes nobody")
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, name := range []string{"api.log", "edge.log", "agent.log"} {
				b, _ := os.ReadFile(filepath.Join(dir, name))
				t.Logf("%s:\n%s", name, b)
			}
		}
	})
	followBlocks(t, readme, all[:i], env, local, remote)
	if t.Failed() {
		return
	}
	const edge, api = "192.0.2.1", "192.0.2.2"
	// A port may seem open because the look has connected to itself.
	if open, answers := scan(t, prefix+"-edge", edge); !slices.Contains(open, 7000) || answers != 65535 {
		t.Fatalf("the look itself is at fault: at the edge it finds %v open, and %d ports that answer", open, answers)
	}
	if open, _ := scan(t, prefix+"-api", "127.0.0.1"); !slices.Contains(open, 8081) {
		t.Fatalf("in the API's namespace only %v are open", open)
	}
	if open, answers := scan(t, prefix+"-edge", api); len(open) > 0 || answers > 0 {
		t.Errorf("from the edge's side %v are open, and %d ports answer", open, answers)
	}
	followBlocks(t, readme, all[i:], env, local, remote)
}

// look connects to every TCP port of an address from within a namespace. It
// gives those that are open, and how many answered at all, be it by a refusal.
func scan(t *testing.T, namespace, address string) (open []int, answers int) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- err
			return
		}
		fd, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
		}
		const batch = 500
		for first := 1; err == nil && first <= 65535; first += batch {
			var some []int
			var n int
			some, n, err = lookAt(address, first, min(first+batch, 65536))
			open, answers = append(open, some...), answers+n
		}
		done <- errors.Join(err, unix.Setns(home, unix.CLONE_NEWNET), unix.Close(home))
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return open, answers
}

func lookAt(address string, from, to int) (open []int, answers int, err error) {
	var ip [4]byte
	if _, err := fmt.Sscanf(address, "%d.%d.%d.%d", &ip[0], &ip[1], &ip[2], &ip[3]); err != nil {
		return nil, 0, err
	}
	var fds []unix.PollFd
	defer func() {
		for _, f := range fds {
			_ = unix.Close(int(f.Fd)) // nothing was written
		}
	}()
	for port := from; port < to; port++ {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, 0, err
		}
		fds = append(fds, unix.PollFd{Fd: int32(s), Events: unix.POLLOUT})
		_ = unix.Connect(s, &unix.SockaddrInet4{Port: port, Addr: ip}) // poll tells
	}
	waiting := slices.Clone(fds)
	for n := len(fds); n > 0; {
		ready, err := unix.Poll(waiting, 40) // of one machine: an answer takes microseconds
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if ready == 0 {
			break
		}
		for i := range waiting {
			if waiting[i].Revents == 0 {
				continue
			}
			n--
			answers++
			if code, err := unix.GetsockoptInt(int(fds[i].Fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code == 0 {
				open = append(open, from+i)
			}
			waiting[i].Fd, waiting[i].Revents = -1, 0
		}
	}
	return open, answers, nil
}
