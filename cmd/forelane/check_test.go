// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateCheck = flag.Bool("update-check", false, "write testdata/check/*.want anew")

// TestCheck runs each testdata/check/*.want in that folder: its first line is
// the command, then come what it prints and how it ends. Reports are left out:
// they are tested elsewhere.
func TestCheck(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/check/*.want")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".want"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(b), "\n")
			args := strings.Fields(strings.TrimPrefix(first, "$ forelane "))
			cmd := exec.CommandContext(t.Context(), bin, args...)
			cmd.Dir = "testdata/check"
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%s\n%s%sexit %d\n", first, withoutReport(stdout.String()), stderr.String(), cmd.ProcessState.ExitCode())
			if *updateCheck {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(b) {
				t.Errorf("--- it says\n%s\n--- it is\n%s", b, got)
			}
		})
	}
}

// withoutReport leaves out the fidelity report: of the text what comes before
// and with its summary, of JSON all but the findings.
func withoutReport(out string) string {
	if at := regexp.MustCompile(`(?m)^\d+ resources: .*\n`).FindStringIndex(out); at != nil {
		return "…\n" + out[at[1]:]
	}
	var doc struct {
		Resources []json.RawMessage `json:"resources"`
		Findings  json.RawMessage   `json:"findings"`
	}
	if json.Unmarshal([]byte(out), &doc) != nil || len(doc.Resources) == 0 {
		return out
	}
	return fmt.Sprintf("… \"findings\": %s\n", doc.Findings)
}
