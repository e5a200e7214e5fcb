// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"archive/zip"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/bucket/store"
)

// A listing merges sources that are each in the order of keys (bytes): the
// written objects, and every content. It asks them for the first key at or
// after a place, so what a delimiter rolls up is skipped, not read.
//
// In a folder, "a.txt" comes before the keys below "a", for '.' is less than
// '/': entries are sorted with the slash of a folder at its end.

// ListQuery is what to list.
type ListQuery struct {
	Prefix    string
	Delimiter string
	From      string // the first key that counts, if it is there
	Max       int
}

// Listing is a page of keys.
type Listing struct {
	Entries  []Entry
	Prefixes []string // common ones, up to the delimiter
	Next     string   // From of the next page; empty: this is the last
}

// Entry is an object in a listing.
type Entry struct {
	Key      string
	ETag     string // with quotes
	Size     int64
	Modified time.Time
}

// List lists.
func (b *Bucket) List(q ListQuery) (*Listing, error) {
	out := &Listing{}
	l := &lister{b: b, dirs: make([]map[string][]string, len(b.contents))}
	for at := max(q.Prefix, q.From); ; {
		key, w, err := l.first(at)
		if err != nil {
			return nil, err
		}
		if key == "" || !strings.HasPrefix(key, q.Prefix) {
			return out, nil
		}
		rolled, next := "", key+"\x00"
		if q.Delimiter != "" {
			if i := strings.Index(key[len(q.Prefix):], q.Delimiter); i >= 0 {
				rolled = key[:len(q.Prefix)+i+len(q.Delimiter)]
				next = behind(rolled)
			}
		}
		entry, err := b.entry(key, w)
		if err != nil {
			return nil, err
		}
		if entry == nil { // deleted, or gone meanwhile
			at = key + "\x00"
			continue
		}
		if len(out.Entries)+len(out.Prefixes) >= q.Max {
			out.Next = key
			if rolled != "" {
				out.Next = rolled
			}
			return out, nil
		}
		if rolled != "" {
			out.Prefixes = append(out.Prefixes, rolled)
		} else {
			out.Entries = append(out.Entries, *entry)
		}
		if at = next; at == "" {
			return out, nil
		}
	}
}

// behind is the first key after all that begin with prefix; empty: there is
// none.
func behind(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// entry is what a listing says of a key. Nil: there is no such object.
func (b *Bucket) entry(key string, w *store.Object) (*Entry, error) {
	if w != nil {
		if w.Deleted {
			return nil, nil
		}
		return &Entry{key, `"` + w.ETag + `"`, w.Size, w.Modified}, nil
	}
	o, err := b.find(key)
	if o == nil || err != nil {
		return nil, err
	}
	return &Entry{key, o.etag, o.size, o.mod}, o.file.Close()
}

// lister remembers the folders that it has read.
type lister struct {
	b    *Bucket
	dirs []map[string][]string // by content: entries of a folder, sorted
}

// first is the first key at or after min in any source, and what was written
// there. Empty: there is none.
func (l *lister) first(min string) (key string, w *store.Object, err error) {
	w, ok, err := l.b.written.After(min)
	if err != nil {
		return "", nil, err
	}
	if ok {
		key = w.Key
	}
	for i, c := range l.b.contents {
		name := strings.TrimPrefix(min, c.prefix)
		switch {
		case strings.HasPrefix(min, c.prefix):
		case min < c.prefix:
			name = ""
		default:
			continue
		}
		found, has := "", false
		if c.names != nil {
			n, _ := slices.BinarySearch(c.names, name)
			if has = n < len(c.names); has {
				found = c.names[n]
			}
		} else {
			found, has = l.below(i, "", name)
		}
		if has && (!ok || c.prefix+found < key) {
			key, ok, w = c.prefix+found, true, nil
		}
	}
	return key, w, nil
}

// below is the first name at or after min in a folder of content i; dir is
// empty or ends with a slash.
func (l *lister) below(i int, dir, min string) (string, bool) {
	names := l.read(i, dir)
	n, _ := slices.BinarySearch(names, min)
	if n > 0 && strings.HasSuffix(names[n-1], "/") && strings.HasPrefix(min, names[n-1]) {
		n-- // min is somewhere below that folder
	}
	for ; n < len(names); n++ {
		sub, isDir := strings.CutSuffix(names[n], "/")
		if !isDir {
			return sub, true
		}
		rest := "" // all of the folder counts
		if after, ok := strings.CutPrefix(min, names[n]); ok {
			rest = after
		}
		if found, ok := l.below(i, dir+names[n], rest); ok {
			return names[n] + found, true
		}
	}
	return "", false
}

func (l *lister) read(i int, dir string) []string {
	if names, ok := l.dirs[i][dir]; ok {
		return names
	}
	path := strings.TrimSuffix(dir, "/")
	if path == "" {
		path = "."
	}
	fsys := l.b.contents[i].fs
	entries, _ := fs.ReadDir(fsys, path) // gone: nothing is in it
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.IsDir():
			names = append(names, e.Name()+"/")
		case e.Type().IsRegular():
			names = append(names, e.Name())
		case e.Type()&fs.ModeSymlink != 0:
			if fi, err := fs.Stat(fsys, dir+e.Name()); err == nil && fi.Mode().IsRegular() {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	if l.dirs[i] == nil {
		l.dirs[i] = map[string][]string{}
	}
	l.dirs[i][dir] = names
	return names
}

// zipNames are the files of a zip, sorted.
func zipNames(z *zip.Reader) []string {
	names := []string{}
	for _, f := range z.File {
		if f.Mode().IsRegular() && fs.ValidPath(f.Name) {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
