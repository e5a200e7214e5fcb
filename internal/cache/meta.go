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
//	of version 2: 4 length of the tags, and these
//	the lines, and then the HTTP/2 block
const (
	metaVersion = 1
	metaTagged  = 2
	metaSize    = 16 + 5*8
)

func encode(kind uint8, o *Object) []byte {
	lines, block := o.Head.Lines(), o.Head.Block()
	b := make([]byte, 0, metaSize+4+len(o.Tags)+len(lines)+len(block))
	alone, version := byte(0), byte(metaVersion)
	if o.Tags != "" {
		version = metaTagged
	}
	if o.Alone {
		alone = 1
	}
	b = append(b, version, kind, alone, 0)
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(o.Status))
	b = le.AppendUint32(b, o.Flags)
	b = le.AppendUint32(b, uint32(len(lines)))
	for _, d := range []time.Duration{time.Duration(o.Born.UnixNano()), o.Age, o.TTL, o.Stale, o.StaleIfError} {
		b = le.AppendUint64(b, uint64(d))
	}
	if o.Tags != "" {
		b = append(le.AppendUint32(b, uint32(len(o.Tags))), o.Tags...)
	}
	b = append(b, lines...)
	return append(b, block...)
}

// tagsIn are the tags in what encode wrote.
func tagsIn(b []byte) string {
	if len(b) < metaSize+4 || b[0] != metaTagged {
		return ""
	}
	n := int64(binary.LittleEndian.Uint32(b[metaSize:]))
	rest := b[metaSize+4:]
	return stringOf(rest[:min(n, int64(len(rest)))])
}

// decode is the reverse; nil for what another version wrote.
func decode(b []byte) (kind uint8, o *Object) {
	if len(b) < metaSize || b[0] != metaVersion && b[0] != metaTagged {
		return 0, nil
	}
	le := binary.LittleEndian
	lines := int(le.Uint32(b[12:]))
	texts, tags := string(b[metaSize:]), tagsIn(b)
	if tags != "" {
		texts, tags = texts[4+len(tags):], texts[4:4+len(tags)]
	}
	if lines > len(texts) {
		return 0, nil
	}
	var times [5]time.Duration
	for i := range times {
		times[i] = time.Duration(le.Uint64(b[16+8*i:]))
	}
	return b[1], &Object{
		Status: int(int32(le.Uint32(b[4:]))), Flags: le.Uint32(b[8:]), Alone: b[2] != 0,
		Head: httpmsg.HeadOf(texts[:lines], texts[lines:]), Tags: tags,
		Born: time.Unix(0, int64(times[0])), Age: times[1], TTL: times[2], Stale: times[3], StaleIfError: times[4],
	}
}
