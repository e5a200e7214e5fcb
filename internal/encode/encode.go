// SPDX-License-Identifier: Apache-2.0

// Package encode compresses bodies on their way into the cache, with gzip and
// brotli, by CloudFront's rules of what is worth it, and answers of APIs, with gzip
// and deflate.
//
// The flow: (1) Choose says whether an answer is compressed and how; (2)
// Encoder.Reader turns its body into the encoded one, pulling from the source
// as it is read.
//
// What it does not do: it changes no field (the edge writes Content-Encoding,
// Vary and ETag), decides nothing about keys, and does not flush: an answer
// whose length is not announced is not compressed, so nothing trickles.
//
// The two engines (klauspost/compress, molecule-man/go-brrr) do not show in
// the exported signatures. An Encoder may be used by many at once; a reader
// belongs to one goroutine.
package encode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/molecule-man/go-brrr"

	"github.com/forelane/forelane/internal/httpspec"
)

// Sizes between which objects are compressed (Developer Guide, "Serving
// compressed files"; row F18).
const (
	MinSize = 1000
	MaxSize = 10_000_000
)

// Levels that cost little enough to run once an object.
const (
	gzipLevel   = 6
	brotliLevel = 5
	brotliLGWin = 20 // a window of 1 MiB keeps an encoder small
)

// Choose is the coding for an answer, 0 for none: brotli before gzip, of those
// accepted; for the statuses, sizes and types that CloudFront compresses.
// mediaType is the essence of Content-Type, length the announced one.
func Choose(accepted httpspec.Encodings, status int, length int64, mediaType string) httpspec.Encodings {
	switch {
	case status != 200 && status != 403 && status != 404, length < MinSize, length > MaxSize, !Compressible(mediaType):
		return 0
	case accepted.Has(httpspec.Brotli):
		return httpspec.Brotli
	}
	return accepted & httpspec.Gzip
}

// Encoder keeps compressors to use again. The zero Encoder is usable.
type Encoder struct{ gzip, brotli, zlib sync.Pool }

// compressor is what the two engines have in common.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

// Reader is src, encoded with one coding. Closing it closes src.
func (e *Encoder) Reader(src io.ReadCloser, coding httpspec.Encodings) (io.ReadCloser, error) {
	r := &reader{src: src}
	var err error
	switch coding {
	case httpspec.Gzip:
		r.pool = &e.gzip
		if w, ok := r.pool.Get().(*gzip.Writer); ok {
			r.c = w
		} else {
			r.c, err = gzip.NewWriterLevel(&r.out, gzipLevel)
		}
	case httpspec.Brotli:
		r.pool = &e.brotli
		if w, ok := r.pool.Get().(*brrr.Writer); ok {
			r.c = w
		} else {
			r.c, err = brrr.NewWriterOptions(&r.out, brotliLevel, brrr.WriterOptions{LGWin: brotliLGWin})
		}
	case httpspec.Deflate:
		r.pool = &e.zlib
		if w, ok := r.pool.Get().(*zlib.Writer); ok {
			r.c = w
		} else {
			r.c, err = zlib.NewWriterLevel(&r.out, gzipLevel)
		}
	default:
		err = fmt.Errorf("encode: coding %q is not one", coding)
	}
	if err != nil {
		return nil, err
	}
	r.c.Reset(&r.out)
	return r, nil
}

// reader compresses as much as a Read asks for.
type reader struct {
	src  io.ReadCloser
	c    compressor
	pool *sync.Pool
	out  bytes.Buffer
	in   [16 << 10]byte
	err  error // after out is empty
}

// Read is encoded bytes. An error of the source comes after what could be
// encoded before it, and the stream then has no end mark.
func (r *reader) Read(p []byte) (int, error) {
	for r.out.Len() == 0 && r.err == nil {
		r.step()
	}
	if r.out.Len() == 0 {
		return 0, r.err
	}
	return r.out.Read(p)
}

func (r *reader) step() {
	n, err := r.src.Read(r.in[:])
	if n > 0 {
		if _, werr := r.c.Write(r.in[:n]); werr != nil {
			r.err = werr
			return
		}
	}
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		if r.err = r.c.Close(); r.err == nil {
			r.err = io.EOF
			r.give()
		}
	case err != nil:
		r.err = err
	}
}

// give puts the compressor back.
func (r *reader) give() {
	if r.c != nil {
		r.c.Reset(io.Discard)
		r.pool.Put(r.c)
		r.c = nil
	}
}

// Close closes the source.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	r.give()
	return r.src.Close()
}
