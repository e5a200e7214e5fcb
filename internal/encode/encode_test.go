// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/molecule-man/go-brrr"

	"github.com/forelane/forelane/internal/httpspec"
)

func decode(t *testing.T, coding httpspec.Encodings, b []byte) ([]byte, error) {
	t.Helper()
	if coding == httpspec.Brotli {
		return brrr.Decompress(b)
	}
	var r io.Reader
	var err error
	if coding == httpspec.Deflate {
		r, err = zlib.NewReader(bytes.NewReader(b))
	} else {
		r, err = gzip.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestRoundTrip(t *testing.T) {
	var e Encoder
	for _, coding := range []httpspec.Encodings{httpspec.Gzip, httpspec.Brotli, httpspec.Deflate} {
		for _, n := range []int{0, 1, 1000, 16 << 10, 1 << 20} {
			want := []byte(strings.Repeat("a body that repeats itself, ", n/28+1))[:n]
			for range 2 { // the second time with a used compressor
				r, err := e.Reader(io.NopCloser(bytes.NewReader(want)), coding)
				if err != nil {
					t.Fatal(err)
				}
				enc, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = r.Close()
				got, err := decode(t, coding, enc)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v %d bytes: %v, %d back", coding, n, err, len(got))
				}
				if n >= 1000 && len(enc) > n/2 {
					t.Errorf("%v %d bytes became %d", coding, n, len(enc))
				}
			}
		}
	}
}

func TestABrokenSourceBreaksTheResult(t *testing.T) {
	var e Encoder
	broken := errors.New("broken")
	for _, coding := range []httpspec.Encodings{httpspec.Gzip, httpspec.Brotli, httpspec.Deflate} {
		src := io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)), &failing{broken})
		r, err := e.Reader(io.NopCloser(src), coding)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if !errors.Is(err, broken) {
			t.Errorf("%v: %v", coding, err)
		}
		if _, err := decode(t, coding, b); err == nil {
			t.Errorf("%v: half a body looks whole", coding)
		}
		_ = r.Close()
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestF18Choose(t *testing.T) {
	both := httpspec.Gzip | httpspec.Brotli
	for _, tt := range []struct {
		accepted httpspec.Encodings
		status   int
		length   int64
		media    string
		want     httpspec.Encodings
	}{
		{both, 200, 1000, "text/html", httpspec.Brotli},
		{httpspec.Gzip, 200, 1000, "application/JSON", httpspec.Gzip},
		{0, 200, 1000, "text/html", 0},
		{both, 200, 999, "text/html", 0},
		{both, 200, 10_000_001, "text/html", 0},
		{both, 200, 10_000_000, "text/html", httpspec.Brotli},
		{both, 200, -1, "text/html", 0},
		{both, 404, 2000, "text/html", httpspec.Brotli},
		{both, 500, 2000, "text/html", 0},
		{both, 200, 2000, "image/png", 0},
		{both, 200, 2000, "", 0},
	} {
		if got := Choose(tt.accepted, tt.status, tt.length, tt.media); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), true)
	f.Fuzz(func(t *testing.T, b []byte, br bool) {
		var e Encoder
		coding := httpspec.Gzip
		if br {
			coding = httpspec.Brotli
		}
		r, err := e.Reader(io.NopCloser(bytes.NewReader(b)), coding)
		if err != nil {
			t.Fatal(err)
		}
		enc, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(t, coding, enc); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%v: %q", err, got)
		}
	})
}
