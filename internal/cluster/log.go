// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// Appending. The message is written under the condition that the entry it was
// numbered after is still the last. When no answer comes, the same message is
// written again under the same condition, so it can stand in the log once at
// most; whether it does is seen by its Token, in the entry behind that one. As
// soon as another entry stands there, no copy that is still on its way can be
// written any more.

// batch is how many entries a read asks for at once.
const batch = 256

// Append implements Log.
func (c *Cluster) Append(ctx context.Context, e Entry, expectLast uint64) (Entry, error) {
	e.Token, e.At = randomHex(12), time.Now().UTC()
	if e.Kind == Invalidate && e.Invalidation != nil && e.Invalidation.ID == "" {
		named := *e.Invalidation
		named.ID = invalidationID()
		e.Invalidation = &named
	}
	if err := e.check(); err != nil {
		return e, err
	}
	if err := c.Ready(ctx); err != nil {
		return e, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	a := appending{c: c, e: e, expect: expectLast, behind: c.places.last()}
	a.look = a.behind.Number == 0 || a.behind.Number < expectLast && expectLast != AnyLast
	err := again(ctx, a.try)
	switch {
	case a.done:
		c.places.note(a.e.place())
		c.hintHead(a.e.Number)
		return a.e, nil
	case a.final != nil:
		return e, a.final
	case a.sent:
		return e, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return e, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// appending is one Append on its way.
type appending struct {
	c      *Cluster
	e      Entry
	expect uint64
	behind place // the entry that e is numbered after
	look   bool  // there may be others behind that one: read them first
	sent   bool  // a copy behind that entry may be written already, or later
	done   bool
	final  error
}

// try is one round. nil: no more rounds.
func (a *appending) try(ctx context.Context) error {
	if a.look {
		if err := a.catchUp(ctx); err != nil || a.done {
			return err
		}
	}
	if a.expect != AnyLast && a.behind.Number != a.expect {
		if a.behind.Number > a.expect {
			a.final = ErrConflict
			return nil
		}
		a.look = true
		return fmt.Errorf("the log ends at %d, not %d", a.behind.Number, a.expect) // a replica that lags
	}
	return a.write(ctx)
}

// catchUp reads what is behind the entry that e was to stand behind: e itself,
// if it was written, or others.
func (a *appending) catchUp(ctx context.Context) error {
	if a.behind.Number == 0 && !a.sent { // no need to read it all
		last, err := a.c.lastEntry(ctx)
		if err != nil {
			return err
		}
		a.behind = last.place()
	}
	for {
		next, err := a.c.after(ctx, a.behind.Seq, batch)
		if err != nil || len(next) == 0 {
			return err
		}
		for _, n := range next {
			if a.sent && n.Token == a.e.Token {
				a.e, a.done = n, true
				return nil
			}
			a.behind, a.sent = n.place(), false
		}
	}
}

func (a *appending) write(ctx context.Context) error {
	a.e.Number, a.e.Prev = a.behind.Number+1, a.behind.Token
	data, err := a.e.encode()
	if err != nil {
		a.final = err
		return nil
	}
	l := a.c.link
	m := nats.NewMsg(l.entries())
	m.Data = data
	l.expect(m, a.behind.Seq)
	seq, err := l.publish(ctx, m, a.behind.Seq)
	switch {
	case err == nil:
		a.e.seq, a.done = seq, true
		return nil
	case !errors.Is(err, errMismatch):
		a.sent = true
	}
	a.look = true
	return err
}

// lastEntry is the last entry that some replica has.
func (c *Cluster) lastEntry(ctx context.Context) (Entry, error) {
	got, err := c.link.get(ctx, map[string]any{"multi_last": []string{c.link.entries()}})
	if err != nil || len(got) == 0 {
		return Entry{}, err
	}
	return decode(got[0])
}

// Last implements Log.
func (c *Cluster) Last(ctx context.Context) (e Entry, err error) {
	return e, c.reading(ctx, func(ctx context.Context) error {
		e, err = c.lastEntry(ctx)
		return err
	})
}

// Read implements Log.
func (c *Cluster) Read(ctx context.Context, after uint64, limit int) (all []Entry, err error) {
	return all, c.reading(ctx, func(ctx context.Context) error {
		all, err = c.read(ctx, after, limit)
		return err
	})
}

func (c *Cluster) reading(ctx context.Context, f func(ctx context.Context) error) error {
	if err := c.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := again(ctx, f); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func (c *Cluster) read(ctx context.Context, after uint64, limit int) ([]Entry, error) {
	var all []Entry
	for from := c.places.before(after); len(all) < limit; {
		got, err := c.after(ctx, from.Seq, batch)
		if err != nil || len(got) == 0 {
			return all, err
		}
		for _, e := range got {
			from = e.place()
			if e.Number > after && len(all) < limit {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

// after reads up to n entries that stand behind a place of the stream.
func (c *Cluster) after(ctx context.Context, seq uint64, n int) ([]Entry, error) {
	got, err := c.link.get(ctx, map[string]any{"seq": seq + 1, "next_by_subj": c.link.entries(), "batch": n})
	if err != nil {
		return nil, err
	}
	all := make([]Entry, 0, len(got))
	for _, m := range got {
		e, err := decode(m)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
		c.places.note(e.place())
	}
	return all, nil
}

// hintHead tells all nodes that there is a new entry.
func (c *Cluster) hintHead(number uint64) {
	_ = c.link.nc.Publish(c.link.headHint(), strconv.AppendUint(nil, number, 10)) // they look by themselves, too
}
