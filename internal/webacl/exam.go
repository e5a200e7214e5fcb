// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/webacl/crs"
)

// exam is one request under examination: what several statements read is taken
// apart once. It is used again when it is over.
type exam struct {
	acl   *ACL
	rq    *httpmsg.Request
	now   time.Time
	v     *Verdict
	inner *rule  // of the group that ended it
	trace *trace // nil: there is no log

	body    []byte // as much as is inspected
	more    bool   // there is more of it
	args    []pair
	cookies []pair
	parsed  struct{ args, cookies, json bool }
	tree    jsonTexts
	key     []byte // room for the key of a rate-based rule

	hits   crs.Result
	looked bool  // hits is of this request
	dry    bool  // rate-based rules do not count
	err    error // of the engine behind the managed groups
}

// pair is a name and a value as they were sent.
type pair struct{ name, value string }

func (x *exam) reset() {
	clear(x.args)
	clear(x.cookies)
	*x = exam{args: x.args[:0], cookies: x.cookies[:0], key: x.key[:0], hits: x.hits}
}

// readBody reads what is inspected of the body and puts it back.
func (x *exam) readBody(limit int) error {
	body := x.rq.Body
	if body == nil || x.rq.ContentLength == 0 {
		return nil
	}
	room := limit + 1
	if n := x.rq.ContentLength; n > 0 && n < int64(room) {
		room = int(n)
	}
	b, n := make([]byte, room), 0
	var end error
	for n < room && end == nil {
		var m int
		m, end = body.Read(b[n:])
		n += m
	}
	x.rq.Body = &replay{head: b[:n], rest: body, end: end}
	x.body, x.more = b[:min(n, limit)], n > limit
	if end != nil && !errors.Is(end, io.EOF) {
		return end
	}
	return nil
}

// replay gives what was read of a body once more, and then the rest.
type replay struct {
	head []byte
	rest io.ReadCloser
	end  error // what ended rest, when that is known
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.end != nil {
		return 0, r.end
	}
	return r.rest.Read(p)
}

func (r *replay) Close() error { return r.rest.Close() }

// queryArgs are the arguments of the query string, as they were sent.
func (x *exam) queryArgs() []pair {
	if !x.parsed.args {
		x.parsed.args = true
		x.args = appendPairs(x.args[:0], x.rq.Query, '&')
	}
	return x.args
}

// cookiePairs are the cookies, as they were sent.
func (x *exam) cookiePairs() []pair {
	if !x.parsed.cookies {
		x.parsed.cookies = true
		x.cookies = x.cookies[:0]
		for _, f := range x.rq.Header.Fields() {
			if httpmsg.EqualFold(f.Name, "Cookie") {
				x.cookies = appendPairs(x.cookies, f.Value, ';')
			}
		}
	}
	return x.cookies
}

func appendPairs(to []pair, text string, sep byte) []pair {
	for text != "" {
		var one string
		if i := strings.IndexByte(text, sep); i >= 0 {
			one, text = text[:i], text[i+1:]
		} else {
			one, text = text, ""
		}
		if sep == ';' {
			one = strings.Trim(one, " \t")
		}
		if one != "" {
			name, value, _ := strings.Cut(one, "=")
			to = append(to, pair{name, value})
		}
	}
	return to
}

// addr is the address that the connection, or a balancer, has told.
func (x *exam) addr() netip.Addr { return x.rq.Viewer.Addr.Addr().Unmap() }
