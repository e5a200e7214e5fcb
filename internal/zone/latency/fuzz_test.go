// SPDX-License-Identifier: Apache-2.0

package latency

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// FuzzRead: what is read is written and read again as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte("203.0.113.0/24 eu-west-1 8.5\n# x\n2001:db8::/48 us 0.001"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		for i := range rows {
			rows[i].RTT = rows[i].RTT.Round(time.Microsecond) // as it is written
		}
		again, err := Read(bytes.NewReader(Append(nil, rows)))
		if err != nil || !slices.Equal(rows, again) {
			t.Fatalf("%v\n%v\n%v", rows, again, err)
		}
	})
}
