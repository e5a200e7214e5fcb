// SPDX-License-Identifier: Apache-2.0

package index

import (
	"runtime"
	"unsafe"

	"github.com/forelane/forelane/internal/cache/arena"
)

// words is zeroed memory outside the heap. It goes back to the system by free,
// or when nothing points to it.
type words struct {
	w     []uint64
	raw   []byte // nil: of the heap
	clean runtime.Cleanup
}

func newWords(n int) *words {
	raw, mapped := arena.Map(n * 8)
	m := &words{w: unsafe.Slice((*uint64)(unsafe.Pointer(&raw[0])), n)}
	if mapped {
		m.raw = raw
		m.clean = runtime.AddCleanup(m, arena.Unmap, raw)
	}
	return m
}

func (m *words) free() {
	if m.raw != nil {
		m.clean.Stop()
		arena.Unmap(m.raw)
	}
	m.w, m.raw = nil, nil
}
