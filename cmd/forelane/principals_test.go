// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func principalsText(key, name string) string {
	return "principals:\n  - {accessKeyId: " + key + ", secretAccessKey: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY, arn: 'arn:aws:iam::123456789012:user/" + name + "'}\n"
}

// TestA13PrincipalsAreReadAnew: a changed file counts within a second, a wrong
// one changes nothing, and one that is gone or open to others lets nobody sign.
func TestA13PrincipalsAreReadAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "principals.yaml")
	var said strings.Builder
	at := time.Now().Add(-time.Hour)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := principals(file, nil); err == nil {
		t.Error("a file that is not there is taken")
	}
	write(principalsText("AKIAIOSFODNN7EXAMPLE", "alice"))
	set, err := principals(file, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	p := &principalsFile{file: file, log: slog.New(slog.NewTextHandler(&said, nil)), now: set()}
	for _, step := range []struct {
		name   string
		change func()
		alice  bool
		bob    bool
		word   string
	}{
		{"as it was", func() {}, true, false, ""},
		{"another holder", func() { write(principalsText("AKIAIOSFODNN7EXAMPLF", "bob")) }, false, true, "read anew"},
		{"wrong text", func() { write("principals: 7\n") }, false, true, "those of before stay"},
		{"gone", func() {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}, false, false, "nobody signs"},
		{"back", func() { write(principalsText("AKIAIOSFODNN7EXAMPLE", "alice")) }, true, false, "read anew"},
		{"open to others", func() {
			if err := os.Chmod(file, 0o644); err != nil {
				t.Fatal(err)
			}
		}, false, false, "nobody signs"},
	} {
		said.Reset()
		step.change()
		p.looked = time.Time{} // a second has passed
		now := p.set()
		if got := now.Find("AKIAIOSFODNN7EXAMPLE") != nil; got != step.alice {
			t.Errorf("%s: alice %t", step.name, got)
		}
		if got := now.Find("AKIAIOSFODNN7EXAMPLF") != nil; got != step.bob {
			t.Errorf("%s: bob %t", step.name, got)
		}
		if !strings.Contains(said.String(), step.word) || strings.Contains(said.String(), "wJalr") {
			t.Errorf("%s: said %s", step.name, said.String())
		}
	}
}
