// SPDX-License-Identifier: Apache-2.0

package record

import (
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/metrics"
)

// Delivery writes CloudFront's log files as CloudFront delivers them: of each
// distribution and hour one file (or more, after a restart) with a name of
//
//	PREFIX E1EXAMPLE.2026-11-27-19.d111111a.gz
//
// A file is called .partial while it is written, and gets its name when the hour
// is over or the program ends: whoever takes files away finds whole ones only.
// (Developer Guide, "Configure standard logging (legacy)", "File name format".)
type Delivery struct {
	dir     string
	of      func(distribution string) (prefix string, cookies bool)
	writers metrics.Kept[string, *hourly]

	mu   sync.Mutex
	all  []*hourly // guarded by mu
	stop chan struct{}
	done chan struct{}
}

// NewDelivery begins to deliver into dir. of gives what the logging of a
// distribution says; nil: no prefix, no cookies.
func NewDelivery(dir string, of func(distribution string) (prefix string, cookies bool)) *Delivery {
	d := &Delivery{dir: dir, of: of, stop: make(chan struct{}), done: make(chan struct{})}
	d.writers.Make = d.begin
	go d.run()
	return d
}

// Write adds the line of r; it does not wait for the disk. What is of no
// distribution, and refreshes without a viewer, are in no log of CloudFront.
func (d *Delivery) Write(r *Record) {
	if r.Edge.Distribution != "" && !r.Cache.Background {
		d.writers.Get(r.Edge.Distribution).lines.Write(r)
	}
}

// Dropped is how many lines were lost.
func (d *Delivery) Dropped() (n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.all {
		n += h.lines.Dropped()
	}
	return n
}

// Close ends all files.
func (d *Delivery) Close() error {
	close(d.stop)
	<-d.done
	var errs []error
	for _, h := range d.all {
		errs = append(errs, h.lines.Close(), h.finish())
	}
	return errors.Join(errs...)
}

func (d *Delivery) begin(distribution string) *hourly {
	prefix, cookies := "", false
	if d.of != nil {
		prefix, cookies = d.of(distribution)
	}
	if !filepath.IsLocal(filepath.FromSlash(prefix + distribution)) {
		prefix = "" // it would leave the folder
	}
	h := &hourly{dir: d.dir, name: filepath.FromSlash(prefix) + distribution}
	h.lines = NewWriter(h, WriterOptions{NoHead: true, Cookies: cookies})
	d.mu.Lock()
	d.all = append(d.all, h)
	d.mu.Unlock()
	return h
}

// run ends files whose hour is over when no line comes that would.
func (d *Delivery) run() {
	defer close(d.done)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case now := <-tick.C:
			d.mu.Lock()
			all := d.all
			d.mu.Unlock()
			for _, h := range all {
				_ = h.check(now) // the file stays .partial
			}
		}
	}
}

// hourly writes the files of one distribution.
type hourly struct {
	dir, name string
	lines     *Writer

	mu   sync.Mutex
	hour string
	path string // as it is delivered
	f    *os.File
	z    *gzip.Writer
}

const hourForm = "2006-01-02-15"

// Write appends lines to the file of this hour.
func (h *hourly) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.endIfOver(time.Now()); err != nil {
		return 0, err
	}
	if h.f == nil {
		if err := h.open(time.Now()); err != nil {
			return 0, err
		}
	}
	if _, err := h.z.Write(p); err != nil {
		return 0, err
	}
	return len(p), h.z.Flush() // what a crash leaves behind can be read
}

func (h *hourly) open(now time.Time) error {
	hour := now.UTC().Format(hourForm)
	var unique [4]byte
	_, _ = rand.Read(unique[:]) // never fails
	path := filepath.Join(h.dir, h.name+"."+hour+"."+hex.EncodeToString(unique[:])+".gz")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".partial", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	h.hour, h.path, h.f, h.z = hour, path, f, gzip.NewWriter(f)
	_, err = h.z.Write([]byte(StandardHeader))
	return err
}

// check ends the file if its hour is not that of now.
func (h *hourly) check(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.endIfOver(now)
}

func (h *hourly) endIfOver(now time.Time) error {
	if h.f == nil || h.hour == now.UTC().Format(hourForm) {
		return nil
	}
	return h.end()
}

// finish ends the file.
func (h *hourly) finish() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end()
}

func (h *hourly) end() error {
	if h.f == nil {
		return nil
	}
	err := errors.Join(h.z.Close(), h.f.Close())
	h.f = nil
	if err != nil {
		return err
	}
	return os.Rename(h.path+".partial", h.path)
}
