// SPDX-License-Identifier: Apache-2.0

package account

import (
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
)

// maxDebug bounds the value of a debug header.
const maxDebug = 1500

// Debug sets the debug headers. key has no secrets; policy is what the behavior's
// cache policy is called.
func Debug(h *httpmsg.Header, r *record.Record, key, policy string) {
	add := func(name, value string) { h.Set("X-Forelane-"+name, visible(value)) }
	text := r.Cache.Status.String()
	if r.Cache.Reason != record.ReasonNone {
		text += "; reason=" + r.Cache.Reason.String()
	}
	if r.Cache.Collapsed {
		text += "; collapsed"
	}
	if r.Cache.Status.Served() {
		text += "; age=" + seconds(r.Cache.Age)
	}
	add("Cache", text)
	if key != "" {
		add("Key", key)
	}
	if r.Cache.Status.Served() || r.Cache.Store != record.StoreNone {
		text = seconds(r.Cache.TTL)
		if r.Cache.Store != record.StoreNone {
			text += "; by=" + r.Cache.TTLReason.String() + "; store=" + r.Cache.Store.String()
		}
		add("TTL", text)
	}
	if b := r.Edge.Behavior; b != "" {
		add("Behavior", b+"; policy="+policy)
	}
	if o := &r.Origin; o.ID != "" {
		add("Origin", o.ID+"; status="+strconv.Itoa(o.Status)+"; tries="+strconv.Itoa(o.Tries)+"; ms="+strconv.FormatInt(o.FirstByte.Milliseconds(), 10))
	}
	if f := &r.Function[0]; f.Name != "" {
		add("Function", f.Name+"; us="+strconv.FormatInt(f.Time.Microseconds(), 10))
	}
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// visible makes a text a field value: separators become blanks, what is not
// ASCII a question mark, and it is not longer than maxDebug.
func visible(s string) string {
	b := []byte(s[:min(len(s), maxDebug)])
	for i, c := range b {
		switch {
		case c == '\n' || c == '\v':
			b[i] = ' '
		case c < 0x20 || c > 0x7e:
			b[i] = '?'
		}
	}
	return string(b)
}
