// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/forelane/forelane/internal/httpmsg"
)

// This file writes CloudFront's real-time log: a part of the requests, fields by
// choice between tabs, "-" for what is absent. Source: CloudFront Developer
// Guide, "Use real-time access logs".
//
// A record has its fields in the order of the guide's list, which is that of
// realtimeTable, whatever order a configuration names them in: a consumer counts
// columns. Values are percent-encoded as in the standard log. Cookies and the
// two lists of header fields end after 800 bytes; of these lists each entry ends
// in a line feed, which is encoded too:
//
//	Host:www.example.com%0AUser-Agent:curl/8.5.0%0A

// Realtime is a real-time log. The nil Realtime takes nothing.
type Realtime struct {
	layout *Layout
	rate   int
	to     []*Writer
}

// NewRealtime makes a log of rate percent of the requests, which are written to
// all of to as layout has it; the Writers have that Layout too, and are the
// caller's.
func NewRealtime(layout *Layout, rate int, to ...*Writer) *Realtime {
	return &Realtime{layout, rate, to}
}

// NewRealtimeLayout makes the layout of a real-time log's lines.
func NewRealtimeLayout(fields []string) (*Layout, error) {
	l := &Layout{kind: "realtime", cookies: true}
	for _, name := range fields {
		i := slices.IndexFunc(realtimeTable[:], func(f field) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no field %q", name)
		}
		if err := l.take(realtimeTable[i]); err != nil {
			return nil, err
		}
	}
	if len(l.fields) == 0 {
		return nil, errors.New("no field is chosen")
	}
	slices.SortFunc(l.fields, func(a, b field) int { return placeOf(a.name) - placeOf(b.name) })
	return l, nil
}

func placeOf(name string) int {
	return slices.IndexFunc(realtimeTable[:], func(f field) bool { return f.name == name })
}

// RealtimeFields are the names of all fields, in their order.
func RealtimeFields() []string {
	var names []string
	for _, f := range realtimeTable {
		names = append(names, f.name)
	}
	return names
}

// NeedsPlace tells whether the log asks for Viewer.Country or Viewer.ASN.
func (t *Realtime) NeedsPlace() bool { return t != nil && t.layout.NeedsPlace() }

// NeedsHead tells whether it asks for Request.Header.
func (t *Realtime) NeedsHead() bool { return t != nil && t.layout.NeedsHead() }

// Sampled chooses, at random, whether a request is of the sample.
func (t *Realtime) Sampled() bool {
	return t != nil && (t.rate >= 100 || rand.IntN(100) < t.rate)
}

// Write writes the line of r. It waits for nothing.
func (t *Realtime) Write(r *Record) {
	for _, w := range t.to {
		w.Write(r)
	}
}

// maxRealtime bounds the long fields, as they are written.
const maxRealtime = 800

// standard is a field of the standard log.
func standard(name string) func(line, *Record, bool) line {
	for _, f := range fieldTable {
		if f.name == name {
			return f.put
		}
	}
	return none
}

