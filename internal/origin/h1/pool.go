// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"slices"
	"sync"
	"time"
)

// pool is where connections rest: the last one to come is the first to be
// taken, so that those that are not needed grow old and are closed. The zero
// pool is empty and usable.
type pool struct {
	mu    sync.Mutex
	conns []*conn // by age, the oldest first
	timer *time.Timer
}

// put lets c rest for as long as life.
func (p *pool) put(c *conn, most int, life time.Duration) {
	p.mu.Lock()
	if len(p.conns) >= most {
		p.mu.Unlock()
		_ = c.nc.Close()
		return
	}
	c.rested = time.Now()
	p.conns = append(p.conns, c)
	if len(p.conns) == 1 {
		p.wake(life, life)
	}
	p.mu.Unlock()
}

// get is the connection that rested last, nil if there is none.
func (p *pool) get(life time.Duration) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns)
	if n == 0 || time.Since(p.conns[n-1].rested) >= life {
		return nil // all are too old: the timer is about to close them
	}
	c := p.conns[n-1]
	p.conns[n-1] = nil
	p.conns = p.conns[:n-1]
	return c
}

// wake has the pool swept after d. The caller holds p.mu.
func (p *pool) wake(d, life time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(d, func() { p.sweep(life) })
		return
	}
	p.timer.Reset(d)
}

// sweep closes what has rested for as long as life.
func (p *pool) sweep(life time.Duration) {
	now := time.Now()
	p.mu.Lock()
	n := 0
	for n < len(p.conns) && now.Sub(p.conns[n].rested) >= life {
		n++
	}
	old := slices.Clone(p.conns[:n])
	p.conns = slices.Delete(p.conns, 0, n)
	if len(p.conns) > 0 {
		p.wake(life-now.Sub(p.conns[0].rested), life)
	}
	p.mu.Unlock()
	for _, c := range old {
		_ = c.nc.Close()
	}
}

func (p *pool) closeAll() {
	p.mu.Lock()
	old := p.conns
	p.conns = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	for _, c := range old {
		_ = c.nc.Close()
	}
}
