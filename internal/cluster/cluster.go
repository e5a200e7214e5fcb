// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// Cluster is a node's place in the cluster. Make it with Open.
type Cluster struct {
	config Config
	lock   *os.File // of Dir
	engine *engine  // nil: the cluster is elsewhere
	link   *link
	roster *roster
	places places

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup
	follower atomic.Pointer[Follower]
	closed   sync.Once
}

// ErrInUse: another process has Dir.
var ErrInUse = errors.New("cluster: another process uses the folder")

// Open starts what Config asks for and returns at once: the log may not be
// reachable yet. Errors are those of Config and of the node's own folder.
func Open(config Config) (*Cluster, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(config.Dir, "bundles"), 0o700); err != nil {
		return nil, err
	}
	c := &Cluster{config: config, roster: newRoster()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.start(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start() (err error) {
	if c.lock, err = lockDir(c.config.Dir); err != nil {
		return err
	}
	if c.config.Node == "" {
		if c.config.Node, err = nodeName(c.config.Dir); err != nil {
			return err
		}
	}
	if c.config.URL == "" {
		if c.engine, err = startEngine(&c.config); err != nil {
			return err
		}
	}
	if c.link, err = connect(&c.config, c.engine); err != nil {
		return err
	}
	if _, err = c.link.nc.Subscribe(c.link.appliedHint(), c.heardHint); err != nil {
		return err
	}
	c.running.Go(func() { c.link.prepare(c.ctx, &c.config) })
	c.running.Go(c.watch)
	return nil
}

// lockDir takes the folder for this process.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w %s", ErrInUse, dir), f.Close())
	}
	return f, nil
}

// watch reads beats now and then, so that who waits knows at once who is long
// gone.
func (c *Cluster) watch() {
	if c.Ready(c.ctx) != nil {
		return
	}
	every := time.NewTicker(c.config.Tenure / beatsATenure)
	defer every.Stop()
	for {
		try, cancel := context.WithTimeout(c.ctx, tryTime)
		_, _ = c.look(try) // the next time is soon
		cancel()
		select {
		case <-every.C:
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Cluster) heardHint(m *nats.Msg) {
	var b beat
	if json.Unmarshal(m.Data, &b) == nil && word(b.Node) {
		c.roster.hear(b, 0)
	}
}

// Close leaves the cluster. A Follower that still runs is stopped, and what the
// node has cached is not current from then on.
func (c *Cluster) Close() error {
	c.closed.Do(func() {
		c.cancel()
		c.running.Wait()
		if c.link != nil {
			c.link.nc.Close()
		}
		if c.engine != nil {
			c.engine.Shutdown()
			c.engine.WaitForShutdown()
		}
		if c.lock != nil {
			_ = c.lock.Close() // nothing was written to it
		}
	})
	return nil
}

// Node is the node's name.
func (c *Cluster) Node() string { return c.config.Node }

// Ready returns when the log could be reached once, or with ctx's error.
func (c *Cluster) Ready(ctx context.Context) error {
	select {
	case <-c.link.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return errors.New("cluster: closed")
	}
}

// Follow begins to apply entries to a Consumer. Restore has returned when
// Follow does; entries are applied from then on, until Close. A Cluster follows
// once.
func (c *Cluster) Follow(ctx context.Context, to Consumer) (*Follower, error) {
	f := newFollower(c, to)
	if !c.follower.CompareAndSwap(nil, f) {
		return nil, errors.New("cluster: a node follows once")
	}
	if err := f.restore(ctx); err != nil {
		c.follower.Store(nil)
		return nil, err
	}
	sub, err := c.link.nc.Subscribe(c.link.headHint(), func(m *nats.Msg) {
		n, _ := strconv.ParseUint(string(m.Data), 10, 64)
		select {
		case f.hinted <- n:
		default:
			kick(f.fetchSoon)
		}
	})
	if err != nil {
		return nil, err
	}
	c.running.Go(func() {
		defer func() { _ = sub.Unsubscribe() }() // Close closes the connection in any case
		if c.Ready(c.ctx) == nil {
			f.follow(c.ctx)
		}
	})
	return f, nil
}

// Current is the Follower's: false as long as the node does not follow.
func (c *Cluster) Current(now time.Time) bool {
	f := c.follower.Load()
	return f != nil && f.Current(now)
}

// Invalidate appends an invalidation and waits until it is complete. It returns
// the invalidation's id, also with the error of a Wait that was cut short.
func (c *Cluster) Invalidate(ctx context.Context, distribution string, paths []string) (id string, err error) {
	e, err := c.Append(ctx, Entry{Kind: Invalidate, Invalidation: &Invalidation{Distribution: distribution, Paths: paths}}, AnyLast)
	if err != nil {
		return "", err
	}
	_, err = c.Wait(ctx, e.Number)
	return e.Invalidation.ID, err
}

var (
	_ Log     = (*Cluster)(nil)
	_ Bundles = (*Cluster)(nil)
)
