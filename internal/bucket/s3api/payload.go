// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/bucket"
)

// Sizes of S3 (S3 User Guide, "Multipart upload limits").
const (
	maxPut      = 5 << 30
	minPart     = 5 << 20
	maxParts    = 10000
	maxMetadata = 2 << 10
	maxDocument = 8 << 20 // of XML: 1,000 keys, or 10,000 parts
)

// payload is the body of a request. Read it to its end, then ask verify.
type payload struct {
	src    io.Reader
	size   int64
	read   int64
	hashes []check
	chunks *chunkedReader // nil: the body is the content
}

// check is one promise about the content.
type check struct {
	hash hash.Hash
	want string // as the request says it; empty: the trailer says it
	name string // of the trailer field
	hex  bool   // else Base64
	err  error
}

// payload reads what a request says about its body.
func (c *call) payload(limit int64) (*payload, error) {
	p := &payload{src: c.Body, size: c.ContentLength}
	sum := c.Header.Get("X-Amz-Content-Sha256")
	if strings.HasPrefix(sum, "STREAMING-") || hasToken(c.Header.Get("Content-Encoding"), "aws-chunked") {
		n, err := strconv.ParseInt(c.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, errNoLength
		}
		p.size, p.chunks = n, newChunkedReader(c.Body)
		p.src = p.chunks
	}
	switch {
	case p.size < 0:
		return nil, errNoLength
	case p.size > limit:
		return nil, errTooLarge
	}
	if len(sum) == sha256.Size*2 {
		p.hashes = append(p.hashes, check{hash: sha256.New(), want: strings.ToLower(sum), hex: true, err: errHashMismatch})
	}
	if text := c.Header.Get("Content-Md5"); text != "" {
		if raw, err := base64.StdEncoding.DecodeString(text); err != nil || len(raw) != md5.Size {
			return nil, errInvalidDigest
		}
		p.hashes = append(p.hashes, check{hash: md5.New(), want: text, err: errBadDigest})
	}
	if c.Method == http.MethodPost && c.query.Has("uploadId") {
		return p, nil // CompleteMultipartUpload: they are the object's, not the document's
	}
	return p, p.checksums(c.Header)
}

// checksums adds the checks of x-amz-checksum-… fields, in the head or
// announced for the trailer.
func (p *payload) checksums(h http.Header) error {
	for name, values := range h {
		if kind, ok := strings.CutPrefix(name, "X-Amz-Checksum-"); ok {
			switch kind {
			case "Algorithm", "Type", "Mode":
				continue
			}
			if err := p.checksum(strings.ToLower(name), values[0]); err != nil {
				return err
			}
		}
	}
	for name := range strings.SplitSeq(h.Get("X-Amz-Trailer"), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
			continue
		}
		if p.chunks == nil {
			return errChunks
		}
		if err := p.checksum(name, ""); err != nil {
			return err
		}
	}
	return nil
}

func (p *payload) checksum(name, want string) error {
	h := newHash(strings.TrimPrefix(name, "x-amz-checksum-"))
	if h == nil {
		return bucket.ErrNotImplemented
	}
	p.hashes = append(p.hashes, check{hash: h, want: want, name: name, err: errBadDigest})
	return nil
}

func newHash(kind string) hash.Hash {
	switch kind {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// Read reads the content, and not more of it than was said.
func (p *payload) Read(b []byte) (int, error) {
	n, err := p.src.Read(b)
	p.read += int64(n)
	if p.read > p.size {
		return 0, errIncomplete
	}
	for _, c := range p.hashes {
		_, _ = c.hash.Write(b[:n]) // does not fail
	}
	if err == io.EOF && p.read < p.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// verify compares what was read with what was said.
func (p *payload) verify() error {
	for _, c := range p.hashes {
		want := c.want
		if want == "" && p.chunks != nil {
			want = p.chunks.trailer[c.name]
		}
		sum := c.hash.Sum(nil)
		have := base64.StdEncoding.EncodeToString(sum)
		if c.hex {
			have = hex.EncodeToString(sum)
		}
		if have != want {
			return c.err
		}
	}
	return nil
}

// document reads an XML body into v.
func (c *call) document(v any) error {
	p, err := c.payload(maxDocument)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(p)
	if err != nil {
		return err
	}
	if err := p.verify(); err != nil {
		return err
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(v); err != nil {
		return errMalformed
	}
	return nil
}

func hasToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}
