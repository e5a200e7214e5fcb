// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

// The example of RFC 6455 1.3.
const key, accept = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

func header(lines ...string) (h httpmsg.Header) {
	for _, l := range lines {
		n, v, _ := strings.Cut(l, ": ")
		h.Add(n, v)
	}
	return h
}

func TestC16WhatIsAHandshake(t *testing.T) {
	good := []string{"Upgrade: h2c, WebSocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Key: " + key}
	for _, tt := range []struct {
		name   string
		change func(rq *httpmsg.Request)
		ok     bool
	}{
		{"one", func(*httpmsg.Request) {}, true},
		{"by POST", func(rq *httpmsg.Request) { rq.Method = "POST" }, false},
		{"by HTTP/1.0", func(rq *httpmsg.Request) { rq.Proto = httpmsg.HTTP10 }, false},
		{"without Upgrade", func(rq *httpmsg.Request) { rq.Header.Del("Upgrade") }, false},
		{"to something else", func(rq *httpmsg.Request) { rq.Header.Set("Upgrade", "h2c") }, false},
		{"without Connection", func(rq *httpmsg.Request) { rq.Header.Del("Connection") }, false},
		{"two keys", func(rq *httpmsg.Request) { rq.Header.Add("Sec-WebSocket-Key", key) }, false},
		{"a short key", func(rq *httpmsg.Request) { rq.Header.Set("Sec-WebSocket-Key", "YQ==") }, false},
		{"a key that is none", func(rq *httpmsg.Request) { rq.Header.Set("Sec-WebSocket-Key", "?") }, false},
	} {
		rq := &httpmsg.Request{Method: "GET", Proto: httpmsg.HTTP11, Header: header(good...)}
		tt.change(rq)
		if got, ok := Key(rq); ok != tt.ok || ok && got != key {
			t.Errorf("%s: %q %v", tt.name, got, ok)
		}
	}
}

func TestC16WhatIsOffered(t *testing.T) {
	to := header("Accept: x", "Sec-WebSocket-Extensions: of a policy")
	viewer := header("Sec-WebSocket-Key: "+key, "Sec-WebSocket-Protocol: chat", "Cookie: a=1")
	own := NewKey()
	Offer(&to, &viewer, own)
	var got []string
	for _, f := range to.Fields() {
		got = append(got, f.Name+": "+f.Value)
	}
	if want := "Accept: x|Sec-WebSocket-Protocol: chat|Sec-WebSocket-Key: " + own + "|Connection: Upgrade|Upgrade: websocket"; strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
	if own == NewKey() || len(own) != len(key) {
		t.Errorf("key %q", own)
	}
}

func TestC16WhoAgrees(t *testing.T) {
	for name, tt := range map[string]struct {
		lines []string
		ok    bool
	}{
		"the origin":           {[]string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: " + accept}, true},
		"to another key":       {[]string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: " + key}, false},
		"twice":                {[]string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: " + accept, "Sec-WebSocket-Accept: " + accept}, false},
		"to something else":    {[]string{"Upgrade: h2c", "Connection: Upgrade", "Sec-WebSocket-Accept: " + accept}, false},
		"without the sentence": {[]string{"Upgrade: websocket", "Sec-WebSocket-Accept: " + accept}, false},
	} {
		h := header(tt.lines...)
		if Agrees(&h, key) != tt.ok {
			t.Errorf("%s: %v", name, !tt.ok)
		}
	}
}
