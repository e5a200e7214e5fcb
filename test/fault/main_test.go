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
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaults$", "-test.v", "-test.timeout=0")
	cmd.Env = append(os.Environ(), binaryVar+"="+binary, roundsVar+"="+strconv.Itoa(rounds))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this machine gives no user namespaces:", err)
	} else if err != nil {
		t.Fatal(err)
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
