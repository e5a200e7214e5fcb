// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// reference decodes with the library that quic-go uses.
func reference(b []byte) (fields []string, err error) {
	next := qpack.NewDecoder().Decode(b)
	for {
		f, err := next()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return fields, err
		}
		fields = append(fields, f.Name+"\x00"+f.Value)
	}
}

// lines decodes with ours, line by line.
func lines(b []byte) (fields []string, err error) {
	var d decoder
	var h mux.Head
	h.Limits = engine.Defaults()
	h.Reset(nil)
	if err := d.decode(b, &h); err != nil {
		return nil, err
	}
	if len(b) < 2 {
		return nil, nil
	}
	_, b, _ = mux.ReadInt(b, 8)
	_, b, _ = mux.ReadInt(b, 7)
	d.text = d.text[:0]
	for len(b) > 0 {
		var e *mux.Field
		if e, b, err = d.line(b); err != nil {
			return fields, err
		}
		fields = append(fields, e.Name+"\x00"+e.Value)
	}
	return fields, nil
}

func TestStaticTable(t *testing.T) {
	for i := range staticSize {
		b := mux.AppendInt([]byte{0, 0}, 0xc0, 6, i)
		want, err := reference(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := lines(b)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("entry %d: %q %v, want %q", i, got, err, want)
		}
	}
	if _, err := reference(mux.AppendInt([]byte{0, 0}, 0xc0, 6, staticSize)); err == nil {
		t.Error("the table is larger than ours")
	}
}

// FuzzSection compares with the library: what it takes we take, with the same
// fields, but for integers above 2^28, and bases other than 0.
func FuzzSection(f *testing.F) {
	f.Add([]byte("\x00\x00\xd1\xd7\x50\x01a\x51\x02/a\x21x\x01y"))
	f.Add([]byte(section(":method", "GET", "x-long-name", "a value", "cookie", "a=b")))
	f.Add([]byte("\x00\x00\x2a\xf2\xb4\x82\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := lines(b)
		want, errRef := reference(bytes.Clone(b))
		switch {
		case err != nil && errRef == nil:
			if !errors.Is(err, mux.ErrInteger) && !errors.Is(err, errDynamic) && !errors.Is(err, errText) {
				t.Fatalf("%x: %v, want %q", b, err, want)
			}
		case err == nil && errRef != nil:
			if strings.Contains(errRef.Error(), "Base") {
				return // any base is allowed where it is not used (RFC 9204 4.5.1.2)
			}
			t.Fatalf("%x: %q, want %v", b, got, errRef)
		case err == nil && fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want):
			t.Fatalf("%x:\n%q, want\n%q", b, got, want)
		}
	})
}

// FuzzAnswerHead: what goes out decodes to what was given.
func FuzzAnswerHead(f *testing.F) {
	f.Add("Content-Type", "text/html", "X-Cache", "Hit from cloudfront", int64(1024), 200)
	f.Add("ETag", `"abc"`, "Connection", "close", int64(-1), 304)
	f.Add("X-Very-Long-Name-Indeed-That-Needs-An-Integer", strings.Repeat("v", 300), "a", "", int64(0), 418)
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, length int64, status int) {
		if status < 100 || status > 999 {
			return
		}
		fields := []httpmsg.Field{{Name: n1, Value: v1}, {Name: n2, Value: v2}}
		rs := &httpmsg.Response{Status: status}
		for _, f := range fields {
			rs.Header.Add(f.Name, f.Value)
		}
		b, err := appendHead([]byte("before"), rs, length)
		if err != nil {
			if string(b) != "before" {
				t.Fatalf("a head that is refused leaves %q", b)
			}
			return
		}
		in := source{buf: b[len("before"):], w: len(b) - len("before"), end: true}
		ft, n, err := in.header()
		if err != nil || ft != frameHeaders || int(n) != len(in.have()) {
			t.Fatalf("%v %d %v of %d", ft, n, err, len(in.have()))
		}
		got, err := reference(in.have())
		if err != nil {
			t.Fatalf("%q: %v", fields, err)
		}
		want := []string{fmt.Sprintf(":status\x00%d", status)}
		if length >= 0 {
			want = append(want, fmt.Sprintf("content-length\x00%d", length))
		}
		for _, f := range fields {
			name := strings.Map(func(r rune) rune {
				if r >= 'A' && r <= 'Z' {
					return r | 0x20
				}
				return r
			}, f.Name)
			switch mux.Classify(name) {
			case mux.KindConnection, mux.KindLength, mux.KindTE:
			default:
				want = append(want, name+"\x00"+f.Value)
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q want %q", got, want)
		}
	})
}

func TestVarint(t *testing.T) {
	for _, v := range []uint64{0, 1, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, mostVarint} {
		b := appendVarint(nil, v)
		if want := quicvarint.Append(nil, v); !bytes.Equal(b, want) {
			t.Errorf("%d: %x, want %x", v, b, want)
		}
		if got, n := readVarint(b); got != v || n != len(b) {
			t.Errorf("%d: read %d of %d bytes", v, got, n)
		}
		if _, n := readVarint(b[:len(b)-1]); n != 0 {
			t.Errorf("%d: read off half of it", v)
		}
	}
}
