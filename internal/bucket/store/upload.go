// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A multipart upload is a folder:
//
//	uploads/ID/upload.json              key and fields of the object to be
//	uploads/ID/00001-MD5-SIZE           a part; the newest of a number counts
//	uploads/ID/….tmp                    a part that arrives
//
// Complete copies the parts into a Draft, whose commit is the moment the object
// exists, and then removes the folder. What was neither completed nor aborted
// is removed after a week.
const (
	abandoned  = 7 * 24 * time.Hour
	maxUploads = 1000
)

// Upload is a multipart upload.
type Upload struct {
	ID        string `json:"-"`
	Key       string
	Fields    []Field `json:",omitempty"`
	Initiated time.Time
}

// Part is a part of an upload.
type Part struct {
	Number   int
	ETag     string // MD5 in hex
	Size     int64
	Modified time.Time
	file     string
}

// Begin begins an upload.
func (s *Store) Begin(u Upload) (id string, err error) {
	if all, _ := os.ReadDir(filepath.Join(s.dir, "uploads")); len(all) >= maxUploads {
		return "", ErrFull
	}
	u.Initiated = time.Now().UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(u)
	if err != nil {
		return "", err
	}
	id = token()
	dir := filepath.Join(s.dir, "uploads", id)
	if err := s.folder(dir); err != nil {
		return "", err
	}
	return id, errors.Join(writeSynced(filepath.Join(dir, "upload.json"), text), syncDir(dir))
}

// upload is the folder of an upload of a key.
func (s *Store) upload(key, id string) (dir string, u *Upload, err error) {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 || s == nil {
		return "", nil, ErrNoUpload
	}
	dir = filepath.Join(s.dir, "uploads", strings.ToLower(id))
	text, err := os.ReadFile(filepath.Join(dir, "upload.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, ErrNoUpload
	}
	u = &Upload{ID: strings.ToLower(id)}
	if err == nil {
		err = json.Unmarshal(text, u)
	}
	if err == nil && u.Key != key {
		err = ErrNoUpload
	}
	return dir, u, err
}

// PutPart stores a part; check is called with its MD5 before it counts.
func (s *Store) PutPart(key, id string, number int, body io.Reader, check func(md5 string) error) (Part, error) {
	dir, _, err := s.upload(key, id)
	if err != nil {
		return Part{}, err
	}
	f, err := os.OpenFile(filepath.Join(dir, token()+".tmp"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return Part{}, err
	}
	h := md5.New()
	n, err := io.Copy(io.MultiWriter(f, h), body)
	p := Part{Number: number, ETag: hex.EncodeToString(h.Sum(nil)), Size: n, Modified: time.Now().UTC()}
	if err == nil && check != nil {
		err = check(p.ETag)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Part{}, errors.Join(err, os.Remove(f.Name()))
	}
	old, err := parts(dir)
	if err != nil {
		return Part{}, err
	}
	p.file = filepath.Join(dir, fmt.Sprintf("%05d-%s-%d", number, p.ETag, n))
	if err := os.Rename(f.Name(), p.file); err != nil {
		return Part{}, err
	}
	for _, o := range old {
		if o.Number == number && o.file != p.file {
			_ = os.Remove(o.file) // the newest counts in any case
		}
	}
	return p, syncDir(dir)
}

// Parts are the parts of an upload in order.
func (s *Store) Parts(key, id string) (*Upload, []Part, error) {
	dir, u, err := s.upload(key, id)
	if err != nil {
		return nil, nil, err
	}
	ps, err := parts(dir)
	return u, ps, err
}

func parts(dir string) ([]Part, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	byNumber := map[int]Part{}
	for _, f := range files {
		piece := strings.Split(f.Name(), "-")
		if len(piece) != 3 {
			continue
		}
		fi, err := f.Info()
		if err != nil {
			continue // replaced meanwhile
		}
		number, err1 := strconv.Atoi(piece[0])
		size, err2 := strconv.ParseInt(piece[2], 10, 64)
		if err1 != nil || err2 != nil || size != fi.Size() {
			continue
		}
		p := Part{number, piece[1], size, fi.ModTime().UTC(), filepath.Join(dir, f.Name())}
		if old, ok := byNumber[number]; !ok || p.Modified.After(old.Modified) {
			byNumber[number] = p
		}
	}
	out := make([]Part, 0, len(byNumber))
	for _, p := range byNumber {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Part) int { return cmp.Compare(a.Number, b.Number) })
	return out, nil
}

// Complete makes the object of chosen parts, in their order. Its ETag is the
// MD5 of the parts' MD5s, a hyphen and how many there are.
func (s *Store) Complete(u *Upload, chosen []Part, check func() error) (*Object, error) {
	d, err := s.Draft(u.Key)
	if err != nil {
		return nil, err
	}
	whole := md5.New()
	for _, p := range chosen {
		sum, err := hex.DecodeString(p.ETag)
		if err == nil {
			_, _ = whole.Write(sum) // does not fail
			err = d.add(p.file)
		}
		if err != nil {
			return nil, errors.Join(err, d.Discard())
		}
	}
	o := &Object{Key: u.Key, Fields: u.Fields, ETag: hex.EncodeToString(whole.Sum(nil)) + "-" + strconv.Itoa(len(chosen))}
	if err := d.Commit(o, check); err != nil {
		return nil, err
	}
	return o, s.Abort(u.Key, u.ID)
}

// add copies a file to the end. Its MD5 is known and not computed again.
func (d *Draft) add(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	n, err := io.Copy(d.file, f)
	d.size += n
	return errors.Join(err, f.Close())
}

// Abort forgets an upload.
func (s *Store) Abort(key, id string) error {
	dir, _, err := s.upload(key, id)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// Uploads are the uploads under way, by key.
func (s *Store) Uploads() ([]Upload, error) {
	if s == nil {
		return nil, nil
	}
	dirs, err := os.ReadDir(filepath.Join(s.dir, "uploads"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []Upload
	for _, d := range dirs {
		text, err := os.ReadFile(filepath.Join(s.dir, "uploads", d.Name(), "upload.json"))
		u := Upload{ID: d.Name()}
		if err == nil && json.Unmarshal(text, &u) == nil {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b Upload) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (s *Store) sweepUploads() {
	root := filepath.Join(s.dir, "uploads")
	dirs, _ := os.ReadDir(root) // none, or tried again at the next scan
	for _, d := range dirs {
		removeOld(filepath.Join(root, d.Name()), d, abandoned)
	}
}
