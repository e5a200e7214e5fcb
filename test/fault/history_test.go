// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"
)

// history is what everybody saw. Times are of one clock, the arena's.
type history struct {
	mu        sync.Mutex
	reads     []read
	revisions []revision
	writes    []write
	deploys   []deployed
	logs      map[string][]logged // at the end, by node
	absent    []string            // what should have been answered, and was not
}

// read is one answer for a cached path. The origin has versions 1, 2, 3 of it.
type read struct {
	node, path string
	version    int
	begin      time.Duration // when the request was sent
}

// revision is one answer that tells of its revision three times.
type revision struct {
	node              string
	head, first, last int
	begin             time.Duration
}

// write is an invalidation of path that was told to be complete; version stood
// at the origin before it was asked for.
type write struct {
	path    string
	version int
	mark    string // a path of it that no other has
	acked   time.Duration
}

// deployed is a deploy that was told to be complete on some nodes.
type deployed struct {
	revision int
	number   uint64
	applied  []string
	acked    time.Duration
}

// logged is one entry of the log.
type logged struct {
	number uint64
	what   string // "deploy 7", or the paths of an invalidation
	token  string
}

func (l *logged) has(s string) bool { return slices.Contains(splitWords(l.what), s) }

// check says what must not be:
//
//	stale     an answer of an older version than one whose invalidation was
//	          complete before the request was sent
//	mixed     an answer of two revisions
//	undone    an older revision, on a node that was told to have applied another
//	          one before the request was sent
//	lost      what was told to be complete, and is not in the log
//	fork      two nodes with different entries of one number
//	absent    no answer from a node that had no fault
func (h *history) check() (all []string) {
	bad := func(format string, a ...any) { all = append(all, fmt.Sprintf(format, a...)) }
	h.checkReads(bad)
	h.checkRevisions(bad)
	h.checkLogs(bad)
	for _, a := range h.absent {
		bad("absent: %s", a)
	}
	return all
}

func (h *history) checkReads(bad func(string, ...any)) {
	by := map[string][]write{}
	for _, w := range h.writes {
		by[w.path] = append(by[w.path], w)
	}
	for _, ws := range by {
		sort.Slice(ws, func(i, j int) bool { return ws[i].acked < ws[j].acked })
		for i := 1; i < len(ws); i++ { // the highest so far
			ws[i].version = max(ws[i].version, ws[i-1].version)
		}
	}
	for _, r := range h.reads {
		ws := by[r.path]
		i := sort.Search(len(ws), func(i int) bool { return ws[i].acked >= r.begin })
		if i > 0 && r.version < ws[i-1].version {
			bad("stale: %s gave version %d of %s at %v; the invalidation for %d was complete at %v",
				r.node, r.version, r.path, r.begin, ws[i-1].version, ws[i-1].acked)
		}
	}
}

func (h *history) checkRevisions(bad func(string, ...any)) {
	for _, r := range h.revisions {
		if r.head != r.first || r.first != r.last {
			bad("mixed: %s gave an answer of the revisions %d, %d, %d at %v", r.node, r.head, r.first, r.last, r.begin)
		}
		for _, d := range h.deploys {
			if d.acked < r.begin && d.revision > r.first && slices.Contains(d.applied, r.node) {
				bad("undone: %s gave revision %d at %v; it had applied %d by %v", r.node, r.first, r.begin, d.revision, d.acked)
				break
			}
		}
	}
}

func (h *history) checkLogs(bad func(string, ...any)) {
	at := map[uint64]logged{}
	for node, log := range h.logs {
		for i, l := range log {
			if l.number != uint64(i+1) {
				bad("lost: %s has entry %d in place %d", node, l.number, i+1)
			}
			if o, ok := at[l.number]; ok && o != l {
				bad("fork: entry %d is %q and %q", l.number, o.what, l.what)
			}
			at[l.number] = l
		}
		for _, d := range h.deploys {
			if i := int(d.number) - 1; i < 0 || i >= len(log) || log[i].what != fmt.Sprint("deploy ", d.revision) {
				bad("lost: %s has no deploy of revision %d at %d", node, d.revision, d.number)
			}
		}
		for _, w := range h.writes {
			if !slices.ContainsFunc(log, func(l logged) bool { return l.has(w.mark) }) {
				bad("lost: %s has no invalidation %s", node, w.mark)
			}
		}
	}
}

// TestCheckFindsEach shows that each kind of violation is found, and that a
// history without one is left alone.
func TestCheckFindsEach(t *testing.T) {
	good := func() *history {
		log := func() []logged { return []logged{{1, "deploy 1", "a"}, {2, "/x /mark/1", "b"}, {3, "deploy 2", "c"}} }
		return &history{
			reads:     []read{{"n1", "/x", 1, 5}, {"n1", "/x", 1, 10}, {"n2", "/x", 2, 11}, {"n3", "/y", 1, 12}},
			writes:    []write{{"/x", 2, "/mark/1", 10}},
			revisions: []revision{{"n1", 1, 1, 1, 3}, {"n2", 1, 1, 1, 25}, {"n1", 2, 2, 2, 25}},
			deploys:   []deployed{{1, 1, []string{"n1", "n2"}, 2}, {2, 3, []string{"n1"}, 20}},
			logs:      map[string][]logged{"n1": log(), "n2": log()},
		}
	}
	for _, tt := range []struct {
		name, want string
		spoil      func(*history)
	}{
		{"nothing", "", func(*history) {}},
		{"a stale answer", "stale: n3", func(h *history) { h.reads = append(h.reads, read{"n3", "/x", 1, 11}) }},
		{"a stale answer, acknowledged out of order", "stale: n3", func(h *history) {
			h.writes = append(h.writes, write{"/x", 1, "/mark/1", 12})
			h.reads = append(h.reads, read{"n3", "/x", 1, 13})
		}},
		{"a body of two revisions", "mixed: n1", func(h *history) { h.revisions = append(h.revisions, revision{"n1", 2, 2, 1, 30}) }},
		{"a head of another revision", "mixed: n1", func(h *history) { h.revisions = append(h.revisions, revision{"n1", 1, 2, 2, 30}) }},
		{"an older revision", "undone: n1", func(h *history) { h.revisions = append(h.revisions, revision{"n1", 1, 1, 1, 21}) }},
		{"a lost deploy", "lost: n2", func(h *history) { h.logs["n2"] = h.logs["n2"][:2] }},
		{"a lost invalidation", "lost: n1 has no invalidation", func(h *history) { h.logs["n1"][1].what = "/x" }},
		{"a gap", "lost: n1 has entry 3 in place 2", func(h *history) { h.logs["n1"] = slices.Delete(h.logs["n1"], 1, 2) }},
		{"two logs", "fork: entry 2", func(h *history) { h.logs["n2"][1].token = "z" }},
		{"no answer", "absent: n1", func(h *history) { h.absent = []string{"n1: refused"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := good()
			tt.spoil(h)
			got := h.check()
			if tt.want == "" {
				if got != nil {
					t.Error(got)
				}
				return
			}
			if !slices.ContainsFunc(got, func(s string) bool { return len(s) >= len(tt.want) && s[:len(tt.want)] == tt.want }) {
				t.Errorf("want %q: %v", tt.want, got)
			}
		})
	}
}
