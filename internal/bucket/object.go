// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"archive/zip"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/bucket/store"
)

// object is one found file.
type object struct {
	file fs.File
	read io.ReaderAt
	size int64
	mod  time.Time
	etag string // with quotes
	// fields are those that it was written with; Content-Type is always there.
	fields []store.Field
}

// maxZip bounds a content zip that is held in memory; hashLimit is the size up
// to which an object's ETag is the MD5 of its bytes, as of a single-part
// upload. Larger ones get a tag of a multi-part upload's form.
const (
	maxZip    = 512 << 20
	hashLimit = 64 << 20
)

// openZip reads a zip into memory.
func openZip(name string) (*zip.Reader, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if fi.Size() > maxZip {
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d: unpack it and name the folder", name, fi.Size(), int64(maxZip))
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(b), int64(len(b)))
}

// find opens the object with this key, or returns nil: what was written, else
// what the contents have.
func (b *Bucket) find(key string) (*object, error) {
	w, f, err := b.written.Get(key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("bucket %s: %w", b.m.LogicalID, err)
	case w == nil:
		return b.below(key), nil
	case w.Deleted:
		return nil, nil
	}
	return &object{file: f, read: f, size: w.Size, mod: w.Modified, etag: `"` + w.ETag + `"`, fields: w.Fields}, nil
}

// below finds among the contents. A key is a path below a content's root; "."
// and ".." are no part of a key.
func (b *Bucket) below(key string) *object {
	for i := len(b.contents) - 1; i >= 0; i-- {
		c := b.contents[i]
		name, ok := strings.CutPrefix(key, c.prefix)
		if !ok || !fs.ValidPath(name) || name == "." {
			continue
		}
		f, err := c.fs.Open(name)
		if err != nil {
			continue
		}
		fi, err := f.Stat()
		if err != nil || !fi.Mode().IsRegular() {
			_ = f.Close()
			continue
		}
		if o := b.object(f, fi, i, name); o != nil {
			return o
		}
	}
	return nil
}

func (b *Bucket) object(f fs.File, fi fs.FileInfo, from int, name string) *object {
	o := &object{file: f, size: fi.Size(), mod: fi.ModTime().UTC(), fields: []store.Field{{Name: "Content-Type", Value: contentType(name)}}}
	if r, ok := f.(io.ReaderAt); ok {
		o.read = r
	} else { // a zip's member: whole in memory, its archive is too
		data, err := io.ReadAll(io.LimitReader(f, maxZip))
		if err != nil {
			_ = f.Close()
			return nil
		}
		o.read, o.size = bytes.NewReader(data), int64(len(data))
	}
	tag, err := b.tags.tag(tagKey{from, name, o.size, fi.ModTime()}, o)
	if err != nil {
		_ = f.Close()
		return nil
	}
	o.etag = tag
	return o
}

// tagCache remembers ETags by what a change of the file changes.
type tagCache struct {
	mu   sync.Mutex
	tags map[tagKey]string
}

type tagKey struct {
	from int
	name string
	size int64
	mod  time.Time
}

const maxTags = 100_000

func (t *tagCache) tag(k tagKey, o *object) (string, error) {
	t.mu.Lock()
	tag := t.tags[k]
	t.mu.Unlock()
	if tag != "" {
		return tag, nil
	}
	h := md5.New()
	parts := ""
	if o.size <= hashLimit {
		if _, err := io.Copy(h, io.NewSectionReader(o.read, 0, o.size)); err != nil {
			return "", err
		}
	} else {
		fmt.Fprint(h, k.name, o.size, o.mod.UnixNano())
		parts = fmt.Sprintf("-%d", (o.size+(8<<20)-1)/(8<<20))
	}
	tag = `"` + hex.EncodeToString(h.Sum(nil)) + parts + `"`
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tags == nil || len(t.tags) >= maxTags {
		t.tags = make(map[tagKey]string)
	}
	t.tags[k] = tag
	return tag, nil
}

// once remembers which things were already told, up to a bound.
type once struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (o *once) first(what string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen[what] || len(o.seen) > 100 {
		return false
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	o.seen[what] = true
	return true
}

// contentType guesses by the name's ending, as the AWS CLI does on upload;
// S3's own default is binary/octet-stream. The table is our own so that every
// machine answers alike.
func contentType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return "text/html"
	case ".css":
		return "text/css"
	case ".js", ".mjs":
		return "text/javascript"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".xml":
		return "text/xml"
	case ".txt":
		return "text/plain"
	case ".md":
		return "text/markdown"
	case ".csv":
		return "text/csv"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".avif":
		return "image/avif"
	case ".ico":
		return "image/vnd.microsoft.icon"
	case ".woff":
		return "font/woff"
	case ".woff2":
		return "font/woff2"
	case ".ttf":
		return "font/ttf"
	case ".otf":
		return "font/otf"
	case ".mp3":
		return "audio/mpeg"
	case ".mp4":
		return "video/mp4"
	case ".webm":
		return "video/webm"
	case ".pdf":
		return "application/pdf"
	case ".zip":
		return "application/zip"
	case ".gz":
		return "application/gzip"
	case ".wasm":
		return "application/wasm"
	}
	return "binary/octet-stream"
}
