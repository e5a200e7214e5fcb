// SPDX-License-Identifier: Apache-2.0

package invalidation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The file has a line an event, a JSON object: an entry, or the id of one that
// is completed. A line is synced before it counts. The last one may be torn by
// a crash: then it did not count. When most of it is about entries that have
// left the book, it is replaced by a new one.

const fileName = "invalidations.jsonl"

// longestFile is when the file is written anew, unless the book itself is long.
const longestFile = 4 << 20

type line struct {
	Invalidation *Invalidation `json:"invalidation,omitempty"`
	Completed    string        `json:"completed,omitempty"`
}

// file is the book's place on disk: read up to at.
type file struct {
	name string
	at   int64
}

// append writes l behind what is there. When another process has written
// meanwhile, readOn comes to both.
func (f *file) append(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("invalidation: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(f.name, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer to.Close()
	fi, err := to.Stat()
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if n := fi.Size(); n > 0 {
		var last [1]byte
		if _, err := to.ReadAt(last[:], n-1); err != nil {
			return err
		}
		if last[0] != '\n' { // a crash tore the last line: it is one of its own
			b = append([]byte{'\n'}, b...)
		}
	}
	if _, err := to.Write(b); err != nil {
		return err
	}
	if err := to.Sync(); err != nil {
		return err
	}
	if fi.Size() == f.at {
		f.at += int64(len(b))
	}
	return nil
}

// readOn enters the lines that the book does not know yet. b.mu is held.
func (b *Book) readOn() error {
	fi, err := os.Stat(b.file.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.file.at = 0
		return nil
	case err != nil:
		return err
	case fi.Size() == b.file.at:
		return nil
	case fi.Size() < b.file.at: // another process has written it anew
		b.file.at = 0
	}
	from, err := os.Open(b.file.name)
	if err != nil {
		return err
	}
	defer from.Close()
	text, err := io.ReadAll(io.NewSectionReader(from, b.file.at, fi.Size()-b.file.at))
	if err != nil {
		return err
	}
	for {
		one, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			break
		}
		b.read(one)
		b.file.at += int64(len(one)) + 1
		text = rest
	}
	if b.file.at > longestFile && b.file.at > int64(200*(b.paths+len(b.entries))) {
		return b.rewrite()
	}
	return nil
}

// read enters one line. What it does not understand it leaves out.
func (b *Book) read(text []byte) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		b.log.Warn("a line of the book of invalidations is damaged", "error", err)
		return
	}
	if v := l.Invalidation; v != nil && b.byID[v.ID] == nil {
		b.add(*v)
	}
	if e := b.byID[l.Completed]; e != nil && e.Status == InProgress {
		e.Status = Completed
		close(e.done)
		b.trim()
	}
}

// rewrite replaces the file by one with what the book holds.
func (b *Book) rewrite() error {
	next := file{name: b.file.name + ".new"}
	if err := os.Remove(next.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var text []byte
	for _, e := range b.entries {
		one, err := json.Marshal(line{Invalidation: &e.Invalidation})
		if err != nil {
			return fmt.Errorf("invalidation: %w", err)
		}
		text = append(append(text, one...), '\n')
	}
	to, err := os.OpenFile(next.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(text)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(next.name, b.file.name)
	}
	if err != nil {
		return err
	}
	b.file.at = int64(len(text))
	return nil
}
