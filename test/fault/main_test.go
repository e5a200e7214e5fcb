// SPDX-License-Identifier: Apache-2.0

// Package fault is a test of several nodes under faults: three processes, each
// in a network namespace of its own, are killed, stopped and cut off while
// viewers read, paths are invalidated and revisions are deployed. What everybody
// saw is a history, and check says what must not be in it.
//
//	go test ./test/fault                             a few rounds
//	go test -tags soak -timeout 60m ./test/fault     fifty
//	go test -tags endless_tenure ./test/fault        with a planted bug that must be found
//
// The test runs itself twice more: as the arena, inside namespaces where it may
// make networks, and there as each node. It needs ip and nsenter.
package fault

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What a process of this test is.
const roleVar = "FORELANE_FAULT_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVar) == "node" {
		if err := runNode(); err != nil {
			os.Stderr.WriteString("node: " + err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestFaults(t *testing.T) {
	if os.Getenv(roleVar) == "arena" {
		arenaRounds(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaults$", "-test.v", "-test.timeout=0")
	cmd.Env = append(os.Environ(), roleVar+"=arena", "FORELANE_FAULT_ROUNDS="+strconv.Itoa(rounds))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		t.Log(strings.TrimRight(line, "\n"))
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this machine gives no user namespaces:", err)
	}
	found := err != nil && strings.Contains(string(out), "stale: ")
	switch {
	case planted && !found:
		t.Error("the planted bug was not found:", err)
	case !planted && err != nil:
		t.Error(err)
	}
}
