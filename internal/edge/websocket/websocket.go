// SPDX-License-Identifier: Apache-2.0

// Package websocket is the opening handshake of a WebSocket (RFC 6455 4), as an
// intermediary sees it: between a viewer and an origin, neither of which it is.
//
// The flow: Key judges what a viewer sends, or NewKey makes a key for one that sent
// none (RFC 8441); Offer writes the fields for the origin; Agrees tells whether a
// 101 is the answer to that.
//
// What it does not do: it reads no frame, and takes no connection over (room pipe).
package websocket

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it; nothing is kept secret by it
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// guid is the constant of RFC 6455 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// NewKey is a key of the edge's own.
func NewKey() string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// Key is the viewer's key, if rq is an opening handshake (4.2.1). One that lacks
// something is a request as any other: nobody is obliged to upgrade (RFC 9110 7.8).
func Key(rq *httpmsg.Request) (key string, ok bool) {
	if rq.Method != http.MethodGet || rq.Proto != httpmsg.HTTP11 || rq.Body != nil || !upgrades(&rq.Header) {
		return "", false
	}
	keys := rq.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(keys[0])
	return strings.Clone(keys[0]), err == nil && len(raw) == 16
}

func upgrades(h *httpmsg.Header) bool {
	return h.Has("Upgrade") && httpspec.ListHas(h.Join("Upgrade"), "websocket") && httpspec.ListHas(h.Join("Connection"), "upgrade")
}

// Offer writes the fields of the handshake for the origin: Connection and Upgrade
// anew, those of the viewer as they are, and the key.
func Offer(to, viewer *httpmsg.Header, key string) {
	to.Filter(func(f httpmsg.Field) bool { return !ours(f.Name) })
	for _, f := range viewer.Fields() {
		if ours(f.Name) && !httpmsg.EqualFold(f.Name, "Sec-WebSocket-Key") {
			to.Add(f.Name, f.Value)
		}
	}
	to.Set("Sec-WebSocket-Key", key)
	Switch(to)
}

// Switch writes the fields of who changes the protocol.
func Switch(h *httpmsg.Header) {
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
}

// Agrees tells whether the fields of a 101 answer the handshake with a key (4.1).
func Agrees(h *httpmsg.Header, key string) bool {
	sum := sha1.Sum([]byte(key + guid)) //nolint:gosec // see the import
	accept := h.Values("Sec-WebSocket-Accept")
	return len(accept) == 1 && accept[0] == base64.StdEncoding.EncodeToString(sum[:]) && upgrades(h)
}

func ours(name string) bool {
	const prefix = "Sec-WebSocket-"
	return len(name) > len(prefix) && httpmsg.EqualFold(name[:len(prefix)], prefix)
}
