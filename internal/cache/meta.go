// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"encoding/binary"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// What the disk keeps of an object beside its key and body. Times are those of
// the wall clock: they outlive the process. A marker of variants has its text
// in place of the lines.
//
//	1 version, 1 kind, 1 alone, 1 zero, 4 status, 4 flags, 4 length of the lines
//	8 each: born (Unix, ns), age, TTL, stale, stale-if-error
//	the lines, and then the HTTP/2 block
const (
	metaVersion = 1
	metaSize    = 16 + 5*8
)

func encode(kind uint8, o *Object) []byte {
	lines, block := o.Head.Lines(), o.Head.Block()
	b := make([]byte, 0, metaSize+len(lines)+len(block))
	alone := byte(0)
	if o.Alone {
		alone = 1
	}
	b = append(b, metaVersion, kind, alone, 0)
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(o.Status))
	b = le.AppendUint32(b, o.Flags)
	b = le.AppendUint32(b, uint32(len(lines)))
	for _, d := range []time.Duration{time.Duration(o.Born.UnixNano()), o.Age, o.TTL, o.Stale, o.StaleIfError} {
		b = le.AppendUint64(b, uint64(d))
	}
	b = append(b, lines...)
	return append(b, block...)
}

// decode is the reverse; nil for what another version wrote.
func decode(b []byte) (kind uint8, o *Object) {
	if len(b) < metaSize || b[0] != metaVersion {
		return 0, nil
	}
	le := binary.LittleEndian
	lines := int(le.Uint32(b[12:]))
	texts := string(b[metaSize:])
	if lines > len(texts) {
		return 0, nil
	}
	var times [5]time.Duration
	for i := range times {
		times[i] = time.Duration(le.Uint64(b[16+8*i:]))
	}
	return b[1], &Object{
		Status: int(int32(le.Uint32(b[4:]))), Flags: le.Uint32(b[8:]), Alone: b[2] != 0,
		Head: httpmsg.HeadOf(texts[:lines], texts[lines:]),
		Born: time.Unix(0, int64(times[0])), Age: times[1], TTL: times[2], Stale: times[3], StaleIfError: times[4],
	}
}
