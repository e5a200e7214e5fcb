// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/forelane/forelane/internal/record"
)

func (x *Exchange) open() stepID {
	x.takeDebug()
	x.rec.Start = time.Now()
	x.scratch = appendID(x.scratch)
	x.rec.ID = view(x.scratch)
	x.extended()
	x.describe()
	x.beginTrace()
	return stepDistribution
}

// now is the time that an Exchange is judged by: one moment for all that runs
// inline, which takes microseconds.
func (x *Exchange) now() time.Time {
	if x.inline {
		return x.rec.Start
	}
	return time.Now()
}

// describe writes the request into the Record.
func (x *Exchange) describe() {
	rq, r := x.rq, &x.rec
	r.Edge.Location, r.Edge.Stack = x.edge.deps.POP, x.edge.stack
	r.Viewer = record.Viewer{Addr: rq.Viewer.Addr, Local: rq.Viewer.Local, ForwardedFor: rq.Header.Join("X-Forwarded-For"), Proto: rq.Proto}
	if t := rq.Viewer.TLS; t != nil {
		r.Viewer.TLSVersion, r.Viewer.TLSCipher = t.Version, t.Cipher
	}
	r.Request = record.Request{
		Method: rq.Method, Scheme: rq.Scheme, Host: rq.Host, Path: rq.Path, Query: rq.Query,
		Referer: rq.Header.Get("Referer"), UserAgent: rq.Header.Get("User-Agent"), Cookie: rq.Header.Join("Cookie"),
		Bytes: int64(headSize(rq)), Header: &rq.Header,
	}
	if x.seen != nil {
		r.Request.Header = x.seen
	}
	if rq.ContentLength > 0 {
		r.Request.Bytes += rq.ContentLength
	}
}

// appendID appends a request id in CloudFront's shape: 54 letters, digits, -
// and _, and two equals signs. It identifies, it keeps no secret.
func appendID(b []byte) []byte {
	var raw [40]byte
	for i := 0; i < len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], rand.Uint64())
	}
	return base64.URLEncoding.AppendEncode(b, raw[:])
}

func newID() string { return string(appendID(nil)) }
