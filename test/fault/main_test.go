// SPDX-License-Identifier: Apache-2.0

// Package fault is a test of several nodes under faults: three processes of the
// binary, each in a network namespace of its own, are killed, stopped and cut off while
// viewers read, paths are invalidated and revisions are deployed. What everybody
// saw is a history, and check says what must not be in it.
//
//	go test ./test/fault                             a few rounds
//	go test -tags soak -timeout 60m ./test/fault     fifty
//	go test -tags endless_tenure ./test/fault        with a planted bug that must be found
//
// The test runs itself once more, as the arena: inside namespaces where it may
// make networks. It needs ip and nsenter.
package fault

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// How the test tells the arena what it is to be.
const (
	binaryVar = "FORELANE_FAULT_BINARY"
	roundsVar = "FORELANE_FAULT_ROUNDS"
)

func TestFaults(t *testing.T) {
	if os.Getenv(binaryVar) != "" {
		arenaRounds(t)
		return
	}
	binary := filepath.Join(t.TempDir(), "forelane")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-o", binary, "../../cmd/forelane").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd, out, err := arena(t, binary, true)
	if (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC)) && os.Getuid() == 0 {
		cmd, out, err = arena(t, binary, false)
	}
	if err != nil {
		t.Fatalf("no network namespaces (user namespaces must be allowed, or the test run by root): %v", err)
	}
	stale := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		t.Log(lines.Text())
		stale = stale || strings.Contains(lines.Text(), "stale: ")
	}
	err = cmd.Wait()
	switch {
	case planted && (err == nil || !stale):
		t.Error("the planted bug was not found:", err)
	case !planted && err != nil:
		t.Error(err)
	}
}

// arena starts this test in a network of its own, which needs a user namespace
// unless root runs it.
func arena(t *testing.T, binary string, user bool) (*exec.Cmd, io.Reader, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaults$", "-test.v", "-test.timeout=0")
	cmd.Env = append(os.Environ(), binaryVar+"="+binary, roundsVar+"="+strconv.Itoa(rounds))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if user {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	return cmd, out, cmd.Start()
}
