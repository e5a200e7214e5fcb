// SPDX-License-Identifier: Apache-2.0

package forelane_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// edgeRows are the rows of CloudFront that docs/fidelity.md must judge. A star
// marks those that the architecture is not thinkable without: nearly all of them
// must be exact.
const edgeRows = `
C1* C2* C3 C4 C5* C6* C7 C8* C9* C10* C11* C12* C13 C14 C15 C16 C17
K1* K2* K3* K4* K5 K6* K7* K8* K9* K10* K11* K12 K13* K14
F1* F2* F3* F4* F5* F6* F7* F8* F9* F10* F11* F12* F13* F14* F15 F16 F17 F18* F19* F20 F21*
O1* O2* O3* O4* O5* O6* O7* O8* O9 O10*
E1* E2* E3* E4 E5* E6* E7* E8* E9* E10* E11* E12* E13* E14*
`

// otherRows are those of the other services, which must be there.
const otherRows = `A1-A30 L1-L11 W1-W8 S1 S2 R1 R2`

// byGoTest are exact rows that scenario scripts cannot show, for what they speak
// of is no request of a viewer: a Go test carries their id in its name.
var byGoTest = map[string]string{
	"O10": "agents and streams of a tunnel", "C14": "handshakes", "C15": "streams both ways and trailers",
	"E1": "byte-exact event objects", "E2": "limits of a run", "E3": "runtimes", "E4": "key value stores",
	"E8": "handshakes", "E10": "lines of a log", "E12": "lines of a log", "E14": "series",
}

type verdict string

const (
	exact        verdict = "exact"
	approximated verdict = "approximated"
	notYet       verdict = "not yet"
	notPlanned   verdict = "not planned"
)

// TestFidelity holds docs/fidelity.md to its form: every row is there with a
// verdict, and what it calls exact is proven by a script, or by a test where that
// says more, with the row's id in its name.
func TestFidelity(t *testing.T) {
	cells := fidelityTable(t)
	proofs := proofs(t)
	starred, kept := 0, 0
	var others []string
	for _, word := range strings.Fields(edgeRows) {
		id, star := strings.CutSuffix(word, "*")
		v, ok := judged(cells[id])
		if !ok {
			t.Errorf("%s: docs/fidelity.md has %q: begin with exact, approximated, not yet or not planned", id, cells[id])
		}
		if star {
			starred++
			if v == exact {
				kept++
			} else {
				others = append(others, fmt.Sprintf("%s (%s)", id, v))
			}
		}
		if v != exact {
			continue
		}
		p := proofs[id]
		switch _, byTest := byGoTest[id]; {
		case len(p.scripts) == 0 && !byTest:
			t.Errorf("%s is called exact, and no scenario script carries its id in its name (testdata/script/…_%s_….txtar)", id, id)
		case len(p.scripts)+len(p.tests) == 0:
			t.Errorf("%s is called exact, and no test carries its id in its name", id)
		}
	}
	if kept*100 < starred*wantedShare {
		t.Errorf("%d of %d rows are exact, less than %d %%: not %s", kept, starred, wantedShare, strings.Join(others, ", "))
	}
	t.Logf("%d of %d rows exact; not: %s", kept, starred, strings.Join(others, ", "))
	for _, id := range expand(otherRows) {
		if cells[id] == "" {
			t.Errorf("%s is not in docs/fidelity.md", id)
		}
	}
}

const wantedShare = 95 // percent

func judged(cell string) (verdict, bool) {
	for _, v := range []verdict{exact, approximated, notYet, notPlanned} {
		if strings.HasPrefix(cell, string(v)) {
			return v, true
		}
	}
	return "", false
}

// fidelityTable is what docs/fidelity.md says of each row.
func fidelityTable(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	cells := map[string]string{}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		if len(parts) != 5 || !rowID.MatchString(parts[1]) {
			continue
		}
		for _, id := range expand(parts[1]) {
			if cells[id] == "" { // of two the first counts
				cells[id] = strings.TrimSpace(parts[3])
			}
		}
	}
	return cells
}

var rowID = regexp.MustCompile(`^ ?[A-Z][0-9]+`)

// expand reads "K1-K4, K6".
func expand(list string) (ids []string) {
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		first, last, span := strings.Cut(word, "-")
		if !span {
			ids = append(ids, first)
			continue
		}
		from, _ := strconv.Atoi(first[1:])
		to, _ := strconv.Atoi(last[1:])
		for i := from; i <= to; i++ {
			ids = append(ids, first[:1]+strconv.Itoa(i))
		}
	}
	return ids
}

type proof struct{ scripts, tests []string }

// inName finds ids in the name of a script (cache_F10_error_caching), and of a
// test (TestA24O10PrivateOriginsByAgents).
var (
	inScript = regexp.MustCompile(`(?:^|_)([A-Z][0-9]+)(?:_|\.)`)
	inTest   = regexp.MustCompile(`(?m)^func Test((?:[A-Z][0-9]+)+)[A-Z_]`)
	oneID    = regexp.MustCompile(`[A-Z][0-9]+`)
)

func proofs(t *testing.T) map[string]*proof {
	t.Helper()
	all := map[string]*proof{}
	of := func(id string) *proof {
		if all[id] == nil {
			all[id] = &proof{}
		}
		return all[id]
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, s := range scripts {
		name := strings.ReplaceAll(filepath.Base(s), "_", "__") // so that neighbours are both found
		for _, m := range inScript.FindAllStringSubmatch(name, -1) {
			of(m[1]).scripts = append(of(m[1]).scripts, s)
		}
	}
	for _, root := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range inTest.FindAllStringSubmatch(string(text), -1) {
				for _, id := range oneID.FindAllString(m[1], -1) {
					if p := of(id); !slices.Contains(p.tests, path) {
						p.tests = append(p.tests, path)
					}
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
