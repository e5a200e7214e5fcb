// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands of a README are true: each ```console block is run, line for
// line, against the example beside it, and its output compared. In the output
// … stands for any text in a line, and a line that is only … for any lines.

type console struct {
	line    int
	command string
	want    []string
}

func consoles(t *testing.T, file string) []console {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []console
	inside := false
	for i, line := range strings.Split(string(b), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			out = append(out, console{line: i + 1, command: line[2:]})
		case len(out) > 0:
			out[len(out)-1].want = append(out[len(out)-1].want, line)
		}
	}
	return out
}

// agree compares output with what a README says, line by line.
func agree(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if strings.TrimSpace(want[0]) == "…" {
		for skip := 0; skip <= len(got); skip++ {
			if agree(want[1:], got[skip:]) {
				return true
			}
		}
		return false
	}
	if len(got) == 0 {
		return false
	}
	parts := strings.Split(want[0], "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	ok, err := regexp.MatchString("^"+strings.Join(parts, ".*")+"$", got[0])
	return err == nil && ok && agree(want[1:], got[1:])
}

func lines(s string) []string {
	s = strings.TrimRight(strings.ReplaceAll(s, "\r", ""), "\n ")
	if s == "" {
		return nil
	}
	out := strings.Split(s, "\n")
	for i := range out {
		out[i] = strings.TrimRight(out[i], " \t")
	}
	return out
}

// execute runs the console blocks of a README against p.
func execute(t *testing.T, p *proc, readme string) {
	blocks := consoles(t, readme)
	if len(blocks) == 0 {
		t.Fatalf("%s has no ```console block", readme)
	}
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':'):] }
	ports := []string{":8080", port(p.ready.HTTP), ":8443", port(p.ready.HTTPS), ":9900", port(p.ready.Admin)}
	if p.ready.DNS != "" {
		ports = append(ports, "-p 5300", "-p "+port(p.ready.DNS)[1:])
	}
	local := strings.NewReplacer(ports...)
	remote := strings.NewReplacer(port(p.ready.HTTP), ":8080", port(p.ready.HTTPS), ":8443", port(p.ready.Admin), ":9900")
	followBlocks(t, readme, blocks, p.env(), local, remote)
}

// followBlocks runs console blocks of a README. local makes what it says into
// what is to be run, remote what comes of it into what it says.
func followBlocks(t *testing.T, readme string, blocks []console, env []string, local, remote *strings.Replacer) {
	t.Helper()
	for _, b := range blocks {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", local.Replace(b.command))
		cmd.Dir = "../.."
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s:%d: %s: %v\n%s", readme, b.line, b.command, err, out)
			continue
		}
		got := lines(remote.Replace(string(out)))
		if !agree(lines(strings.Join(b.want, "\n")), got) {
			t.Errorf("%s:%d: %s\n--- it says\n%s\n--- it is\n%s", readme, b.line, b.command, strings.Join(b.want, "\n"), strings.Join(got, "\n"))
		}
	}
}

// TestExamples runs every example and the commands of its README.
func TestExamples(t *testing.T) {
	templates, err := filepath.Glob("../../examples/*/template.yaml")
	if err != nil || len(templates) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range templates {
		dir := filepath.Dir(file)
		if filepath.Base(dir) == "multi-region" {
			continue // TestMultiRegionReadme: three nodes
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			args := []string{"up", dir, "--data", t.TempDir(), "--strict"}
			if _, err := os.Stat(filepath.Join(dir, "origin")); err == nil {
				args = append(args, "--param", "Origin="+startOrigin(t, filepath.Join(dir, "origin")))
			}
			p := start(t, args...)
			execute(t, p, filepath.Join(dir, "README.md"))
		})
	}
}

// startOrigin builds and runs the origin beside an example's template and
// returns its address, which is the first line it prints.
func startOrigin(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "origin")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./"+dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), bin, "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestReadme runs the tour of the project's own README, which is of the
// storefront.
func TestReadme(t *testing.T) {
	execute(t, start(t, "up", "../../examples/storefront", "--data", t.TempDir()), "../../README.md")
}

func TestAgree(t *testing.T) {
	for _, tt := range []struct {
		want, got string
		ok        bool
	}{
		{"a\nb", "a\nb", true},
		{"a…c", "abbc", true},
		{"a\n…\nd", "a\nb\nc\nd", true},
		{"…\nd", "d", true},
		{"a\n…", "a", true},
		{"a", "a\nb", false},
		{"a…c", "abd", false},
		{"a\n…\nd", "a\nb", false},
	} {
		if agree(lines(tt.want), lines(tt.got)) != tt.ok {
			t.Errorf("%q of %q is not %v", tt.want, tt.got, tt.ok)
		}
	}
}
