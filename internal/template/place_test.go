// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "template.yaml")
	text := "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Metadata: {Forelane: {Ignore: [open-origin, x]}}\n    Properties:\n      Tags:\n        - {Key: a, Value: b}\n        - {Key: c,\n           Value: d}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	results, err := Load(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	for _, tt := range []struct{ name, id, path, want string }{
		{"a member of a list", "B", "Tags[1].Value", "template.yaml:9:19"},
		{"a list", "B", "Tags", "template.yaml:7:9"},
		{"what is not there is where its holder is", "B", "Tags[0].Other", "template.yaml:7:11"},
		{"a list is shorter", "B", "Tags[7].Key", "template.yaml:7:9"},
		{"all of it", "B", "", "template.yaml:6:7"},
		{"no resource", "C", "Tags", ""},
	} {
		if got := r.Place(tt.id, tt.path); !strings.HasSuffix(got, tt.want) || got == "" != (tt.want == "") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if rules, pos := r.Ignored("B"); !slices.Equal(rules, []string{"open-origin", "x"}) || !strings.HasSuffix(pos, ":4:35") {
		t.Errorf("ignored %q at %s", rules, pos)
	}
	if rules, pos := r.Ignored("C"); rules != nil || pos != "" {
		t.Errorf("ignored %q at %s", rules, pos)
	}
	if r.Ref("B") == "" || r.Ref("C") != "" {
		t.Errorf("Ref is %q and %q", r.Ref("B"), r.Ref("C"))
	}
	if ids := r.ResourceIDs(); !slices.Equal(ids, []string{"B"}) {
		t.Errorf("ids %q", ids)
	}
}
