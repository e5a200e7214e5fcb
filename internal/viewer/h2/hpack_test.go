// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"fmt"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"

	"golang.org/x/net/http2/hpack"
)

// recorder is a sink that keeps everything.
type recorder struct{ got []string }

func (r *recorder) Field(e *mux.Field) { r.got = append(r.got, e.Name+"\x00"+e.Value) }

// decodeAll decodes with d and returns the fields, of any kind.
func decodeAll(d *decoder, b []byte) ([]string, error) {
	var r recorder
	err := d.decode(b, &r)
	return r.got, err
}

func decodeReference(d *hpack.Decoder, b []byte) ([]string, error) {
	var got []string
	d.SetEmitFunc(func(f hpack.HeaderField) { got = append(got, f.Name+"\x00"+f.Value) })
	if _, err := d.Write(b); err != nil {
		return got, err
	}
	return got, d.Close()
}

func TestStaticTable(t *testing.T) {
	for i := 1; i <= staticSize; i++ {
		e := static[i]
		if e.Name == "" {
			t.Fatalf("entry %d is empty", i)
		}
		if j := staticName(e.Name); j == 0 || static[j].Name != e.Name || j > i {
			t.Errorf("staticName(%q) = %d, want the first of %d", e.Name, j, i)
		}
	}
	if static[2].Value != "GET" || static[61].Name != "www-authenticate" || staticName("WWW-Authenticate") != 61 || staticName("x-cache") != 0 {
		t.Error("the table is not that of RFC 7541 A")
	}
	chain, longest := 0, 0
	for _, i := range staticNames {
		if chain++; i == 0 {
			chain = 0
		}
		longest = max(longest, chain)
	}
	if longest > 6 {
		t.Errorf("a chain of %d names: choose another hash", longest)
	}
}

// FuzzDecoder compares with x/net block after block: fields and tables agree
// until one of them refuses, and both refuse the same blocks.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x82\x86\x84\x41\x0fwww.example.com"), []byte("\x82\x86\x84\xbe\x58\x08no-cache"))
	f.Add([]byte("\x20\x3f\xe1\x1f\x82"), []byte("\x40\x01a\x01b\xbe\xbf"))
	f.Add([]byte("\x3f\x21\x40\x01a\x3eaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), []byte("\xbe"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d, ref := newDecoder(), hpack.NewDecoder(tableSize, nil)
		for _, b := range [][]byte{first, second, first} {
			got, err := decodeAll(&d, b)
			want, errRef := decodeReference(ref, b)
			if (err == nil) != (errRef == nil) {
				if stricter(err, errRef) {
					return
				}
				t.Fatalf("%x: %v, want %v", b, err, errRef)
			}
			if err != nil {
				return
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Fatalf("%x:\n%q, want\n%q", b, got, want)
			}
			size := 0
			for i := range d.n {
				e := d.at(staticSize + 1 + i)
				size += len(e.Name) + len(e.Value) + entryCost
			}
			if size != d.size || size > tableSize {
				t.Fatalf("the table costs %d, noted %d", size, d.size)
			}
		}
	})
}

// stricter: integers above 2^28 are refused here, and so are three size
// updates in front of a block.
func stricter(err, ref error) bool {
	return ref == nil && (err == mux.ErrInteger || err == errSizeLate)
}

// FuzzAnswerHead: what goes out decodes to what was given.
func FuzzAnswerHead(f *testing.F) {
	f.Add("Content-Type", "text/html", "X-Cache", "Hit from cloudfront", int64(1024), 200)
	f.Add("ETag", `"abc"`, "Connection", "close", int64(-1), 304)
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, length int64, status int) {
		if status < 100 || status > 999 {
			return
		}
		rs := &httpmsg.Response{Status: status}
		rs.Header.Add(n1, v1)
		rs.Header.Add(n2, v2)
		b, err := appendHead(nil, rs, length)
		if err != nil {
			return
		}
		got, err := decodeReference(hpack.NewDecoder(0, nil), b)
		if err != nil {
			t.Fatalf("%q %q %q %q: %v", n1, v1, n2, v2, err)
		}
		want := []string{fmt.Sprintf(":status\x00%d", status)}
		if length >= 0 {
			want = append(want, fmt.Sprintf("content-length\x00%d", length))
		}
		for _, f := range []httpmsg.Field{{Name: n1, Value: v1}, {Name: n2, Value: v2}} {
			name := []byte(f.Name)
			for i, c := range name {
				if 'A' <= c && c <= 'Z' {
					name[i] = c | 0x20
				}
			}
			switch mux.Classify(string(name)) {
			case mux.KindConnection, mux.KindLength, mux.KindTE:
			default:
				want = append(want, string(name)+"\x00"+f.Value)
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q want %q", got, want)
		}
	})
}
