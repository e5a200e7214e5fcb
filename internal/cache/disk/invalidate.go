// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
)

// Target is what an invalidation hits: every key whose first two lines are
// Text, or with Prefix begin with it, or that has a label that is.
type Target struct {
	Text   string
	Prefix bool
}

// Invalidate drops all that one of what hits of which an object was put before.
// All is in force at once, and synced together. When it returns nil none of
// them comes back, whatever happens to the process or the power. An error means
// that a restart may bring them back; until then they are gone.
func (s *Store) Invalidate(what ...Target) error {
	if len(what) == 0 {
		return nil
	}
	s.mu.Lock()
	var ticket uint64
	for _, w := range what {
		if dist, full := s.rules.full(); full {
			s.log.Warn("disk cache: too many invalidations, everything of the distribution is dropped", "distribution", dist, "limit", ruleLimit)
			s.addRule(rule{kind: rulePrefix, text: dist + "\n"})
		}
		r := rule{kind: ruleExact, text: w.Text}
		if w.Prefix {
			r.kind = rulePrefix
		}
		ticket = s.addRule(r)
	}
	s.mu.Unlock()
	return s.persist(ticket)
}

// Delete drops the object of key, durably like Invalidate. Nothing is written
// if there is none.
func (s *Store) Delete(key []byte) error {
	h := s.id.hash(key)
	s.mu.Lock()
	s.seq++
	s.rules.bar(h, s.seq)
	if _, ok := s.index.get(h); !ok && s.removing == 0 && !s.haunted && s.fault.err == nil {
		s.mu.Unlock()
		return nil
	}
	return s.entomb(h)
}

// bury is Delete for the object of seq only.
func (s *Store) bury(hash, seq uint64) {
	s.mu.Lock()
	if v, ok := s.index.get(hash); !ok || v.seq != seq {
		s.mu.Unlock()
		return
	}
	s.entomb(hash) // if it fails, the object may be found damaged again
}

// entomb drops hash with a tomb. s.mu is held, and let go.
func (s *Store) entomb(hash uint64) error {
	ticket := s.addRule(rule{kind: ruleTomb, hash: hash})
	file := s.unlist(hash, s.seq)
	s.mu.Unlock()
	err := s.persist(ticket)
	s.removeBody(file)
	return err
}

// addRule puts r into force from now on. s.mu is held.
func (s *Store) addRule(r rule) (ticket uint64) {
	s.seq++
	r.seq, r.seg = s.seq, s.lastSeg
	s.rules.add(r)
	return s.journal.add(r)
}

// persist makes the rule of ticket durable. If the journal cannot be written,
// the store's identity is removed instead: then a restart begins empty, which
// needs no rule, and no space. When the disk works again ready writes the
// journal, and only then the identity.
func (s *Store) persist(ticket uint64) error {
	err := s.journal.commit(ticket)
	if err == nil {
		if s.journal.bloated(s.rules.count()) {
			err = s.journal.rewrite(&s.rules)
		} else {
			return nil
		}
	} else {
		err = s.journal.rewrite(&s.rules)
	}
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	err = fmt.Errorf("%s: %w", journalName, err)
	s.broken(err)
	s.fs.Remove(storeName)
	if list, e := s.fs.List(); e != nil || has(list, storeName) || s.fs.Sync() != nil {
		return err
	}
	return nil
}

func has(list []Entry, name string) bool {
	for _, e := range list {
		if e.Name == name {
			return true
		}
	}
	return false
}