// realtimeTable has all fields in the order of the guide.
var realtimeTable = [...]field{
	{"timestamp", standard("timestamp")},
	{"c-ip", standard("c-ip")},
	{"s-ip", func(l line, r *Record, _ bool) line { l.addr(r.Viewer.Local); return l }},
	{"time-to-first-byte", standard("time-to-first-byte")},
	{"sc-status", standard("sc-status")},
	{"sc-bytes", standard("sc-bytes")},
	{"cs-method", standard("cs-method")},
	{"cs-protocol", standard("cs-protocol")},
	{"cs-host", standard("cs(Host)")},
	{"cs-uri-stem", standard("cs-uri-stem")},
	{"cs-bytes", standard("cs-bytes")},
	{"x-edge-location", standard("x-edge-location")},
	{"x-edge-request-id", standard("x-edge-request-id")},
	{"x-host-header", standard("x-host-header")},
	{"time-taken", standard("time-taken")},
	{"cs-protocol-version", standard("cs-protocol-version")},
	{"c-ip-version", func(l line, r *Record, _ bool) line { l.text(ipVersion(r)); return l }},
	{"cs-user-agent", standard("cs(User-Agent)")},
	{"cs-referer", standard("cs(Referer)")},
	{"cs-cookie", func(l line, r *Record, _ bool) line {
		start := len(l.b)
		l.text(r.Request.Cookie)
		l.cut(start)
		return l
	}},
	{"cs-uri-query", standard("cs-uri-query")},
	{"x-edge-response-result-type", standard("x-edge-response-result-type")},
	{"x-forwarded-for", standard("x-forwarded-for")},
	{"ssl-protocol", standard("ssl-protocol")},
	{"ssl-cipher", standard("ssl-cipher")},
	{"x-edge-result-type", standard("x-edge-result-type")},
	{"fle-encrypted-fields", none},
	{"fle-status", none},
	{"sc-content-type", standard("sc-content-type")},
	{"sc-content-len", standard("sc-content-len")},
	{"sc-range-start", standard("sc-range-start")},
	{"sc-range-end", standard("sc-range-end")},
	{"c-port", standard("c-port")},
	{"x-edge-detailed-result-type", standard("x-edge-detailed-result-type")},
	{"c-country", standard("c-country")},
	{"cs-accept-encoding", func(l line, r *Record, _ bool) line { l.text(sent(r, "Accept-Encoding")); return l }},
	{"cs-accept", func(l line, r *Record, _ bool) line { l.text(sent(r, "Accept")); return l }},
	{"cache-behavior-path-pattern", standard("cache-behavior-path-pattern")},
	{"cs-headers", func(l line, r *Record, _ bool) line { l.head(r, true); return l }},
	{"cs-header-names", func(l line, r *Record, _ bool) line { l.head(r, false); return l }},
	{"cs-headers-count", func(l line, r *Record, _ bool) line { l.headCount(r); return l }},
	{"primary-distribution-id", func(l line, r *Record, _ bool) line { l.text(r.Edge.PrimaryID); return l }},
	{"primary-distribution-dns-name", func(l line, r *Record, _ bool) line { l.text(r.Edge.PrimaryDomain); return l }},
	{"origin-fbl", standard("origin-fbl")},
	{"origin-lbl", standard("origin-lbl")},
	{"asn", standard("asn")},
	{"cmcd-encoded-bitrate", media("br")},
	{"cmcd-buffer-length", media("bl")},
	{"cmcd-buffer-starvation", media("bs")},
	{"cmcd-content-id", media("cid")},
	{"cmcd-object-duration", media("d")},
	{"cmcd-deadline", media("dl")},
	{"cmcd-measured-throughput", media("mtp")},
	{"cmcd-next-object-request", media("nor")},
	{"cmcd-next-range-request", media("nrr")},
	{"cmcd-object-type", media("ot")},
	{"cmcd-playback-rate", media("pr")},
	{"cmcd-requested-maximum-throughput", media("rtp")},
	{"cmcd-streaming-format", media("sf")},
	{"cmcd-session-id", media("sid")},
	{"cmcd-stream-type", media("st")},
	{"cmcd-startup", media("su")},
	{"cmcd-top-bitrate", media("tb")},
	{"cmcd-version", media("v")},
	{"r-host", func(l line, r *Record, _ bool) line { l.text(r.Origin.Host); return l }},
	{"sr-reason", func(l line, r *Record, _ bool) line {
		if l.text(""); r.Origin.FailedStatus != 0 {
			l.b = append(l.b[:len(l.b)-1], "Failover:"...)
			l.b = appendStatus(l.b, r.Origin.FailedStatus)
		}
		return l
	}},
	{"x-edge-mqcs", none}, // no origin is chosen by the quality of media
	{"distribution-tenant-id", none},
	{"connection-id", none},
}

func ipVersion(r *Record) string {
	a := r.Viewer.Addr.Addr()
	switch {
	case !a.IsValid():
		return ""
	case a.Unmap().Is4():
		return "IPv4"
	}
	return "IPv6"
}

// sent is a field of the viewer's request.
func sent(r *Record, name string) string {
	if r.Request.Header == nil {
		return ""
	}
	return r.Request.Header.Join(name)
}

// media is a value of Common Media Client Data.
func media(key string) func(line, *Record, bool) line {
	return func(l line, r *Record, _ bool) line { l.text(clientData(r, key)); return l }
}

// head appends the viewer's fields, with values or without.
func (l *line) head(r *Record, values bool) {
	start := len(l.b)
	l.b = append(l.b, '\t')
	if r.Request.Host != "" {
		l.entry("Host", r.Request.Host, values)
	}
	if h := r.Request.Header; h != nil {
		for _, f := range h.Fields() {
			if httpmsg.EqualFold(f.Name, "Host") {
				continue
			}
			if l.entry(f.Name, f.Value, values); len(l.b)-start > maxRealtime {
				break
			}
		}
	}
	if len(l.b) == start+1 {
		l.b = append(l.b, '-')
	}
	l.cut(start)
}

func (l *line) entry(name, value string, values bool) {
	l.more(name)
	if values {
		l.b = append(l.b, ':')
		l.more(value)
	}
	l.b = append(l.b, "%0A"...)
}

// headCount appends how many fields there are.
func (l *line) headCount(r *Record) {
	n := int64(0)
	if r.Request.Host != "" {
		n++
	}
	if h := r.Request.Header; h != nil {
		for _, f := range h.Fields() {
			if !httpmsg.EqualFold(f.Name, "Host") {
				n++
			}
		}
	}
	l.number(n)
}

// cut ends the field that begins at start after maxRealtime bytes, and not within
// an encoded one.
func (l *line) cut(start int) {
	end := start + 1 + maxRealtime
	if len(l.b) <= end {
		return
	}
	if i := bytes.IndexByte(l.b[end-2:end], '%'); i >= 0 {
		end += i - 2
	}
	l.b = l.b[:end]
}
