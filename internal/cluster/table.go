// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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
