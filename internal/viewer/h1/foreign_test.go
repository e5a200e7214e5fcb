// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/viewer/engine"
)

// Messages of another parser's tests (nodejs/llhttp, test/request/*.md), read
// from the folder that LLHTTP names. Each stands in a block of the language
// http, preceded by the parser's settings and followed by its events.
var (
	foreignCase = regexp.MustCompile("(?s)<!-- meta=([^>]*?) -->\\s*```http\n((?:[^`]|`[^`])*?)\n```[^`]*```log\n(.*?)\n```")
	octal       = regexp.MustCompile(`\\([0-7]{3})`)
)

// foreignMessage undoes the form of the file: a line ends in CRLF unless a
// back slash ends it; \r, \n, \t and octal bytes are written out.
func foreignMessage(s string) string {
	s = strings.ReplaceAll(s, "\\\n", "\x00")
	s = strings.ReplaceAll(s, "\n", "\r\n")
	s = strings.ReplaceAll(s, "\x00", "")
	s = octal.ReplaceAllStringFunc(s, func(o string) string {
		return string([]byte{(o[1]-'0')<<6 | (o[2]-'0')<<3 | (o[3] - '0')})
	})
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\f`, "\f").Replace(s) + "\r\n"
}

// withHost gives the first request a Host, which that parser does not ask for.
func withHost(s string) string {
	first, _, ok := strings.Cut(s, "\r\n\r\n")
	line := strings.Index(s, "\r\n")
	if !ok || line < 0 || strings.Contains(strings.ToLower(first), "\r\nhost:") {
		return s
	}
	return s[:line+2] + "Host: h\r\n" + s[line+2:]
}

// TestForeignMessages: what that parser refuses when it is strict is refused
// here, or cut where its error is; nothing is taken that it does not take.
func TestForeignMessages(t *testing.T) {
	dir := os.Getenv("LLHTTP")
	if dir == "" {
		t.Log("LLHTTP names no folder: nothing to replay")
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	count := map[string]int{}
	for _, file := range files {
		p, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range foreignCase.FindAllStringSubmatch(string(p), -1) {
			if strings.Contains(m[1], "lenient") || strings.Contains(m[3], "method for HTTP") || strings.Contains(m[3], "space after method") {
				continue // any token is a method here
			}
			in := foreignMessage(m[2])
			got := play(t, in, 0, engine.Limits{})
			got2 := play(t, withHost(in), 0, engine.Limits{})
			for _, g := range [][]string{got, got2} {
				taken := 0
				for _, s := range g {
					if strings.Contains(s, " ") && !strings.Contains(s, " !") {
						taken++
					}
				}
				theirs := strings.Count(m[3], "message complete")
				if !strings.Contains(m[3], "error code") {
					theirs = strings.Count(m[3], "message begin") // without an end it only waits for more
				}
				if taken > theirs {
					t.Errorf("%s: %q\ntaken as %q\nthere:\n%s", filepath.Base(file), in, g, m[3])
				}
				count[verdict(taken)]++
			}
		}
	}
	if t.Log(count); count["taken"] == 0 {
		t.Error("the files have another form")
	}
}

func verdict(taken int) string {
	if taken > 0 {
		return "taken"
	}
	return "refused or waited for"
}
