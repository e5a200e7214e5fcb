// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"net/http"

	"github.com/forelane/forelane/internal/bucket/store"
)

// What its owner may do with a bucket, whatever the bucket policy says. Room
// s3api answers with it on the admin side.

// Name is the bucket's name.
func (b *Bucket) Name() string { return b.m.Name }

// Region is where the bucket is said to be.
func (b *Bucket) Region() string { return b.m.Region }

// Written is what objects are written to. Nil: they cannot be.
func (b *Bucket) Written() *store.Store { return b.written }

// AnswerObject answers GET and HEAD of a key.
func (b *Bucket) AnswerObject(rq *http.Request, key string) *http.Response {
	o, err := b.find(key)
	switch {
	case err != nil:
		b.log.Error("an object cannot be read", "bucket", b.m.LogicalID, "error", err)
		return ErrInternal.Answer(rq)
	case o == nil:
		return ErrNoSuchKey.Of(key).Answer(rq)
	}
	return serve(rq, o)
}

// Object is an object that is open for reading.
type Object struct {
	Entry
	Fields []store.Field
	o      *object
}

// Object opens an object. Nil: there is none.
func (b *Bucket) Object(key string) (*Object, error) {
	o, err := b.find(key)
	if o == nil || err != nil {
		return nil, err
	}
	return &Object{Entry{key, o.etag, o.size, o.mod}, o.fields, o}, nil
}

// ReadAt reads.
func (o *Object) ReadAt(p []byte, off int64) (int, error) { return o.o.read.ReadAt(p, off) }

// Close ends the reading.
func (o *Object) Close() error { return o.o.file.Close() }

// Delete deletes a key; one that is not there is deleted too.
func (b *Bucket) Delete(key string) error {
	under := b.below(key)
	if under != nil {
		_ = under.file.Close()
	}
	return b.written.Delete(key, under != nil)
}
