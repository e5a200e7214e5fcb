// SPDX-License-Identifier: Apache-2.0

package security

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Session tickets are encrypted with keys that all configurations of a node
// share. A new key is made every hour; a key opens tickets for a day, which
// bounds which recorded TLS 1.2 sessions a stolen key can read. No goroutine
// turns them: the first handshake after the hour does.
//
// A ticket carries, inside what is encrypted and authenticated, the policy and
// the SNI of its handshake. It resumes only where both are the same: a session
// that began under TLSv1 is a full handshake under TLSv1.2_2021.
const (
	turnEvery = time.Hour
	keepKeys  = 24 * time.Hour
	mark      = "forelane1 " // before policy and SNI in SessionState.Extra
)

// Tickets are the keys of session tickets. The zero Tickets live in memory.
type Tickets struct {
	// File keeps the keys over a restart, readable by its owner only. "": none.
	File string
	// Log takes faults of File, never a key. Nil: dropped.
	Log *slog.Logger

	next    atomic.Int64 // Unix time of the next turn; 0: no key yet
	mu      sync.Mutex
	keys    []ticketKey // newest first
	configs []*tls.Config
}

type ticketKey struct {
	made time.Time
	key  [32]byte
}

// bind makes c use these tickets. It is called before c is used.
func (t *Tickets) bind(c *tls.Config, p Policy) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.configs = append(t.configs, c)
	t.rotate(time.Now())
	c.SetSessionTicketKeys(t.raw())
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		ss.Extra = append(ss.Extra, session(p, cs.ServerName))
		return c.EncryptTicket(cs, ss)
	}
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := c.DecryptTicket(ticket, cs)
		if err != nil || ss == nil {
			return nil, err
		}
		want := session(p, cs.ServerName)
		for i, e := range ss.Extra {
			if bytes.Equal(e, want) {
				// Taken out again: a ticket that is issued for this session gets its own.
				ss.Extra = append(ss.Extra[:i:i], ss.Extra[i+1:]...)
				return ss, nil
			}
		}
		return nil, nil // a full handshake
	}
}

// session is what must be the same when a session is resumed.
func session(p Policy, sni string) []byte {
	return []byte(mark + p.String() + " " + serverName(sni))
}

// turn makes a new key when it is time.
func (t *Tickets) turn() {
	now := time.Now()
	if now.Unix() < t.next.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.rotate(now) {
		return
	}
	keys := t.raw()
	for _, c := range t.configs {
		c.SetSessionTicketKeys(keys)
	}
}

// rotate makes a key when the newest is too old and drops old ones. It tells
// whether there was a change. The caller holds mu.
func (t *Tickets) rotate(now time.Time) bool {
	if now.Unix() < t.next.Load() {
		return false
	}
	if kept := t.read(now); len(kept) > 0 && (len(t.keys) == 0 || kept[0].made.After(t.keys[0].made)) {
		t.keys = kept // of the process before, or of one beside
	}
	if len(t.keys) == 0 || !now.Before(t.keys[0].made.Add(turnEvery)) {
		k := ticketKey{made: now.Truncate(time.Second)}
		_, _ = rand.Read(k.key[:]) // does not fail
		t.keys = append([]ticketKey{k}, t.keys...)
		for i := range t.keys {
			if now.Sub(t.keys[i].made) >= keepKeys {
				t.keys = t.keys[:i]
				break
			}
		}
		if err := t.write(); err != nil {
			t.complain("keys of session tickets are not kept over a restart", err)
		}
	}
	t.next.Store(t.keys[0].made.Add(turnEvery).Unix())
	return true
}

func (t *Tickets) raw() [][32]byte {
	out := make([][32]byte, len(t.keys))
	for i, k := range t.keys {
		out[i] = k.key
	}
	return out
}

func (t *Tickets) complain(msg string, err error) {
	if t.Log != nil {
		t.Log.Warn(msg, "err", err)
	}
}

// read reads the keys of File that are still good, newest first. A file that
// others may read, or that is damaged, is not used.
func (t *Tickets) read(now time.Time) []ticketKey {
	if t.File == "" {
		return nil
	}
	keys, err := readKeys(t.File, now)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.complain("keys of session tickets are made anew", err)
		return nil
	}
	return keys
}

func readKeys(name string, now time.Time) ([]ticketKey, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it", name)
	}
	if fi.Size() > 16<<10 {
		return nil, fmt.Errorf("%s: too large", name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var keys []ticketKey
	for line := range strings.Lines(string(b)) {
		at, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		sec, err1 := strconv.ParseInt(at, 10, 64)
		raw, err2 := hex.DecodeString(key)
		if err1 != nil || err2 != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%s: damaged", name) // without the cause: it would quote a key
		}
		k := ticketKey{made: time.Unix(sec, 0), key: [32]byte(raw)}
		if age := now.Sub(k.made); age > -time.Minute && age < keepKeys {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// write replaces File by rename, so that a crash leaves no half file.
func (t *Tickets) write() error {
	if t.File == "" {
		return nil
	}
	var b []byte
	for _, k := range t.keys {
		b = fmt.Appendf(b, "%d %x\n", k.made.Unix(), k.key)
	}
	tmp := t.File + ".tmp"
	_ = os.Remove(tmp) // its mode would stay
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, t.File)
}
