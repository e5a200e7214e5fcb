// SPDX-License-Identifier: Apache-2.0

package httpmsg

import (
	"slices"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func header(fields ...string) (h Header) {
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

func TestHeadHasBothForms(t *testing.T) {
	h := header("ETag", `"1"`, "Connection", "x", "Content-Length", "9", "X-Thing", "a\r\nb", "Bad name", "y", "Empty", "")
	head := NewHead(&h)
	if want := "ETag: \"1\"\r\nX-Thing: a  b\r\nEmpty: \r\n"; head.Lines() != want {
		t.Errorf("lines %q, want %q", head.Lines(), want)
	}
	if want := "\x0f\x13\x03\"1\"\x00\x07x-thing\x04a  b\x00\x05empty\x00"; head.Block() != want {
		t.Errorf("block %q, want %q", head.Block(), want)
	}
	if v, ok := head.Lookup("x-THING"); v != "a  b" || !ok {
		t.Errorf("Lookup: %q %v", v, ok)
	}
	if v, ok := head.Lookup("empty"); v != "" || !ok {
		t.Errorf("empty: %q %v", v, ok)
	}
	if head.Has("X-Thin") || head.Has("X-Things") || head.Has("Connection") || (Head{}).Has("ETag") {
		t.Error("a field that is not there")
	}
}

func TestThawKeepsTheOrder(t *testing.T) {
	a, b := header("A", "1", "B", "2"), header("C", "3")
	rs := Response{Fixed: [2]Head{NewHead(&a), NewHead(&b)}, Header: header("D", "4")}
	before := slices.Collect(rs.Fields())
	if rs.Get("c") != "3" || rs.Get("D") != "4" || rs.Get("E") != "" {
		t.Error("Get")
	}
	if h := rs.Thaw(); !slices.Equal(h.Fields(), before) || len(before) != 4 {
		t.Errorf("%v, before %v", h.Fields(), before)
	}
	if !rs.Fixed[0].Empty() || !rs.Fixed[1].Empty() {
		t.Error("sent twice")
	}
}

// FuzzHead: both forms say the same, and Header gives it back.
func FuzzHead(f *testing.F) {
	f.Add("Content-Type", "text/html", "Set-Cookie", "a=b")
	f.Add("x-ray:", "\x00\n", "Vary", "*")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) {
		h := header(n1, v1, n2, v2)
		head := NewHead(&h)
		again := head.Header()
		if next := NewHead(&again); next != head {
			t.Fatalf("%q became %q", head.Lines(), next.Lines())
		}
		var block []Field
		d := hpack.NewDecoder(0, func(f hpack.HeaderField) { block = append(block, Field{f.Name, f.Value}) })
		if _, err := d.Write([]byte(head.Block())); err != nil {
			t.Fatal(err)
		}
		lines := slices.Collect(head.Fields())
		if !slices.EqualFunc(lines, block, func(a, b Field) bool { return EqualFold(a.Name, b.Name) && a.Value == b.Value }) {
			t.Fatalf("lines %q, block %q", lines, block)
		}
	})
}
