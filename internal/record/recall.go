// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// codec writes a record into bytes and reads it again. One list of fields
// (entry) says both ways, so that they cannot differ. Numbers are varints, texts
// have their length in front and are cut to what is said there: what a viewer
// can make long is bounded.
type codec struct {
	b       []byte // written, or still to be read
	reading bool
	broken  bool // reading: the bytes are no record
}

// Ellipsis ends a text that was too long to be kept whole.
const Ellipsis = "…"

// How long texts may be.
const (
	mostWord    = 128
	mostText    = 512
	mostTarget  = 1024
	mostKey     = 1536
	mostHeaders = 1536
	mostList    = 8
)

// entry is what is kept of a record, in its order. It leaves out what a node
// knows of itself, and Request.Cookie.
func (c *codec) entry(r *Record, headers *string) {
	c.text(&r.ID, mostWord)
	c.time(&r.Start)
	c.viewer(&r.Viewer)
	q := &r.Request
	c.text(&q.Method, mostWord)
	c.text(&q.Scheme, mostWord)
	for _, s := range [...]*string{&q.Host, &q.Referer, &q.UserAgent} {
		c.text(s, mostText)
	}
	c.text(&q.Path, mostTarget)
	c.text(&q.Query, mostTarget)
	number(c, &q.Bytes)
	for _, s := range [...]*string{&r.Edge.Stack, &r.Edge.Distribution} {
		c.text(s, mostWord)
	}
	c.text(&r.Edge.Behavior, mostText)
	c.flag(&r.Edge.Staging)
	if c.has(r.Shield.ACL != "") {
		c.shield(&r.Shield)
	}
	number(c, &r.Result.Type)
	number(c, &r.Result.Sent)
	number(c, &r.Result.Detail)
	number(c, &r.Result.End)
	c.text(&r.Result.Why, mostText)
	c.cache(&r.Cache)
	for i := range r.Function {
		if f := &r.Function[i]; c.has(f.Name != "") {
			c.text(&f.Name, mostWord)
			number(c, &f.Time)
			number(c, &f.Utilization)
			c.text(&f.Error, mostText)
		}
	}
	if c.has(r.Origin.ID != "") {
		c.origin(&r.Origin)
	}
	if c.has(r.API.ID != "") {
		c.api(&r.API)
	}
	number(c, &r.Response.Status)
	number(c, &r.Response.Bytes)
	c.text(&r.Response.ContentType, mostWord)
	number(c, &r.Time.FirstByte)
	number(c, &r.Time.Total)
	c.text(headers, mostHeaders)
}

// begins tells whether what is read is the entry of an id. It reads that.
func (c *codec) begins(id string) bool {
	n, size := binary.Uvarint(c.b)
	return size > 0 && n == uint64(len(id)) && len(c.b) >= size+len(id) && string(c.b[size:size+len(id)]) == id
}

func (c *codec) viewer(v *Viewer) {
	c.addr(&v.Addr)
	c.text(&v.ForwardedFor, mostText)
	c.text(&v.TLSVersion, mostWord)
	number(c, &v.Proto)
}

func (c *codec) shield(s *Shield) {
	for _, t := range [...]*string{&s.ACL, &s.Action, &s.Rule, &s.Inner} {
		c.text(t, mostWord)
	}
	c.list(&s.Labels)
	c.list(&s.Counted)
}

func (c *codec) cache(k *Cache) {
	number(c, &k.Status)
	number(c, &k.Reason)
	c.text(&k.Key, mostKey)
	number(c, &k.Age)
	number(c, &k.TTL)
	number(c, &k.TTLReason)
	number(c, &k.Store)
	c.flag(&k.Collapsed)
	c.flag(&k.Background)
	c.text(&k.Encoding, mostWord)
}

func (c *codec) origin(o *Origin) {
	c.text(&o.ID, mostWord)
	for _, s := range [...]*string{&o.Host, &o.Peer, &o.Member, &o.Error} {
		c.text(s, mostText)
	}
	number(c, &o.Status)
	number(c, &o.Tries)
	c.flag(&o.Failover)
	number(c, &o.FirstByte)
}

func (c *codec) api(a *API) {
	for _, s := range [...]*string{&a.ID, &a.Stage, &a.Function} {
		c.text(s, mostWord)
	}
	c.text(&a.Route, mostText)
	c.flag(&a.Cold)
	number(c, &a.Time)
}

// number is a number of any kind.
func number[T ~int | ~int64 | ~uint8](c *codec, v *T) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, int64(*v))
		return
	}
	n, size := binary.Varint(c.b)
	if size <= 0 {
		c.broken, c.b = true, nil
		return
	}
	*v, c.b = T(n), c.b[size:]
}

// text is a text of at most so many bytes. A longer one ends in an ellipsis.
func (c *codec) text(s *string, most int) {
	if !c.reading {
		t := *s
		if len(t) <= most {
			c.b = append(binary.AppendUvarint(c.b, uint64(len(t))), t...)
			return
		}
		t = strings.ToValidUTF8(t[:most], "") // it may end within a letter
		c.b = append(append(binary.AppendUvarint(c.b, uint64(len(t)+len(Ellipsis))), t...), Ellipsis...)
		return
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 || n > uint64(len(c.b)-size) {
		c.broken, c.b = true, nil
		return
	}
	*s, c.b = string(c.b[size:size+int(n)]), c.b[size+int(n):]
}

func (c *codec) list(l *[]string) {
	n := min(len(*l), mostList)
	if number(c, &n); c.reading {
		n = min(max(n, 0), mostList)
		*l = make([]string, n)
	}
	for i := range n {
		c.text(&(*l)[i], mostWord)
	}
}

func (c *codec) flag(v *bool) { *v = c.has(*v) }

// has is a flag that says whether more follows.
func (c *codec) has(v bool) bool {
	var n uint8
	if v {
		n = 1
	}
	number(c, &n)
	return n == 1
}

func (c *codec) time(t *time.Time) {
	n := t.UnixNano()
	number(c, &n)
	if c.reading {
		*t = time.Unix(0, n).UTC()
	}
}

func (c *codec) addr(a *netip.AddrPort) {
	b := a.Addr().As16()
	form := uint8(0)
	switch {
	case a.Addr().Is4():
		form = 4
	case a.Addr().Is6():
		form = 6
	}
	port := int(a.Port())
	number(c, &form)
	number(c, &port)
	if form == 0 {
		return
	}
	if !c.reading {
		c.b = append(c.b, b[:]...)
		return
	}
	if len(c.b) < len(b) {
		c.broken, c.b = true, nil
		return
	}
	copy(b[:], c.b)
	c.b = c.b[len(b):]
	ip := netip.AddrFrom16(b)
	if form == 4 {
		ip = ip.Unmap()
	}
	*a = netip.AddrPortFrom(ip, uint16(port))
}
