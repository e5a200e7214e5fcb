// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/throttle"
)

// keepEvery is how often the counts of quotas are written: a node that is killed
// forgets no more than this.
const keepEvery = 10 * time.Second

var errTooManyCounts = errors.New("server: there are too many counts to tell at once")

// keeper has what requests used of their limits, over all revisions. Buckets
// are in memory; the counts of quotas are also in a file, which a restart goes
// on from. A predecessor that still finishes requests writes the same file: of
// two counts of one period the larger one holds.
type keeper struct {
	limits *gateway.Limits
	file   string
	last   []byte // what was written last
	failed bool   // the last write, which was told
	once   sync.Once
	stop   chan struct{}
	shared sync.WaitGroup
	alone  context.CancelFunc // ends share
	done   chan struct{}
	warn   func(msg string, args ...any)
}

// newKeeper reads what a node before has left, and begins to write.
func newKeeper(o *Options, warn func(string, ...any)) *keeper {
	k := &keeper{
		limits: gateway.NewLimits(), file: filepath.Join(o.Data, "quotas.json"),
		stop: make(chan struct{}), done: make(chan struct{}), warn: warn,
	}
	if o.APIRate != 0 {
		k.limits.Account.Rate = &o.APIRate
	}
	if o.APIBurst != 0 {
		k.limits.Account.Burst = &o.APIBurst
	}
	k.read()
	ctx, cancel := context.WithCancel(context.Background())
	k.alone = cancel
	if o.Words != nil {
		k.shared.Go(func() { k.share(ctx, o.Words) })
	}
	go k.run()
	return k
}

func (k *keeper) run() {
	defer close(k.done)
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			k.write()
		case <-k.stop:
			k.write()
			return
		}
	}
}

// close writes a last time.
func (k *keeper) close() {
	k.once.Do(func() { close(k.stop) })
	k.alone()
	k.shared.Wait()
	<-k.done
}

func (k *keeper) read() {
	b, err := os.ReadFile(k.file)
	var counts []throttle.Count
	if err == nil {
		err = json.Unmarshal(b, &counts)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.warn("the counts of quotas cannot be read: they begin anew", "error", err)
		}
		return
	}
	k.limits.Quotas.Merge(counts, time.Now())
}

// write writes what has changed, after a look at what another process wrote.
func (k *keeper) write() {
	if len(k.limits.Quotas.Counts(time.Now())) == 0 {
		return
	}
	k.read()
	b, err := json.Marshal(k.limits.Quotas.Counts(time.Now()))
	if err != nil || bytes.Equal(b, k.last) {
		return // only texts, times and numbers get here
	}
	if err := replace(k.file, b); err != nil {
		if !k.failed {
			k.warn("the counts of quotas are in memory only", "error", err)
		}
		k.failed = true
		return
	}
	k.last, k.failed = b, false
}

// replace puts a file in another one's place as a whole.
func replace(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
