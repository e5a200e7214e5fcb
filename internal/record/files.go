// SPDX-License-Identifier: Apache-2.0

package record

import (
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// FilesOptions are those of Files. Dir and Name are required.
type FilesOptions struct {
	Dir string
	// Name gives a file's name, with slashes, by the hour that it is of and a
	// text that is new for each.
	Name func(hour time.Time, unique string) string
	// Layout is the form of the lines. Nil: the standard log, with cookies where
	// Cookies says so.
	Layout  *Layout
	Cookies bool
	// Parquet makes Parquet of a file that is whole. Layout must be JSON then; what
	// cannot be made into it stays as it is, NAME.json.gz.
	Parquet bool
	// Failed hears of that. Nil: nobody does.
	Failed func(error)
	// Every is how long a file is written to. 0: until its hour is over, which
	// ends it in any case.
	Every time.Duration
	// Deliver takes a whole file away to where the name says; it may take its
	// time. Nil, or an error: the file stays in Dir under its name.
	Deliver func(file, name string) error
}

// linesExt ends the name of lines that are to become something else.
const linesExt = ".json.gz"

// maxFile ends a file that has grown to so many bytes before its time.
const maxFile = 64 << 20

// Files writes gzip files that take turns, and gives them away, as Parquet where
// that is asked for.
//
// A file is called .partial while it is written, and gets its name when it is
// whole, at the latest when the program ends: whoever takes files away finds
// whole ones only.
type Files struct {
	o     FilesOptions
	lines *Writer

	mu      sync.Mutex
	hour    string
	began   time.Time
	name    string
	path    string   // where the lines are when they are whole
	f       *os.File // nil: no line has come
	z       *gzip.Writer
	size    int64 // before compression
	sending sync.WaitGroup

	stop chan struct{}
	done chan struct{}
}

// NewFiles begins to write; Close ends it. No file is made before there is a
// line.
func NewFiles(o FilesOptions) *Files {
	f := &Files{o: o, stop: make(chan struct{}), done: make(chan struct{})}
	f.lines = NewWriter((*filesWriter)(f), WriterOptions{NoHead: true, Cookies: o.Cookies, Layout: o.Layout})
	go f.run()
	return f
}

// Write adds the line of r; it does not wait for the disk. Refreshes without a
// viewer are in no log of CloudFront.
func (f *Files) Write(r *Record) {
	if !r.Cache.Background {
		f.lines.Write(r)
	}
}

// Dropped is how many lines were lost.
func (f *Files) Dropped() int64 { return f.lines.Dropped() }

// Close ends the file and waits until all are delivered.
func (f *Files) Close() error {
	close(f.stop)
	<-f.done
	err := f.lines.Close()
	f.mu.Lock()
	err = errors.Join(err, f.end())
	f.mu.Unlock()
	f.sending.Wait()
	return err
}

// run ends files whose time is over when no line comes that would.
func (f *Files) run() {
	defer close(f.done)
	every := time.Minute
	if f.o.Every > 0 {
		every = min(every, f.o.Every)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case now := <-tick.C:
			f.mu.Lock()
			_ = f.endIfOver(now) // the file stays .partial
			f.mu.Unlock()
		}
	}
}

// filesWriter is Files as its Writer sees it.
type filesWriter Files

// Write appends lines to the file of this time.
func (w *filesWriter) Write(p []byte) (int, error) {
	f := (*Files)(w)
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if err := f.endIfOver(now); err != nil {
		return 0, err
	}
	if f.f == nil {
		if err := f.open(now); err != nil {
			return 0, err
		}
	}
	if _, err := f.z.Write(p); err != nil {
		return 0, err
	}
	f.size += int64(len(p))
	return len(p), f.z.Flush() // what a crash leaves behind can be read
}

func (f *Files) open(now time.Time) error {
	var unique [4]byte
	_, _ = rand.Read(unique[:]) // never fails
	name := f.o.Name(now.UTC(), hex.EncodeToString(unique[:]))
	path := below(f.o.Dir, name)
	if f.o.Parquet {
		path += linesExt
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path+".partial", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	f.hour, f.began, f.name, f.path, f.f, f.z, f.size = now.UTC().Format(hourForm), now, name, path, file, gzip.NewWriter(file), 0
	head := StandardHeader
	if f.o.Layout != nil {
		head = f.o.Layout.Head()
	}
	_, err = f.z.Write([]byte(head))
	return err
}

func (f *Files) endIfOver(now time.Time) error {
	switch {
	case f.f == nil:
		return nil
	case f.hour != now.UTC().Format(hourForm), f.size >= maxFile, f.o.Every > 0 && now.Sub(f.began) >= f.o.Every:
		return f.end()
	}
	return nil
}

// end closes the file, gives it its name and sends it on its way.
func (f *Files) end() error {
	if f.f == nil {
		return nil
	}
	err := errors.Join(f.z.Close(), f.f.Close())
	f.f = nil
	if err != nil {
		return err
	}
	name, path := f.name, f.path
	if err := os.Rename(path+".partial", path); err != nil {
		return err
	}
	if f.o.Deliver != nil || f.o.Parquet {
		f.sending.Go(func() { f.send(path, name) })
	}
	return nil
}

// send gives a whole file its form, and delivers it.
func (f *Files) send(path, name string) {
	if f.o.Parquet {
		lines := path
		path = strings.TrimSuffix(path, linesExt)
		if err := toParquet(lines, path, f.o.Layout); err != nil {
			if f.o.Failed != nil {
				f.o.Failed(err)
			}
			return
		}
	}
	if f.o.Deliver != nil && f.o.Deliver(path, name) == nil {
		_ = os.Remove(path) // it would be there twice
	}
}
