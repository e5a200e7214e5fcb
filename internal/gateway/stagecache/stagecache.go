// SPDX-License-Identifier: Apache-2.0

// Package stagecache keeps what endpoints of REST APIs answered, for the caches
// of their stages (row A16).
//
// The flow: a Node has the caches of all stages and outlives revisions. Stage
// gives the cache of one stage; what was in one of another size is dropped, as
// on AWS. Find and Put work by a digest that the gateway makes; Flush drops
// everything of a stage.
//
// Bounded twice: a stage takes no more than its size, all stages together no
// more than the node's limit. What a stage used least lately goes first; when
// the node is full, of the stage that has the most.
//
// What it does not do: it knows nothing of requests and their freshness, and it
// does not make those wait who ask for what is being fetched, for API Gateway
// does not either.
//
// Concurrency: one lock a Node. It is held for the move of an entry in a list;
// a request to an endpoint costs a thousand times as much.
package stagecache

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/integration"
)

// DefaultLimit is the memory of all stages of a node when nothing is said.
const DefaultLimit = 64 << 20

// entryCost is what an entry takes besides what it holds, about.
const entryCost = 256

// Key tells answers of one stage apart.
type Key [sha256.Size]byte

// Node is the memory for stages of a node. The zero Node has room for
// DefaultLimit.
type Node struct {
	// Limit is in bytes; 0: DefaultLimit; below zero: nothing is kept.
	Limit int64

	mu     sync.Mutex
	bytes  int64
	stages map[[2]string]*Stage
	counts Counts
}

// Counts is what was asked of a Node.
type Counts struct {
	Hits, Misses uint64
	Entries      int
	Bytes        int64
}

// Stage is the cache of one stage.
type Stage struct {
	node    *Node
	size    int64
	bytes   int64
	entries map[Key]*list.Element
	order   list.List // of *entry, the latest used first
}

type entry struct {
	key     Key
	kept    *integration.Kept
	cost    int64
	expires time.Time
}

// Stage is the cache of a stage with a size in bytes.
func (n *Node) Stage(api, name string, size int64) *Stage {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stages[[2]string{api, name}]
	if s == nil {
		if n.stages == nil {
			n.stages = map[[2]string]*Stage{}
		}
		s = &Stage{node: n, size: size, entries: map[Key]*list.Element{}}
		n.stages[[2]string{api, name}] = s
	}
	if s.size != size {
		s.clear()
		s.size = size
	}
	return s
}

// Counts is what was asked so far, and what there is.
func (n *Node) Counts() Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.counts
	c.Bytes = n.bytes
	for _, s := range n.stages {
		c.Entries += len(s.entries)
	}
	return c
}

// Find is what is kept under a key; nil: nothing, or it is too old.
func (s *Stage) Find(key Key, now time.Time) *integration.Kept {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	el := s.entries[key]
	if el != nil && !now.Before(el.Value.(*entry).expires) {
		s.drop(el)
		el = nil
	}
	if el == nil {
		s.node.counts.Misses++
		return nil
	}
	s.node.counts.Hits++
	s.order.MoveToFront(el)
	return el.Value.(*entry).kept
}

// Passed counts a request that had the endpoint asked although an answer may be
// kept.
func (s *Stage) Passed() {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	s.node.counts.Misses++
}

// Put keeps an answer until it expires, in place of the one that was there.
func (s *Stage) Put(key Key, kept *integration.Kept, expires time.Time) {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	if el := s.entries[key]; el != nil {
		s.drop(el)
	}
	e := &entry{key, kept, int64(kept.Size()) + entryCost, expires}
	limit := s.node.limit()
	if e.cost > min(s.size, limit) {
		return
	}
	s.entries[key] = s.order.PushFront(e)
	s.bytes += e.cost
	s.node.bytes += e.cost
	for s.bytes > s.size {
		s.drop(s.order.Back())
	}
	for s.node.bytes > limit {
		most := s.node.largest()
		most.drop(most.order.Back())
	}
}

// Flush drops everything of the stage.
func (s *Stage) Flush() {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	s.clear()
}

func (n *Node) limit() int64 {
	if n.Limit == 0 {
		return DefaultLimit
	}
	return n.Limit
}

func (n *Node) largest() *Stage {
	var most *Stage
	for _, s := range n.stages {
		if most == nil || s.bytes > most.bytes {
			most = s
		}
	}
	return most
}

func (s *Stage) clear() {
	for s.order.Len() > 0 {
		s.drop(s.order.Back())
	}
}

func (s *Stage) drop(el *list.Element) {
	e := s.order.Remove(el).(*entry)
	delete(s.entries, e.key)
	s.bytes -= e.cost
	s.node.bytes -= e.cost
}
