// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
)

// Bundles lie in the same stream as the entries, in chunks, under a subject of
// their own (NAME.bundle.DIGEST). So a replica that has an entry has its bundle
// too. Each chunk says its place ("3/8"). Whoever stores a bundle writes all its
// chunks in order, waiting for each; who reads takes the first of each place:
// it does not matter how often a bundle was stored, or begun to be.

const (
	maxBundle = 2 << 30
	chunkSize = 256 << 10
	// chunksAtOnce is how many are asked for at once.
	chunksAtOnce = 8
	chunkField   = "Forelane-Chunk"
)

// missingFor is how long a bundle may be missing before it counts as not there:
// a replica may lag.
const missingFor = 5 * time.Second

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
	f, err := os.Open(c.bundleFile(d))
	if err != nil {
		return "", err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return "", err
	}
	chunks := max(1, int((stat.Size()+chunkSize-1)/chunkSize))
	next := 0
	err = again(ctx, func(ctx context.Context) error {
		has, err := c.hasBundle(ctx, d, chunks)
		if has {
			next = chunks
		}
		return err
	})
	for ; err == nil && next < chunks; next++ {
		err = again(ctx, func(ctx context.Context) error { return c.putChunk(ctx, d, f, next, chunks) })
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return d, nil
}

// hasBundle tells whether the last chunk is there: those before it are, then.
func (c *Cluster) hasBundle(ctx context.Context, d Digest, chunks int) (bool, error) {
	got, err := c.link.get(ctx, map[string]any{"multi_last": []string{c.link.bundle(d)}})
	return len(got) == 1 && got[0].header.Get(chunkField) == fmt.Sprintf("%d/%d", chunks-1, chunks), err
}

func (c *Cluster) putChunk(ctx context.Context, d Digest, f io.ReaderAt, i, of int) error {
	b := make([]byte, chunkSize)
	n, err := f.ReadAt(b, int64(i)*chunkSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	m := nats.NewMsg(c.link.bundle(d))
	m.Data = b[:n]
	m.Header.Set(chunkField, fmt.Sprintf("%d/%d", i, of))
	_, err = c.link.publish(ctx, m, 0)
	return err
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
	err := again(ctx, func(context.Context) error { // a bundle may take longer than a try
		_, err := c.keepBundle(&chunks{ctx: ctx, link: c.link, subject: c.link.bundle(d)}, d)
		if errors.Is(err, errNoChunk) && time.Since(begin) > missingFor {
			missing = true
			return nil
		}
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

// errNoChunk: the replica has no next chunk.
var errNoChunk = errors.New("cluster: the replica has not all of the bundle")

// chunks reads a bundle from whichever replica answers.
type chunks struct {
	ctx     context.Context
	link    *link
	subject string
	seq     uint64 // of the last chunk that was read
	next    int    // its place
	of      int    // 0: not known yet
	ahead   bytes.Buffer
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.ahead.Len() == 0 {
		if c.of > 0 && c.next == c.of {
			return 0, io.EOF
		}
		if err := c.more(); err != nil {
			return 0, err
		}
	}
	return c.ahead.Read(p)
}

func (c *chunks) more() error {
	ctx, cancel := context.WithTimeout(c.ctx, tryTime)
	defer cancel()
	got, err := c.link.get(ctx, map[string]any{"seq": c.seq + 1, "next_by_subj": c.subject, "batch": chunksAtOnce})
	if err != nil {
		return err
	}
	if len(got) == 0 {
		return errNoChunk
	}
	for _, m := range got {
		var i, of int
		if n, _ := fmt.Sscanf(m.header.Get(chunkField), "%d/%d", &i, &of); n != 2 || i < 0 || of < 1 || i > c.next {
			return fmt.Errorf("cluster: chunk %q of a bundle where %d/%d was to come", m.header.Get(chunkField), c.next, c.of)
		}
		if c.seq, c.of = m.seq, of; i == c.next {
			c.next++
			c.ahead.Write(m.data)
		}
	}
	return nil
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
