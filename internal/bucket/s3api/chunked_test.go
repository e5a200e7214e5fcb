// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestChunkedBodies(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		trailer        string
		err            error
	}{
		{name: "signed", in: "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", want: "hello"},
		{name: "trailer", in: "5\r\nhello\r\n1\r\n!\r\n0\r\nX-Amz-Checksum-Crc32: abc=\r\nx-amz-trailer-signature:ef\r\n\r\n", want: "hello!", trailer: "abc="},
		{name: "empty", in: "0\r\n\r\n"},
		{name: "no end", in: "5\r\nhello\r\n", err: io.ErrUnexpectedEOF},
		{name: "cut chunk", in: "5\r\nhel", err: io.ErrUnexpectedEOF},
		{name: "nothing", in: "", err: io.ErrUnexpectedEOF},
		{name: "no size", in: ";x\r\n\r\n", err: errChunks},
		{name: "negative", in: "-1\r\n\r\n", err: errChunks},
		{name: "huge", in: "FFFFFFFFFFFFFFFF\r\n", err: errChunks},
		{name: "bare line feed", in: "0\n\n", err: errChunks},
		{name: "chunk longer than said", in: "2\r\nhello\r\n0\r\n\r\n", err: errChunks},
		{name: "something behind the end", in: "0\r\n\r\nx", err: errChunks},
		{name: "line too long", in: strings.Repeat("0", 2000) + "\r\n\r\n", err: errChunks},
		{name: "too many trailer fields", in: "0\r\n" + strings.Repeat("a:b\r\n", 17) + "\r\n", err: errChunks},
		{name: "no trailer field", in: "0\r\nabc\r\n\r\n", err: errChunks},
	} {
		for how, src := range map[string]io.Reader{"at once": strings.NewReader(tt.in), "by bytes": iotest.OneByteReader(strings.NewReader(tt.in))} {
			t.Run(tt.name+" "+how, func(t *testing.T) {
				r := newChunkedReader(src)
				got, err := io.ReadAll(r)
				if !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if err == nil && (string(got) != tt.want || r.trailer["x-amz-checksum-crc32"] != tt.trailer) {
					t.Errorf("%q %v", got, r.trailer)
				}
			})
		}
	}
}

func TestChecksumsOfTheCheckString(t *testing.T) {
	for kind, want := range map[string]string{"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888", "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441"} {
		h := newHash(kind)
		_, _ = io.WriteString(h, "123456789")
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func FuzzChunkedReader(f *testing.F) {
	f.Add([]byte("5;chunk-signature=ab\r\nhello\r\n0\r\nx:y\r\n\r\n"))
	f.Add([]byte("a\r\n0123456789\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, errWhole := io.ReadAll(newChunkedReader(bytes.NewReader(in)))
		bits, errBits := io.ReadAll(newChunkedReader(iotest.OneByteReader(bytes.NewReader(in))))
		if !bytes.Equal(whole, bits) || (errWhole == nil) != (errBits == nil) {
			t.Fatalf("%q %v at once, %q %v by bytes", whole, errWhole, bits, errBits)
		}
		if errWhole != nil {
			return
		}
		if len(whole) >= len(in) {
			t.Fatalf("%q gave more than it has", in)
		}
		again := fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(whole), whole)
		if len(whole) == 0 {
			again = []byte("0\r\n\r\n")
		}
		if got, err := io.ReadAll(newChunkedReader(bytes.NewReader(again))); err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("%s: %q %v", base64.StdEncoding.EncodeToString(again), got, err)
		}
	})
}
