// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"hash"
	"os"
	"path/filepath"
	"time"
)

// Draft is an object that is being written. It ends with Commit or Discard.
type Draft struct {
	s    *Store
	name string
	data string
	file *os.File
	md5  hash.Hash
	size int64
}

// Draft begins to write the object of a key.
func (s *Store) Draft(key string) (*Draft, error) {
	name := s.name(key)
	if err := s.folder(filepath.Dir(name)); err != nil {
		return nil, err
	}
	d := &Draft{s: s, name: name, data: token(), md5: md5.New()}
	var err error
	d.file, err = os.OpenFile(name+"."+d.data+".data", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Write adds bytes.
func (d *Draft) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	_, _ = d.md5.Write(p[:n]) // does not fail
	d.size += int64(n)
	return n, err
}

// Size is how many bytes there are.
func (d *Draft) Size() int64 { return d.size }

// MD5 is that of the bytes, in hex.
func (d *Draft) MD5() string { return hex.EncodeToString(d.md5.Sum(nil)) }

// Commit makes the bytes the object: o's Size, Data and Modified are set here,
// its ETag when it is empty. check is called when nothing can come in between;
// an error of it is Commit's, and the draft is discarded, as on any error.
func (d *Draft) Commit(o *Object, check func() error) error {
	o.Size, o.Data, o.Modified = d.size, d.data, time.Now().UTC().Truncate(time.Millisecond)
	if o.ETag == "" {
		o.ETag = d.MD5()
	}
	err := errors.Join(d.file.Sync(), d.file.Close())
	if err == nil {
		err = d.s.commit(d.name, o, check)
	}
	if err != nil {
		return errors.Join(err, os.Remove(d.file.Name()))
	}
	return nil
}

// Discard drops the bytes.
func (d *Draft) Discard() error {
	return errors.Join(d.file.Close(), os.Remove(d.file.Name()))
}
