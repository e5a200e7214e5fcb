// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// shortID is a request id as HTTP APIs write it (and REST APIs their extended
// one): 11 bytes in base64, "ATfSmjLgPHcESJw=".
func shortID() string {
	var raw [16]byte
	fill(&raw)
	var out [16]byte
	base64.URLEncoding.Encode(out[:], raw[:11])
	return string(out[:])
}

// uuid is a request id as REST APIs and function URLs write it: version 4.
func uuid() string {
	var raw [16]byte
	fill(&raw)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	var out [36]byte
	hex.Encode(out[:], raw[:4])
	hex.Encode(out[9:], raw[4:6])
	hex.Encode(out[14:], raw[6:8])
	hex.Encode(out[19:], raw[8:10])
	hex.Encode(out[24:], raw[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// traceID is an X-Ray header: "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c".
func traceID(now time.Time) string {
	var raw [16]byte
	fill(&raw)
	binary.BigEndian.PutUint32(raw[:], uint32(now.Unix()))
	out := []byte("Root=1-00000000-000000000000000000000000")
	hex.Encode(out[7:], raw[:4])
	hex.Encode(out[16:], raw[4:])
	return string(out)
}

// fill is enough for ids: they are no secrets.
func fill(b *[16]byte) {
	binary.LittleEndian.PutUint64(b[:], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
}
