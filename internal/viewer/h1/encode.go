// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// appendHead appends status line, fields and framing. The version is always
// HTTP/1.1, the highest that is spoken (RFC 9110 2.5).
func (w *writer) appendHead(b []byte, rs *httpmsg.Response, length int64) []byte {
	b = appendStatus(b, rs.Status)
	for i := range rs.Fixed {
		b = append(b, rs.Fixed[i].Lines()...)
	}
	b = appendFields(b, rs.Header.Fields(), false)
	switch {
	case w.mode == modeChunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case length >= 0:
		b = appendLength(b, length)
	}
	switch {
	case w.close:
		b = append(b, "Connection: close\r\n"...)
	case w.c.rq.Proto == httpmsg.HTTP10:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendBare appends a head without framing: interim answers, and upgrades,
// which keep their connection fields.
func appendBare(b []byte, rs *httpmsg.Response, upgrade bool) []byte {
	b = appendStatus(b, rs.Status)
	b = appendFields(b, rs.Header.Fields(), upgrade)
	return append(b, "\r\n"...)
}

func appendStatus(b []byte, status int) []byte {
	switch status {
	case 200:
		return append(b, "HTTP/1.1 200 OK\r\n"...)
	case 304:
		return append(b, "HTTP/1.1 304 Not Modified\r\n"...)
	}
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	return append(b, "\r\n"...)
}

// appendFields appends the fields but those of the connection, which are the
// engine's. A field that would break the head (a line break in it) is looked
// for by counting, which is cheap, and written again without its breaks.
func appendFields(b []byte, fields []httpmsg.Field, upgrade bool) []byte {
	from, lines := len(b), 0
	for i := range fields {
		f := &fields[i]
		if f.Name == "" || !upgrade && httpmsg.OfConnection(f.Name) {
			continue
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
		lines++
	}
	if bytes.Count(b[from:], []byte{'\n'}) == lines && bytes.Count(b[from:], []byte{'\r'}) == lines {
		return b
	}
	b = b[:from]
	for _, f := range fields {
		if f.Name == "" || !upgrade && httpmsg.OfConnection(f.Name) || !token(f.Name) {
			continue
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		for i := 0; i < len(f.Value); i++ {
			c := f.Value[i]
			if c == '\r' || c == '\n' {
				c = ' '
			}
			b = append(b, c)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return s != ""
}

// wantsClose tells whether the answer itself asks to end the connection.
func wantsClose(rs *httpmsg.Response) bool {
	for _, f := range rs.Header.Fields() {
		if len(f.Name) == len("Connection") && httpmsg.EqualFold(f.Name, "Connection") {
			var o httpspec.Connection
			o.Add(f.Value)
			return o.Close
		}
	}
	return false
}

// refusal is a whole answer that ends the connection. It does not pass the
// edge, so it carries its own Date (RFC 9110 6.6.1).
func refusal(status int, body bool) string {
	words := http.StatusText(status) + "\n"
	b := appendStatus(nil, status)
	b = append(b, "Date: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\n"...)
	b = appendLength(b, int64(len(words)))
	b = append(b, "Connection: close\r\n\r\n"...)
	if body {
		b = append(b, words...)
	}
	return string(b)
}
