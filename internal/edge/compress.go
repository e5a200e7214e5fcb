// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/encode"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// Compression (row F18) happens once a stored variant, on the way into the
// cache: the normalised Accept-Encoding is part of the key, so what is stored
// under it is what its viewers accept. Answers that are not stored are not
// compressed.

// encode compresses the answer if the behavior says so and it is worth it: the
// object's fields and the viewer's are changed, and the body becomes a reader
// of the encoded one.
func (x *Exchange) encode(o *cache.Object, stored *httpmsg.Header) {
	coding := x.coding(o, stored)
	if coding == 0 {
		return
	}
	src, err := x.edge.encoder.Reader(x.body.src, coding)
	if err != nil {
		return // CloudFront too skips compression now and then
	}
	x.body.src = src
	o.Length, o.Flags = -1, o.Flags|flagEncoded
	x.rs.ContentLength = -1
	name := "gzip"
	if coding == httpspec.Brotli {
		name = "br"
	}
	for _, h := range []*httpmsg.Header{stored, &x.rs.Header} {
		h.Set("Content-Encoding", name)
		weaken(h)
		if !httpspec.ListHas(h.Join("Vary"), "Accept-Encoding") {
			h.Add("Vary", "Accept-Encoding")
		}
		h.Del("Content-Md5")
		h.Del("Accept-Ranges")
	}
}

// coding is the one to compress with, 0 for none.
func (x *Exchange) coding(o *cache.Object, h *httpmsg.Header) httpspec.Encodings {
	if !x.beh.m.Compress || o.Transient || o.TTL <= 0 || h.Has("Content-Encoding") ||
		httpspec.ListHas(h.Join("Cache-Control"), "no-transform") {
		return 0
	}
	return encode.Choose(x.keyed.encodings, o.Status, o.Length, httpspec.MediaType(h.Get("Content-Type")))
}

// weaken makes a strong ETag weak, for the encoded body has other bytes, and
// drops one that is none.
func weaken(h *httpmsg.Header) {
	tag, ok := h.Lookup("ETag")
	switch {
	case !ok, strings.HasPrefix(tag, "W/"):
	case strings.HasPrefix(tag, `"`):
		h.Set("ETag", "W/"+tag)
	default:
		h.Del("ETag")
	}
}
