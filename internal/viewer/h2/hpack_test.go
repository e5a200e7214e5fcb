// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"

	"golang.org/x/net/http2/hpack"
)

// recorder is a sink that keeps everything.
type recorder struct{ got []string }

func (r *recorder) field(e *entry) { r.got = append(r.got, e.name+"\x00"+e.value) }

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
		if e.name == "" {
			t.Fatalf("entry %d is empty", i)
		}
		if j := staticName(e.name); j == 0 || static[j].name != e.name || j > i {
			t.Errorf("staticName(%q) = %d, want the first of %d", e.name, j, i)
		}
	}
	if static[2].value != "GET" || static[61].name != "www-authenticate" || staticName("WWW-Authenticate") != 61 || staticName("x-cache") != 0 {
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

// Every byte, alone and after each other, through both ends.
func TestHuffman(t *testing.T) {
	var all []byte
	for a := range 256 {
		all = append(all, byte(a))
		for _, s := range [][]byte{{byte(a)}, {byte(a), byte(255 - a), 'e'}, all} {
			coded := hpack.AppendHuffmanString(nil, string(s))
			got, ok := appendHuffman(nil, coded)
			if !ok || !bytes.Equal(got, s) {
				t.Fatalf("%x: got %x, %v", s, got, ok)
			}
		}
	}
}

func FuzzHuffman(f *testing.F) {
	f.Add([]byte("\xf2\xb2\x4a\x84\xff"))
	f.Add([]byte("\xff\xff\xff\xfa"))
	f.Add([]byte("\x1f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := appendHuffman(nil, b)
		want, err := hpack.HuffmanDecodeToString(b)
		if ok != (err == nil) || ok && string(got) != want {
			t.Fatalf("%x: %q %v, want %q %v", b, got, ok, want, err)
		}
	})
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
				size += len(e.name) + len(e.value) + entryCost
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
	return ref == nil && (err == errInteger || err == errSizeLate)
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
			switch classify(string(name)) {
			case kindConnection, kindLength, kindTE:
			default:
				want = append(want, string(name)+"\x00"+f.Value)
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q want %q", got, want)
		}
	})
}

// FuzzCleanValue compares with a look at each byte.
func FuzzCleanValue(f *testing.F) {
	f.Add("max-age=3600, public\tx")
	f.Add("12345678\x7f")
	f.Add("1234567\x1f\x80\xff234567")
	f.Fuzz(func(t *testing.T, v string) {
		if got, want := cleanValue(v), cleanBytes([]byte(v)); got != want {
			t.Fatalf("%q: %v", v, got)
		}
	})
}

func TestCleanValue(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			v := bytes.Repeat([]byte("a"), 20)
			v[at] = byte(c)
			if want := c >= ' ' && c != 0x7f || c == '\t'; cleanValue(string(v)) != want {
				t.Fatalf("byte %x at %d: want %v", c, at, want)
			}
		}
	}
}
