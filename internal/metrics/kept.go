// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Kept finds the series of keys that are only known when they are met, such as
// the rule that blocked: it makes each once, and after that finding it takes
// neither a lock nor memory. There are at most MaxSeries; whoever has a further
// key gets what belongs to the zero key. Make must be set; keys are kept.
type Kept[K comparable, V any] struct {
	Make func(K) V

	known atomic.Pointer[map[K]V] // replaced, never changed
	mu    sync.Mutex              // of who replaces it
}

// Get is the value of a key.
func (k *Kept[K, V]) Get(key K) V {
	if m := k.known.Load(); m != nil {
		if v, ok := (*m)[key]; ok {
			return v
		}
	}
	return k.add(key)
}

func (k *Kept[K, V]) add(key K) V {
	k.mu.Lock()
	defer k.mu.Unlock()
	var next map[K]V
	if m := k.known.Load(); m != nil {
		if v, ok := (*m)[key]; ok {
			return v
		}
		if len(*m) >= MaxSeries {
			var other K
			if v, ok := (*m)[other]; ok {
				return v
			}
			key = other
		}
		next = maps.Clone(*m)
	} else {
		next = map[K]V{}
	}
	v := k.Make(key)
	next[key] = v
	k.known.Store(&next)
	return v
}
