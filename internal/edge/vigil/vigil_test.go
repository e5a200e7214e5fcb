// SPDX-License-Identifier: Apache-2.0

package vigil

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The fetch goes on as long as somebody waits for it, whether it is asked or
// watched.
func TestVigil(t *testing.T) {
	for _, watched := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := cache.New(cache.Config{})
			viewer, left := context.WithCancel(t.Context())
			l := c.Open([]byte("k"), time.Now(), true).Lease
			follower := c.Open([]byte("k"), time.Now(), true).Flight
			v := New(viewer, l)
			if watched {
				v.Done()
			}
			derived, cancel := context.WithCancel(v)
			defer cancel()
			left()
			synctest.Wait()
			if err := v.Err(); err != nil {
				t.Errorf("watched %v: %v while another waits", watched, err)
			}
			follower.Leave()
			synctest.Wait()
			if v.Err() == nil || derived.Err() == nil {
				t.Errorf("watched %v: it goes on for nobody", watched)
			}
			v.End(false)
			l.Abandon()
		})
	}
}

// One whose viewer has its answer goes on, whatever the viewer does then.
func TestVigilThatIsOver(t *testing.T) {
	c := cache.New(cache.Config{})
	viewer, left := context.WithCancel(t.Context())
	l := c.Open([]byte("k"), time.Now(), true).Lease
	v := New(viewer, l)
	v.End(true)
	left()
	if err := v.Err(); err != nil {
		t.Error(err)
	}
	l.Abandon()
}
