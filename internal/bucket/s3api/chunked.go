// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// chunkedReader reads a body in aws-chunked encoding:
//
//	5;chunk-signature=…\r\n      the size in hex; the signature is not looked at
//	hello\r\n
//	0;chunk-signature=…\r\n
//	x-amz-checksum-crc32:…\r\n   trailer fields, when there are any
//	\r\n
//
// Lines are bounded, nothing is repaired, nothing may follow.
type chunkedReader struct {
	r       *bufio.Reader
	left    int64 // of the chunk
	begun   bool
	err     error
	trailer map[string]string // by name in lower case; complete at io.EOF
}

const (
	maxLine    = 1024
	maxTrailer = 16
)

func newChunkedReader(r io.Reader) *chunkedReader {
	return &chunkedReader{r: bufio.NewReaderSize(r, 32<<10), trailer: map[string]string{}}
}

// Read reads bytes of the content.
func (c *chunkedReader) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil {
		c.err = whole(err)
		if n > 0 {
			return n, nil
		}
	}
	return n, c.err
}

// next reads up to the content of the next chunk, or all of the end.
func (c *chunkedReader) next() error {
	if c.begun {
		if line, err := c.line(); err != nil {
			return err
		} else if line != "" {
			return errChunks
		}
	}
	c.begun = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	if size == "" || len(size) > 15 || strings.Trim(size, "0123456789abcdefABCDEF") != "" {
		return errChunks
	}
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil {
		return errChunks
	}
	if c.left > 0 {
		return nil
	}
	for range maxTrailer + 1 {
		if line, err = c.line(); err != nil {
			return err
		}
		if line == "" {
			if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
				return errChunks
			}
			return io.EOF
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return errChunks
		}
		c.trailer[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return errChunks
}

func (c *chunkedReader) line() (string, error) {
	text, err := c.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return "", whole(err)
	}
	line, ok := strings.CutSuffix(string(text[:min(len(text), maxLine)]), "\r\n")
	if !ok || strings.ContainsAny(line, "\r\x00") {
		return "", errChunks
	}
	return line, nil
}

// whole says that the end came too early.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
