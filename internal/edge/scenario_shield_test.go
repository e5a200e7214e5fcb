// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"os"
	"path/filepath"

	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/webacl"
)

// shield reads the section acl: a template whose last web ACL protects the
// distribution.
func (s *script) shield(text string) {
	if text == "" {
		return
	}
	file := filepath.Join(s.t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.fatalf("%v", err)
	}
	loaded, err := template.Load(s.t.Context(), file, template.Options{})
	if err != nil {
		s.fatalf("acl: %v", err)
	}
	acls := loaded[0].Stack.WebACLs
	set, err := webacl.Compile(acls, webacl.Options{})
	if err != nil {
		s.fatalf("acl: %v", err)
	}
	s.t.Cleanup(func() {
		if err := set.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.w.dist.WebACL = acls[len(acls)-1].ARN
	s.w.shields = func(arn string) Shield { return set.ACL(arn) }
}
