// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Table is a set of small values that nodes share: API keys, what is used of
// quotas. A value may be read a little late; it is changed by whoever has read
// its last revision.
type Table struct {
	c    *Cluster
	name string
}

// Table names a table ("quota"), which is made where it is missing. The name has
// letters, digits, - and _; keys may have . = / too.
func (c *Cluster) Table(name string) *Table { return &Table{c, name} }

// do runs f on the table.
func (t *Table) do(ctx context.Context, f func(context.Context, jetstream.KeyValue) error) error {
	if !word(t.name) {
		return fmt.Errorf("cluster: %q is no name of a table", t.name)
	}
	if err := t.c.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	bucket := t.c.config.Name + "-" + t.name
	var final error
	err := again(ctx, func(ctx context.Context) error {
		kv, err := t.c.link.js.KeyValue(ctx, bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			kv, err = t.c.link.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Replicas: t.c.config.Replicas})
		}
		if err != nil {
			return err
		}
		switch err := f(ctx, kv); {
		case err == nil:
		case errors.Is(err, ErrConflict), errors.Is(err, jetstream.ErrInvalidKey):
			final = err
		default:
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return final
}

// Get returns a value and its revision, 0 when there is none.
func (t *Table) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	err = t.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		value, revision, err = get(ctx, kv, key)
		return err
	})
	return value, revision, err
}

func get(ctx context.Context, kv jetstream.KeyValue, key string) ([]byte, uint64, error) {
	e, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return e.Value(), e.Revision(), nil
}

// Put sets a value if it still has the revision (0: if there is none), and
// returns the new one; else ErrConflict. After another error it may be set or
// not.
func (t *Table) Put(ctx context.Context, key string, value []byte, revision uint64) (next uint64, err error) {
	err = t.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		next, err = kv.Update(ctx, key, value, revision)
		if mismatch(err) {
			err = fmt.Errorf("%w: %w", ErrConflict, err)
		}
		return err
	})
	return next, err
}

// Set sets a value, whatever it was.
func (t *Table) Set(ctx context.Context, key string, value []byte) error {
	return t.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Put(ctx, key, value)
		return err
	})
}

// All returns all values by key: up to a thousand.
func (t *Table) All(ctx context.Context) (all map[string][]byte, err error) {
	prefix := "$KV." + t.c.config.Name + "-" + t.name + "."
	err = t.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		got, err := t.c.link.getFrom(ctx, "KV_"+kv.Bucket(), map[string]any{"multi_last": []string{prefix + ">"}})
		if err != nil {
			return err
		}
		all = map[string][]byte{}
		for _, m := range got {
			if m.header.Get("KV-Operation") == "" { // else it was deleted
				all[strings.TrimPrefix(m.subject, prefix)] = m.data
			}
		}
		return nil
	})
	return all, err
}

// Words are the Table's values as what nodes tell each other: each sets the one
// of its name.
type Words struct{ *Table }

// Tell sets this node's value.
func (w Words) Tell(ctx context.Context, word []byte) error { return w.Set(ctx, w.c.Node(), word) }

// Others are the values of all other nodes.
func (w Words) Others(ctx context.Context) ([][]byte, error) {
	all, err := w.All(ctx)
	delete(all, w.c.Node())
	return slices.Collect(maps.Values(all)), err
}

// mismatch tells whether a value had another revision.
func mismatch(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && (api.ErrorCode == wrongLast || api.ErrorCode == wrongLastBusy)
}

// Add adds n to a number, which begins at 0, and returns the sum. After an error
// it may be added or not.
func (t *Table) Add(ctx context.Context, key string, n int64) (sum int64, err error) {
	err = t.do(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		for {
			value, revision, err := get(ctx, kv, key)
			if err != nil {
				return err
			}
			have := int64(0)
			if revision > 0 {
				if have, err = strconv.ParseInt(string(value), 10, 64); err != nil {
					return fmt.Errorf("cluster: %s is no number: %w", key, err)
				}
			}
			sum = have + n
			_, err = kv.Update(ctx, key, strconv.AppendInt(nil, sum, 10), revision)
			if !mismatch(err) {
				return err
			}
			if !rest(ctx, tryPause) {
				return ctx.Err()
			}
		}
	})
	return sum, err
}
