// SPDX-License-Identifier: Apache-2.0

package template

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// repeated notes the keys that a unit's resources give twice. CloudFormation
// takes the last one without a word; nobody means it.
func (l *loader) repeated(u *unit, t *tree.Node) {
	resources := t.Get("Resources")
	if !resources.IsMap() {
		return
	}
	for _, r := range resources.Entries {
		l.repeatedIn(u.prefix+r.Key, nil, r)
	}
}

func (l *loader) repeatedIn(id string, path []string, e tree.Entry) {
	if e.Earlier.Line != 0 {
		l.notes = append(l.notes, pending{id: id, note: fidelity.Note{
			Verdict: fidelity.Ignored, Path: strings.Join(path, "."), Pos: e.KeyPos,
			Words: fmt.Sprintf("%s is given twice: what line %d says is not used, as by CloudFormation", e.Key, e.Earlier.Line),
		}})
	}
	for _, x := range e.Value.Entries {
		at := append(path[:len(path):len(path)], x.Key)
		if len(path) == 0 && x.Key == "Properties" {
			at = nil // paths of verdicts begin below
		}
		l.repeatedIn(id, at, x)
	}
	for _, it := range e.Value.Items {
		l.repeatedIn(id, path, tree.Entry{Value: it})
	}
}
