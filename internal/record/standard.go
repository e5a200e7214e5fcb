// SPDX-License-Identifier: Apache-2.0

package record

import (
	"net/netip"
	"strconv"
	"time"
)

// This file writes CloudFront's standard log, version 1: the W3C extended
// format, 33 fields between tabs, "-" for what is absent. Source: CloudFront
// Developer Guide, "Configure and use standard logs", "Log file format".

// StandardHeader is the head of a log file.
const StandardHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status " +
	"cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes " +
	"time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status " +
	"fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start " +
	"sc-range-end\n"

// AppendStandard appends the line of r with its line feed. cookies is
// IncludeCookies of the distribution's logging.
func AppendStandard(b []byte, r *Record, cookies bool) []byte {
	l := line{b}
	l.time(r.Start.Add(r.Time.Total))
	l.text(r.Edge.Location)
	l.number(r.Response.Bytes)
	l.addr(r.Viewer.Addr.Addr())
	l.text(r.Request.Method)
	l.text(r.Edge.Domain)
	l.text(r.Request.Path)
	l.status(r.Response.Status)
	l.text(r.Request.Referer)
	l.text(r.Request.UserAgent)
	l.text(r.Request.Query)
	if cookies {
		l.text(r.Request.Cookie)
	} else {
		l.text("")
	}
	l.text(r.Result.Type.String())
	l.text(r.ID)
	l.text(r.Request.Host)
	l.text(r.Request.Scheme)
	l.number(r.Request.Bytes)
	l.seconds(r.Time.Total)
	l.text(r.Viewer.ForwardedFor)
	l.text(r.Viewer.TLSVersion)
	l.text(r.Viewer.TLSCipher)
	l.text(sentResult(r).String())
	l.text(r.Viewer.Proto.String())
	l.text("") // field-level encryption: fle-status
	l.text("") // and fle-encrypted-fields
	l.number(int64(r.Viewer.Addr.Port()))
	l.seconds(r.Time.FirstByte)
	l.detail(r)
	l.text(r.Response.ContentType)
	l.optional(r.Response.ContentLength, r.Response.HasLength)
	l.optional(r.Response.Range.First, r.Response.HasRange)
	l.optional(r.Response.Range.Last, r.Response.HasRange)
	return append(l.b, '\n')
}

type line struct{ b []byte }

// text appends a field, percent-encoded; an empty one is "-".
func (l *line) text(s string) {
	l.b = append(l.b, '\t')
	if s == "" {
		l.b = append(l.b, '-')
		return
	}
	l.more(s)
}

// more appends to a field, percent-encoded.
func (l *line) more(s string) {
	start := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; escaped[c] {
			l.b = append(l.b, s[start:i]...)
			l.b = append(l.b, '%', hexDigits[c>>4], hexDigits[c&15])
			start = i + 1
		}
	}
	l.b = append(l.b, s[start:]...)
}

const hexDigits = "0123456789ABCDEF"

// escaped has true for the bytes that the guide says are written %XX: controls
// and space, 127 and up, and a list that has the percent sign itself.
var escaped = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || c >= 127
	}
	for _, c := range "<>\"#%{}|\\^~[]`'" {
		t[c] = true
	}
	return t
}()

// time appends a date and a time of day in UTC, as AppendFormat would by
// "2006-01-02\t15:04:05" for the years that a log can have.
func (l *line) time(t time.Time) {
	year, month, day := t.UTC().Date()
	s := int(((t.Unix() % 86400) + 86400) % 86400)
	l.b = append(l.b,
		byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+int(month)/10), byte('0'+int(month)%10), '-', byte('0'+day/10), byte('0'+day%10), '\t',
		byte('0'+s/36000), byte('0'+s/3600%10), ':', byte('0'+s/600%6), byte('0'+s/60%10), ':', byte('0'+s%60/10), byte('0'+s%10))
}

func (l *line) number(n int64) {
	l.b = strconv.AppendInt(append(l.b, '\t'), n, 10)
}

func (l *line) optional(n int64, set bool) {
	if set {
		l.number(n)
	} else {
		l.text("")
	}
}

// addr appends an address without zone; an IPv4 one that came mapped is IPv4.
func (l *line) addr(a netip.Addr) {
	if !a.IsValid() {
		l.text("")
		return
	}
	l.b = a.Unmap().WithZone("").AppendTo(append(l.b, '\t'))
}

// status appends three digits; 000 when the viewer left before the answer.
func (l *line) status(n int) {
	l.b = appendStatus(append(l.b, '\t'), n)
}

func appendStatus(b []byte, n int) []byte {
	return append(b, byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}

// seconds appends a time with three decimals.
func (l *line) seconds(d time.Duration) {
	l.b = appendMillis(append(l.b, '\t'), d)
}

func appendMillis(b []byte, d time.Duration) []byte {
	ms := max(0, (d + time.Millisecond/2).Milliseconds())
	b = strconv.AppendInt(b, ms/1000, 10)
	ms %= 1000
	return append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

func (l *line) detail(r *Record) {
	if r.Result.Detail != DetailNone {
		l.text(r.Result.Detail.String())
	} else {
		l.text(r.Result.Type.String())
	}
}
