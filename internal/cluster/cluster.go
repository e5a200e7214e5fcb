// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"io"
	"time"
)

// Cluster is a node's place in the cluster. Make it with Open.
type Cluster struct{ config Config }

// Open starts what Config asks for and returns at once: the log may not be
// reachable yet. Errors are those of Config and of the node's own folder.
func Open(c Config) (*Cluster, error) { return nil, errors.ErrUnsupported }

// Close leaves the cluster. A Follower that still runs is stopped, and what the
// node has cached is not current from then on.
func (c *Cluster) Close() error { return errors.ErrUnsupported }

// Node is the node's name.
func (c *Cluster) Node() string { return c.config.Node }

// Ready returns when the log can be reached, or with ctx's error.
func (c *Cluster) Ready(ctx context.Context) error { return errors.ErrUnsupported }

// Append implements Log.
func (c *Cluster) Append(ctx context.Context, e Entry, expectLast uint64) (Entry, error) {
	return Entry{}, errors.ErrUnsupported
}

// Last implements Log.
func (c *Cluster) Last(ctx context.Context) (Entry, error) { return Entry{}, errors.ErrUnsupported }

// Read implements Log.
func (c *Cluster) Read(ctx context.Context, after uint64, limit int) ([]Entry, error) {
	return nil, errors.ErrUnsupported
}

// Wait implements Log.
func (c *Cluster) Wait(ctx context.Context, number uint64) (Completion, error) {
	return Completion{}, errors.ErrUnsupported
}

// Members are the nodes that the log knows of, by name.
func (c *Cluster) Members(ctx context.Context) ([]Member, error) { return nil, errors.ErrUnsupported }

// PutBundle implements Bundles.
func (c *Cluster) PutBundle(ctx context.Context, r io.Reader) (Digest, error) {
	return "", errors.ErrUnsupported
}

// Bundle implements Bundles.
func (c *Cluster) Bundle(ctx context.Context, d Digest) (io.ReadSeekCloser, error) {
	return nil, errors.ErrUnsupported
}

// Follow begins to apply entries to a Consumer. Restore has returned when
// Follow does; entries are applied from then on, until Close. A Cluster follows
// once.
func (c *Cluster) Follow(ctx context.Context, to Consumer) (*Follower, error) {
	return nil, errors.ErrUnsupported
}

// Follower applies the log to a Consumer.
type Follower struct{}

// Current tells whether the node has surely applied every invalidation whose
// completion was told to anybody before now. It costs a few comparisons and
// allocates nothing. Where it is false, what is cached is to be revalidated.
func (f *Follower) Current(now time.Time) bool { return false }

// Position is the number of the last entry that was applied.
func (f *Follower) Position() uint64 { return 0 }

// InForce are the entries in force, oldest first.
func (f *Follower) InForce() []Entry { return nil }

// Table is a set of small values that nodes share: API keys, what is used of
// quotas.
type Table struct{}

// Table opens the table of a name ("quota"), which is made where it is missing.
func (c *Cluster) Table(name string) *Table { return nil }

// Get returns a value and its revision, 0 when there is none.
func (t *Table) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	return nil, 0, errors.ErrUnsupported
}

// Put sets a value if it still has the revision (0: if there is none), and
// returns the new one; else ErrConflict.
func (t *Table) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return 0, errors.ErrUnsupported
}

// Add adds n to a number, which begins at 0, and returns the sum.
func (t *Table) Add(ctx context.Context, key string, n int64) (int64, error) {
	return 0, errors.ErrUnsupported
}

var (
	_ Log     = (*Cluster)(nil)
	_ Bundles = (*Cluster)(nil)
)
