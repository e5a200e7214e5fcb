// SPDX-License-Identifier: Apache-2.0

// Tokens whose signatures were checked, kept by their SHA-256, for all
// authorizers of a node. What is kept is that this text was signed by this key,
// which is true for ever, and what the text says. All else is asked again for
// each request, in the same order as without the memory:
//
//	the issuer is the authorizer's      each time
//	it publishes the key, under the id  each time; another key: checked in full
//	exp, nbf, iat against the clock     each time
//	audience, scopes                    each time
//
// So a key that leaves the issuer's set takes its tokens along, and the memory
// never changes an answer. Only tokens that passed get in. Bounded in entries
// and bytes; what was used least lately goes first.

package authorizer

import (
	"container/list"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

const (
	tokenEntries = 10_000
	tokenBytes   = 32 << 20
)

// verified is a token whose signature is that of a key. It is shared: read only.
type verified struct {
	claims   jwt.MapClaims
	issuer   string // the claim
	kid, alg string
	public   *rsa.PublicKey
}

// weight is the memory of a claim, about.
func weight(v any) int {
	n := 48
	switch v := v.(type) {
	case string:
		n += len(v)
	case json.Number:
		n += len(v)
	case []any:
		for _, e := range v {
			n += weight(e)
		}
	case map[string]any:
		for name, e := range v {
			n += 48 + len(name) + weight(e)
		}
	}
	return n
}

// memory keeps verified tokens. A nil memory keeps none.
type memory struct {
	mu      sync.Mutex
	entries map[digest]*list.Element
	order   list.List // of *remembered, the latest used first
	bytes   int
}

type remembered struct {
	key digest
	*verified
	cost int
}

func newMemory() *memory { return &memory{entries: map[digest]*list.Element{}} }

// find is what is known of a token; nil: nothing.
func (m *memory) find(key digest) *verified {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	el := m.entries[key]
	if el == nil {
		return nil
	}
	m.order.MoveToFront(el)
	return el.Value.(*remembered).verified
}

// put keeps a token.
func (m *memory) put(key digest, v *verified) {
	if m == nil {
		return
	}
	r := &remembered{key, v, 512 + weight(map[string]any(v.claims))}
	m.mu.Lock()
	defer m.mu.Unlock()
	if el := m.entries[key]; el != nil {
		m.drop(el)
	}
	m.entries[key] = m.order.PushFront(r)
	m.bytes += r.cost
	for m.order.Len() > tokenEntries || m.bytes > tokenBytes {
		m.drop(m.order.Back())
	}
}

// forget drops a token.
func (m *memory) forget(key digest) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if el := m.entries[key]; el != nil {
		m.drop(el)
	}
}

func (m *memory) drop(el *list.Element) {
	r := m.order.Remove(el).(*remembered)
	delete(m.entries, r.key)
	m.bytes -= r.cost
}

// digestOfToken is the key of a token.
func digestOfToken(raw string) digest { return sha256.Sum256([]byte(raw)) }
