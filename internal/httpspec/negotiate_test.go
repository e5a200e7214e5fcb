// SPDX-License-Identifier: Apache-2.0

package httpspec

import "testing"

func TestA28Preferred(t *testing.T) {
	for _, tt := range []struct {
		accept string
		want   Encodings
	}{
		{"", 0},
		{"gzip", Gzip},
		{"deflate", Deflate},
		{"deflate,gzip", Gzip},
		{"deflate;q=0.5,gzip;q=1.0", Gzip},
		{"DEFLATE , gzip;q=0.9", Deflate},
		{"gzip;q=1.0,identity;q=0.5,*;q=0", Gzip},
		{"gzip;q=0.5,identity", 0},
		{"gzip;q=0", 0},
		{"gzip;q=0,*", Deflate},
		{"*", Gzip},
		{"*;q=0", 0},
		{"identity", 0},
		{"br", 0},
		{"gzip;q=2", 0},
		{"gzip;q=NaN", 0},
		{"gzip;q=x, deflate", Deflate},
	} {
		if got := PreferredEncoding(tt.accept); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.accept, got, tt.want)
		}
	}
}
