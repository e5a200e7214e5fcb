// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxBundle bounds a bundle.
const maxBundle = 2 << 30

// missingFor is how long a bundle may be missing before it counts as not there:
// a replica may lag.
const missingFor = 3 * time.Second

func (c *Cluster) bundleFile(d Digest) string {
	return filepath.Join(c.config.Dir, "bundles", d.hex())
}

// PutBundle implements Bundles. The bundle is in this node's Dir afterwards, too.
func (c *Cluster) PutBundle(ctx context.Context, r io.Reader) (Digest, error) {
	d, err := c.keepBundle(r, "")
	if err != nil {
		return "", err
	}
	if err := c.Ready(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	err = again(ctx, func(try context.Context) error {
		store, err := c.link.js.ObjectStore(try, c.link.bundles())
		if err != nil {
			return err
		}
		if _, err := store.GetInfo(try, d.hex()); err == nil {
			return nil
		}
		f, err := os.Open(c.bundleFile(d))
		if err != nil {
			return err
		}
		defer f.Close()
		put, moves := stallable(ctx) // it may take longer than a try
		defer moves(0)
		_, err = store.Put(put, jetstream.ObjectMeta{Name: d.hex()}, moving{f, moves})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return d, nil
}

// stallTime is how long a transfer may stand still.
const stallTime = 10 * time.Second

// stallable is a context that ends when moves was not called for stallTime; and
// at moves(0).
func stallable(ctx context.Context) (_ context.Context, moves func(n int)) {
	ctx, cancel := context.WithCancel(ctx)
	end := time.AfterFunc(stallTime, cancel)
	return ctx, func(n int) {
		if end.Reset(stallTime); n == 0 {
			end.Stop()
			cancel()
		}
	}
}

// moving tells of each read that yields something.
type moving struct {
	r     io.Reader
	moves func(n int)
}

func (m moving) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.moves(n)
	}
	return n, err
}

// Bundle implements Bundles.
func (c *Cluster) Bundle(ctx context.Context, d Digest) (io.ReadSeekCloser, error) {
	if !d.valid() {
		return nil, fmt.Errorf("cluster: %q is no digest", d)
	}
	if f, err := openVerified(c.bundleFile(d), d); err == nil {
		return f, nil
	}
	if err := c.fetchBundle(ctx, d); err != nil {
		return nil, err
	}
	return openVerified(c.bundleFile(d), d)
}

// openVerified opens a file whose bytes have the digest.
func openVerified(name string, d Digest) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err = io.Copy(h, f); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil && hex.EncodeToString(h.Sum(nil)) != d.hex() {
		err = fmt.Errorf("cluster: %s has other bytes than its name says", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// fetchBundle gets a bundle from the others into this node's Dir.
func (c *Cluster) fetchBundle(ctx context.Context, d Digest) error {
	if err := c.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	begin, missing := time.Now(), false
	err := again(ctx, func(try context.Context) error {
		store, err := c.link.js.ObjectStore(try, c.link.bundles())
		if err != nil {
			return err
		}
		info, err := store.GetInfo(try, d.hex())
		if errors.Is(err, jetstream.ErrObjectNotFound) && time.Since(begin) > missingFor {
			missing = true
			return nil
		}
		if err != nil {
			return err
		}
		_, err = c.keepBundle(&chunks{ctx: ctx, link: c.link, subject: "$O." + c.link.bundles() + ".C." + info.NUID, left: int(info.Chunks)}, d)
		return err
	})
	switch {
	case missing:
		return fmt.Errorf("%w: %s", ErrNoBundle, d)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// chunks reads an object by direct gets, from whichever replica answers. (The
// client's own way makes a consumer, which needs more of the cluster to be well.)
type chunks struct {
	ctx     context.Context
	link    *link
	subject string
	left    int
	seq     uint64   // of the last chunk
	ahead   [][]byte // got, and not read
}

// chunksAtOnce is how many chunks of 128 KiB are asked for at once.
const chunksAtOnce = 16

func (c *chunks) Read(p []byte) (int, error) {
	for len(c.ahead) == 0 {
		if c.left == 0 {
			return 0, io.EOF
		}
		try, cancel := context.WithTimeout(c.ctx, stallTime)
		got, err := c.link.getFrom(try, "OBJ_"+c.link.bundles(), map[string]any{"seq": c.seq + 1, "next_by_subj": c.subject, "batch": chunksAtOnce})
		cancel()
		if err != nil {
			return 0, err
		}
		if len(got) == 0 || len(got) > c.left {
			return 0, errors.New("cluster: the replica has not all of the bundle")
		}
		for _, m := range got {
			c.seq, c.ahead = m.seq, append(c.ahead, m.data)
		}
		c.left -= len(got)
	}
	n := copy(p, c.ahead[0])
	if c.ahead[0] = c.ahead[0][n:]; len(c.ahead[0]) == 0 {
		c.ahead = c.ahead[1:]
	}
	return n, nil
}

// keepBundle writes what r yields into Dir, under its digest, which must be want
// if that is not empty.
func (c *Cluster) keepBundle(r io.Reader, want Digest) (Digest, error) {
	dir := filepath.Join(c.config.Dir, "bundles")
	f, err := os.CreateTemp(dir, "new.*") // mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(r, maxBundle+1))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	d := Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
	switch {
	case n > maxBundle:
		return "", fmt.Errorf("cluster: the bundle has more than %d bytes", maxBundle)
	case want != "" && d != want:
		return "", fmt.Errorf("cluster: bundle %s came with other bytes", want)
	}
	return d, os.Rename(f.Name(), c.bundleFile(d))
}
