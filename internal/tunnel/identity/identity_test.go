// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTokenIsTimeLimited(t *testing.T) {
	now := time.Now()
	a, err := Open(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenMember(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, csr, err := m.Request()
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.Issue([]string{"A"}, time.Hour, true)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Minute)
	if _, _, err := a.Join(token, "x", csr); err != nil {
		t.Errorf("after 59 minutes: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if _, _, err := a.Join(token, "x", csr); !errors.Is(err, ErrRefused) {
		t.Errorf("after 61 minutes: %v", err)
	}
	if _, _, err := a.Join(token, "x", []byte("no request")); !errors.Is(err, errRequest) {
		t.Errorf("no request: %v", err)
	}
}

func TestRollAndFiles(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	clock := func() time.Time { return now }
	a, err := Open(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.Issue([]string{"A"}, time.Hour, false)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	m, err := OpenMember(home)
	if err != nil {
		t.Fatal(err)
	}
	key, csr, err := m.Request()
	if err != nil {
		t.Fatal(err)
	}
	id, cert, err := a.Join(token, "x", csr)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Keep(key, cert, a.Certificate()); err != nil {
		t.Fatal(err)
	}
	if m.ID() != id || !m.Joined(now) || m.Due(now) || !m.Due(now.Add(AgentLife*3/4)) || m.Joined(now.Add(AgentLife+time.Minute)) {
		t.Errorf("member %s of %s, due %v", m.ID(), id, m.Due(now))
	}
	again, err := OpenMember(home)
	if err != nil || again.ID() != id {
		t.Errorf("read again: %v", err)
	}
	for _, d := range []string{dir, home} {
		files, _ := filepath.Glob(filepath.Join(d, "*"))
		for _, f := range files {
			fi, err := os.Stat(f)
			if err != nil || fi.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v %v", f, fi.Mode(), err)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, rollFile))
	if err != nil || strings.Contains(string(text), string(token.Secret[:])) || strings.Contains(string(text), token.String()) {
		t.Errorf("the roll has the secret: %v", err)
	}

	// Another process of the folder sees what this one has done, and the reverse.
	b, err := Open(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := b.Names(id); err != nil || len(names) != 1 || names[0] != "A" {
		t.Errorf("%v %v", names, err)
	}
	if err := b.Revoke(id); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Renew(id, csr); !errors.Is(err, ErrRefused) {
		t.Errorf("a revoked agent renews: %v", err)
	}
	if _, err := a.Names(id); !errors.Is(err, ErrRefused) {
		t.Errorf("a revoked agent has names: %v", err)
	}
	if b.Fingerprint() != a.Fingerprint() {
		t.Error("two authorities in one folder")
	}
	now = now.Add(AgentLife + time.Hour)
	if _, err := a.Issue([]string{"B"}, time.Hour, false); err != nil {
		t.Fatal(err)
	}
	if n := len(a.Agents()); n != 0 {
		t.Errorf("%d agents whose certificates have expired are on the roll", n)
	}
}

func FuzzToken(f *testing.F) {
	f.Add(newToken([32]byte{1}).String())
	f.Add("flt1.")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			return
		}
		if token.String() != strings.TrimSpace(s) {
			t.Errorf("%q is written %q", s, token.String())
		}
	})
}
