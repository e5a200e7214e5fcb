// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"
)

// Recent keeps what is known of the last requests in memory, to be found by
// their ids. Its memory is rings of bytes, which are made once:
//
//	| 4 bytes: length | the record, see recall.go | 4 bytes | … | 0: goes on at the beginning
//
// A new entry takes the place of the oldest ones. Hits have rings of their own:
// they are many and alike, and must not push out the misses that people ask
// about. Keep does not allocate, and no pointer stands in a ring, so that the
// garbage collector does not look into them. Nothing is indexed: who asks by an
// id is a person, and reads one ring from one end to the other.
//
// It keeps what it is given: to leave secrets out is the caller's part.
//
// A Recent is safe for concurrent use.
type Recent struct {
	o     RecentOptions
	seed  maphash.Seed
	rings [shares][2]ring // by a hash of the id; of hits and of others
}

// RecentOptions bound a Recent.
type RecentOptions struct {
	// Keep is how long a request is found. 0: none is kept.
	Keep time.Duration
	// Bytes are the memory, made at once; a request takes about 400. 0: 16 MiB.
	Bytes int64
}

const (
	shares       = 8
	defaultBytes = 16 << 20
	minRing      = 16 << 10
	entryHead    = 4
)

// NewRecent makes one; nil when nothing is to be kept.
func NewRecent(o RecentOptions) *Recent {
	if o.Keep <= 0 {
		return nil
	}
	if o.Bytes <= 0 {
		o.Bytes = defaultBytes
	}
	m := &Recent{o: o, seed: maphash.MakeSeed()}
	for i := range m.rings {
		for k := range m.rings[i] {
			m.rings[i][k].b = make([]byte, max(o.Bytes/(2*shares), minRing))
		}
	}
	return m
}

// Digest stands for a value that is not to be shown: equal values have equal
// digests, as long as the process lives. Its key is the process's own.
func (m *Recent) Digest(value string) uint64 { return maphash.String(m.seed, value) }

// Keep takes a record, with the headers of its viewer as lines "Name: value".
// Nothing of r is referred to when it returns.
func (m *Recent) Keep(r *Record, headers string) {
	kind := 1
	if r.Cache.Status == CacheHit && r.Response.Status < 400 {
		kind = 0
	}
	m.rings[maphash.String(m.seed, r.ID)%shares][kind].put(r, headers)
}

// Find gives the record with an id, and the viewer's headers; false: it is not
// kept, or not any more.
func (m *Recent) Find(id string, now time.Time) (r *Record, headers string, ok bool) {
	if id == "" {
		return nil, "", false
	}
	for k := range m.rings[0] {
		r, headers, ok = m.rings[maphash.String(m.seed, id)%shares][k].find(id)
		if ok && now.Sub(r.Start) <= m.o.Keep {
			return r, headers, true
		}
	}
	return nil, "", false
}

// Reach is how far back requests are found: hits, and others. It reads each
// ring's oldest entry, and the youngest of them counts; 0: there is none.
func (m *Recent) Reach(now time.Time) (hits, others time.Duration) {
	var back [2]time.Duration
	for i := range m.rings {
		for k := range m.rings[i] {
			if at, ok := m.rings[i][k].oldest(); ok {
				if ago := min(now.Sub(at), m.o.Keep); back[k] == 0 || ago < back[k] {
					back[k] = ago
				}
			}
		}
	}
	return back[0], back[1]
}

// ring is one ring of entries.
type ring struct {
	mu      sync.Mutex
	b       []byte
	from    int    // of the oldest entry
	to      int    // behind the newest one
	n       int    // entries
	scratch []byte // the entry that is being written
}

func (g *ring) put(r *Record, headers string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := codec{b: g.scratch[:0]}
	c.entry(r, &headers)
	g.scratch = c.b
	need := entryHead + len(c.b)
	if need > len(g.b)/4 {
		return
	}
	if g.to+need > len(g.b) {
		for g.n > 0 && g.from >= g.to { // those between here and the end
			g.drop()
		}
		if g.to+entryHead <= len(g.b) {
			binary.LittleEndian.PutUint32(g.b[g.to:], 0)
		}
		g.to = 0
	}
	for g.n > 0 && g.from >= g.to && g.from < g.to+need {
		g.drop()
	}
	if g.n == 0 {
		g.from = g.to
	}
	binary.LittleEndian.PutUint32(g.b[g.to:], uint32(len(c.b)))
	copy(g.b[g.to+entryHead:], c.b)
	g.to, g.n = g.to+need, g.n+1
}

// drop forgets the oldest entry.
func (g *ring) drop() { g.from, g.n = g.next(g.from), g.n-1 }

// at is the entry that begins at a place, and next where the one after it does.
func (g *ring) at(i int) []byte {
	return g.b[i+entryHead:][:binary.LittleEndian.Uint32(g.b[i:])]
}

func (g *ring) next(i int) int {
	i += entryHead + len(g.at(i))
	if i+entryHead > len(g.b) || i != g.to && binary.LittleEndian.Uint32(g.b[i:]) == 0 {
		return 0
	}
	return i
}

func (g *ring) find(id string) (*Record, string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, n := g.from, g.n; n > 0; i, n = g.next(i), n-1 {
		if c := (codec{b: g.at(i), reading: true}); !c.begins(id) {
			continue
		}
		r, headers := new(Record), ""
		c := codec{b: g.at(i), reading: true}
		c.entry(r, &headers)
		return r, headers, !c.broken
	}
	return nil, "", false
}

func (g *ring) oldest() (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n == 0 {
		return time.Time{}, false
	}
	r, headers := new(Record), ""
	c := codec{b: g.at(g.from), reading: true}
	c.entry(r, &headers)
	return r.Start, !c.broken
}
