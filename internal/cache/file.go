// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync/atomic"

	"github.com/forelane/forelane/internal/cache/disk"
)

// file is the body of an object that is too large for memory: it is read from
// disk in pieces. Each hold of an Object over it, and each Refreshed copy,
// keeps it open.
type file struct {
	item *disk.Item
	ref  disk.Ref
	refs atomic.Int32 // Objects
}

func (f *file) release() {
	if f.refs.Add(-1) == 0 {
		f.item.Close()
	}
}

// slice calls yield with the pieces between from and to, which are good until
// it returns.
func (f *file) slice(from, to int64, yield func([]byte) error) error {
	buf := make([]byte, min(to-from, readSize))
	for from < to {
		p := buf[:min(to-from, int64(len(buf)))]
		if n, err := f.item.ReadAt(p, from); n < len(p) {
			return err
		}
		if err := yield(p); err != nil {
			return err
		}
		from += int64(len(p))
	}
	return nil
}
