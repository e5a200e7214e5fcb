// SPDX-License-Identifier: Apache-2.0

package record

import (
	"strconv"
	"time"
)

// AppendCacheStatus appends the value of a Cache-Status field (RFC 9211) that
// tells what the cache did with the exchange, for example
// "Forelane; hit; ttl=12" or "Forelane; fwd=uri-miss; fwd-status=200; stored".
func AppendCacheStatus(b []byte, r *Record) []byte {
	b = append(b, "Forelane"...)
	c := &r.Cache
	switch c.Status {
	case CacheHit:
		b = append(b, "; hit"...)
	case CacheStale:
		if c.Reason == ReasonWhileRevalidate {
			b = append(b, "; hit"...)
		} else {
			b = append(b, "; fwd=stale"...)
		}
	case CacheFresh:
		b = append(b, "; fwd=stale"...)
	case CacheMiss:
		if c.Reason == ReasonExpired || c.Reason == ReasonMustRevalidate {
			b = append(b, "; fwd=stale"...)
		} else if c.Reason == ReasonPart {
			b = append(b, "; fwd=partial"...)
		} else if c.Reason == ReasonVariant {
			b = append(b, "; fwd=vary-miss"...)
		} else {
			b = append(b, "; fwd=uri-miss"...)
		}
	case CacheBypass:
		if c.Reason == ReasonMethod {
			b = append(b, "; fwd=method"...)
		} else {
			b = append(b, "; fwd=bypass"...)
		}
	default:
		return b
	}
	if r.Origin.Status != 0 {
		b = strconv.AppendInt(append(b, "; fwd-status="...), int64(r.Origin.Status), 10)
	}
	if c.Status == CacheHit || c.Status == CacheStale || c.Store == Stored {
		b = strconv.AppendInt(append(b, "; ttl="...), int64((c.TTL-c.Age)/time.Second), 10)
	}
	if c.Store == Stored {
		b = append(b, "; stored"...)
	}
	if c.Collapsed {
		b = append(b, "; collapsed"...)
	}
	if c.ShowKey && c.Key != "" {
		b = appendText(append(b, "; key="...), c.Key)
	}
	if s := c.Reason.String(); s != "" {
		b = append(append(b, "; detail="...), s...) // always a token
	}
	return b
}

// maxShownKey bounds the key in a field.
const maxShownKey = 1024

// appendText appends a String of RFC 9651: separators of a key become spaces,
// what a String cannot hold becomes ?.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < min(len(s), maxShownKey); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n' || c == '\v':
			b = append(b, ' ')
		case c < ' ' || c > '~':
			b = append(b, '?')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// AppendServerTiming appends the value of CloudFront's Server-Timing field.
func AppendServerTiming(b []byte, r *Record) []byte {
	layer := ""
	switch {
	case r.Cache.Status == CacheHit, r.Cache.Status == CacheStale:
		b, layer = append(b, "cdn-cache-hit"...), "EDGE"
	case r.Cache.Status == CacheFresh:
		b = append(b, "cdn-cache-refresh"...)
	default:
		b = append(b, "cdn-cache-miss"...)
	}
	b = append(append(append(b, `,cdn-pop;desc="`...), r.Edge.Location...), '"')
	b = append(append(append(b, `,cdn-rid;desc="`...), r.ID...), '"')
	if layer != "" {
		return append(append(append(b, `,cdn-hit-layer;desc="`...), layer...), '"')
	}
	if r.Origin.Tries > 0 {
		b = append(b, `,cdn-upstream-layer;desc="EDGE",cdn-upstream-fbl;dur=`...)
		b = strconv.AppendInt(b, r.Origin.FirstByte.Milliseconds(), 10)
	}
	return b
}
