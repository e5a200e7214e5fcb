// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/model"
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
	set, err := webacl.Compile(acls, webacl.Options{Place: func(a netip.Addr) *model.Place { return s.w.places[a] }, Log: func(*model.WebACL) func([]byte) { return s.aclLog.add }})
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

// aclLog is the log of the web ACL.
type aclLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *aclLog) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
}

func (s *script) aclLogs(a []string) {
	s.aclLog.mu.Lock()
	defer s.aclLog.mu.Unlock()
	if got := strconv.Itoa(len(s.aclLog.lines)); got != a[0] {
		s.errorf("%s lines in the log of the web ACL, want %s", got, a[0])
	}
}

// aclLogged compares values of the last line. A path is of names and numbers
// with dots between; a value that is left out is "-", and a list or an object
// is its JSON.
func (s *script) aclLogged(a []string) {
	s.aclLog.mu.Lock()
	defer s.aclLog.mu.Unlock()
	var line any
	if n := len(s.aclLog.lines); n == 0 {
		s.errorf("the web ACL logged nothing")
		return
	} else if err := json.Unmarshal([]byte(s.aclLog.lines[n-1]), &line); err != nil {
		s.fatalf("%v", err)
	}
	for _, w := range a {
		path, want, _ := strings.Cut(w, "=")
		if got := valueAt(line, path); got != want {
			s.errorf("%s=%s, want %s", path, got, want)
		}
	}
}

func valueAt(v any, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = in[name]; !ok {
				return "-"
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				return "-"
			}
			v = in[i]
		default:
			return "-"
		}
	}
	if text, ok := v.(string); ok {
		return text
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
