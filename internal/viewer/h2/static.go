// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"

	"golang.org/x/net/http2/hpack"
)

// staticSize is the number of entries of the static table (RFC 7541 A).
const staticSize = 61

// static is the static table; its first index is 1.
var static = func() (t [staticSize + 1]mux.Field) {
	i := 0
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		t[i] = mux.Field{Name: f.Name, Value: f.Value, Kind: mux.Classify(f.Name), Clean: true}
	})
	for i = 1; i <= staticSize; i++ {
		if _, err := d.Write([]byte{0x80 | byte(i)}); err != nil {
			return t // the tests would see an empty entry
		}
	}
	return t
}()

// The names of the static table by hash, for encoding: a chain of at most
// four places from the hash on, 0 ends it.
const nameSlots = 256

var staticNames = func() (t [nameSlots + 64]uint8) {
	for i := staticSize; i > 0; i-- {
		name := static[i].Name
		if name == "" || name == static[i-1].Name { // the first index of a name
			continue
		}
		slot := nameHash(name)
		for t[slot] != 0 {
			slot++
		}
		t[slot] = uint8(i)
	}
	return t
}()

func nameHash(name string) int {
	n := len(name)
	first, middle, last := name[0]|0x20, name[n/2]|0x20, name[n-1]|0x20
	return (n*31 + int(first)*7 + int(middle)*17 + int(last)*3) % nameSlots
}

// staticName is the first index of a name in the static table, whatever its
// case, or 0.
func staticName(name string) int {
	if name == "" {
		return 0
	}
	for slot := nameHash(name); staticNames[slot] != 0; slot++ {
		if i := int(staticNames[slot]); httpmsg.EqualFold(static[i].Name, name) {
			return i
		}
	}
	return 0
}
