// SPDX-License-Identifier: Apache-2.0

package tunlink

import (
	"context"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Do runs f on a thread in the namespace: sockets that it makes itself, not in
// other goroutines, are of the namespace, and stay so.
func (nd *Node) Do(f func() error) error { return within(nd.ns, f) }

// Start starts a program in the namespace.
func (nd *Node) Start(cmd *exec.Cmd) error { return nd.Do(cmd.Start) }

// Dial connects from the namespace to an address, not a name.
func (nd *Node) Dial(ctx context.Context, network, addr string) (c net.Conn, err error) {
	err = nd.Do(func() (err error) {
		c, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, addr)
		return err
	})
	return c, err
}

// againEnv marks the process that Again has started.
const againEnv = "FORELANE_TUNLINK_AGAIN"

// Again runs the test that calls it once more, in a user namespace in which it
// is root, and tells whether that was possible; the result is then that of the
// test. It is for those who may not make a network namespace themselves.
func Again(t *testing.T) bool {
	t.Helper()
	if os.Getenv(againEnv) != "" {
		return false
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), againEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Logf("no user namespace: %v", err)
		return false
	}
	t.Logf("in a user namespace:\n%s", out)
	if err != nil {
		t.Error(err)
	}
	return true
}
