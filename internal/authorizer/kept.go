// SPDX-License-Identifier: Apache-2.0

// Answers of Lambda authorizers, kept by identity.
//
// The key is a digest of all values of all identity sources, each with its
// length before it, so that no two identities have one key; an Authorizer, and
// with it what is kept, is of one stage. What is kept is the function's answer,
// not the verdict: a policy is evaluated again for each request. Requests of
// one identity that come while the function is being asked wait for its answer;
// those of another one never do.
//
// Bounded in entries and bytes; what was used least lately goes first. A
// failure is not kept.

package authorizer

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	keptEntries = 10_000
	keptBytes   = 16 << 20
	entryCost   = 512 // of an entry besides its answer, about
)

type digest [sha256.Size]byte

// digestOf is the key of an identity.
func digestOf(values [][]string) digest {
	h := sha256.New()
	var n [8]byte
	count := func(i int) {
		binary.BigEndian.PutUint64(n[:], uint64(i)) //nolint:gosec // a length
		h.Write(n[:])
	}
	for _, source := range values {
		count(len(source))
		for _, v := range source {
			count(len(v))
			h.Write([]byte(v))
		}
	}
	return digest(h.Sum(nil))
}

// kept is the memory of one authorizer.
type kept struct {
	mu      sync.Mutex
	entries map[digest]*list.Element
	order   list.List // of *entry, the latest used first
	bytes   int
	flights map[digest]*flight
}

type entry struct {
	key     digest
	answer  *answer
	expires time.Time
}

// flight is a question under way.
type flight struct {
	done   chan struct{}
	answer *answer // after done: one of the two
	denial *Denial
	asked  Asked
}

func newKept() *kept {
	return &kept{entries: map[digest]*list.Element{}, flights: map[digest]*flight{}}
}

// find gives the answer that is kept, or the flight to wait for; lead is true
// for the one who has to end it.
func (k *kept) find(key digest, now time.Time) (a *answer, f *flight, lead bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if el := k.entries[key]; el != nil {
		e := el.Value.(*entry)
		if now.Before(e.expires) {
			k.order.MoveToFront(el)
			return e.answer, nil, false
		}
		k.drop(el)
	}
	if f = k.flights[key]; f != nil {
		return nil, f, false
	}
	f = &flight{done: make(chan struct{})}
	k.flights[key] = f
	return nil, f, true
}

// end stores what came of a flight and lets those go who wait.
func (k *kept) end(key digest, f *flight, ttl time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.flights, key)
	if f.answer != nil {
		k.entries[key] = k.order.PushFront(&entry{key, f.answer, time.Now().Add(ttl)})
		k.bytes += f.answer.size + entryCost
		for k.order.Len() > keptEntries || k.bytes > keptBytes {
			k.drop(k.order.Back())
		}
	}
	close(f.done)
}

func (k *kept) drop(el *list.Element) {
	e := k.order.Remove(el).(*entry)
	delete(k.entries, e.key)
	k.bytes -= e.answer.size + entryCost
}
