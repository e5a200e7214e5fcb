// SPDX-License-Identifier: Apache-2.0

package mux

import "errors"

// ErrInteger is an integer that is cut off or too large.
var ErrInteger = errors.New("integer cut off or too large")

// AppendInt writes an integer (RFC 7541 5.1) with a prefix of so many bits behind pattern.
func AppendInt(b []byte, pattern byte, prefix, v int) []byte {
	most := 1<<prefix - 1
	if v < most {
		return append(b, pattern|byte(v))
	}
	b = append(b, pattern|byte(most))
	for v -= most; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// ReadInt reads an integer with a prefix of so many bits (RFC 7541 5.1).
// Anything above 2^28 is refused.
func ReadInt(b []byte, prefix int) (int, []byte, error) {
	if len(b) == 0 {
		return 0, b, ErrInteger
	}
	mask := 1<<prefix - 1
	v := int(b[0]) & mask
	b = b[1:]
	if v < mask {
		return v, b, nil
	}
	for shift := 0; shift <= 21; shift += 7 {
		if len(b) == 0 {
			return 0, b, ErrInteger
		}
		c := b[0]
		b = b[1:]
		v += int(c&0x7f) << shift
		if c&0x80 == 0 {
			return v, b, nil
		}
	}
	return 0, b, ErrInteger
}
