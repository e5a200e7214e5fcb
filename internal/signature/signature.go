// SPDX-License-Identifier: Apache-2.0

// Package signature signs and verifies HTTP messages (RFC 9421), as the edge and
// the gateway do between each other: requests, by HMAC-SHA256 or Ed25519.
//
// The flow of signing: (1) a Message says what the request is; (2) Sign writes
// the signature base of the components that a Key covers, one line each; (3) it
// gives the values of Signature-Input and Signature. The flow of verifying:
// (1) both fields are read, strictly; (2) the signature with the right label is
// taken; (3) its key, age and components are judged; (4) the base is written
// from the request as it was received, and compared.
//
// What it does not do: signatures of responses, the parameters bs, key, req, sf
// and tr of components, other algorithms. What it cannot read it refuses.
//
// Concurrency: everything may be used by many at once.
package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Label is that of our signatures.
const Label = "forelane"

// Algorithm is a closed list; a name of RFC 9421 3.3.
type Algorithm string

// The algorithms.
const (
	HMACSHA256 Algorithm = "hmac-sha256"
	Ed25519    Algorithm = "ed25519"
)

// Key signs, verifies, or both: what it needs for it is not empty.
type Key struct {
	ID      string
	Secret  []byte // hmac-sha256
	Private ed25519.PrivateKey
	Public  ed25519.PublicKey
}

// Algorithm is the one that the key is for.
func (k *Key) Algorithm() Algorithm {
	if len(k.Secret) > 0 {
		return HMACSHA256
	}
	return Ed25519
}

// Message is a request.
type Message struct {
	Method    string
	Scheme    string
	Authority string // Host
	Path      string // as it is sent; empty stands for /
	Query     string // without the question mark
	// Field gives the values of a field, by its name in lower case, in order. Nil:
	// it has none.
	Field func(name string) []string
}

// Params are those of a signature.
type Params struct {
	Components []string // such as @method, content-type
	Created    int64    // seconds since 1970; 0: not said
	Expires    int64    // 0: not said
	Nonce      string
	Alg        Algorithm // empty: not said
	KeyID      string
	Tag        string
}

// errors of verifying.
var (
	ErrMissing   = errors.New("signature: none with the right label")
	ErrMalformed = errors.New("signature: malformed")
	ErrKey       = errors.New("signature: by a key that is not known")
	ErrAge       = errors.New("signature: too old, or of the future")
	ErrCover     = errors.New("signature: it does not cover what it must")
	ErrWrong     = errors.New("signature: it is not that of the request")
)

// String writes the parameters as they stand in Signature-Input.
func (p *Params) String() string {
	b := []byte{'('}
	for i, c := range p.Components {
		if i > 0 {
			b = append(b, ' ')
		}
		b = quote(b, c)
	}
	b = append(b, ')')
	number := func(name string, n int64) {
		if n != 0 {
			b = strconv.AppendInt(append(append(append(b, ';'), name...), '='), n, 10)
		}
	}
	text := func(name, s string) {
		if s != "" {
			b = quote(append(append(append(b, ';'), name...), '='), s)
		}
	}
	number("created", p.Created)
	number("expires", p.Expires)
	text("nonce", p.Nonce)
	text("alg", string(p.Alg))
	text("keyid", p.KeyID)
	text("tag", p.Tag)
	return string(b)
}

func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// Base is the signature base (RFC 9421 2.5); params is how the parameters are
// written.
func Base(m *Message, components []string, params string) (string, error) {
	var b strings.Builder
	for i, c := range components {
		if slices.Contains(components[:i], c) {
			return "", fmt.Errorf("%w: %s twice", ErrMalformed, c)
		}
		v, err := m.component(c)
		if err != nil {
			return "", err
		}
		b.WriteString(`"` + c + `": ` + v + "\n")
	}
	b.WriteString(`"@signature-params": ` + params)
	return b.String(), nil
}

// component is the value of one (RFC 9421 2.1, 2.2).
func (m *Message) component(name string) (string, error) {
	switch name {
	case "@method":
		return m.Method, nil
	case "@authority":
		return m.authority(), nil
	case "@scheme":
		return strings.ToLower(m.Scheme), nil
	case "@path":
		return m.path(), nil
	case "@query":
		return "?" + m.Query, nil
	case "@request-target":
		if m.Query != "" {
			return m.path() + "?" + m.Query, nil
		}
		return m.path(), nil
	case "@target-uri":
		u := strings.ToLower(m.Scheme) + "://" + m.authority() + m.path()
		if m.Query != "" {
			u += "?" + m.Query
		}
		return u, nil
	}
	if strings.HasPrefix(name, "@") {
		return "", fmt.Errorf("%w: component %s", ErrMalformed, name)
	}
	var values []string
	if m.Field != nil {
		values = m.Field(name)
	}
	if len(values) == 0 {
		return "", fmt.Errorf("%w: the request has no %s", ErrCover, name)
	}
	for i, v := range values {
		if strings.ContainsAny(v, "\r\n") {
			return "", fmt.Errorf("%w: a line break in %s", ErrMalformed, name)
		}
		values[i] = strings.Trim(v, " \t")
	}
	return strings.Join(values, ", "), nil
}

func (m *Message) path() string {
	if m.Path == "" {
		return "/"
	}
	return m.Path
}

// authority is in lower case and without the scheme's own port.
func (m *Message) authority() string {
	a := strings.ToLower(m.Authority)
	switch strings.ToLower(m.Scheme) {
	case "http":
		a = strings.TrimSuffix(a, ":80")
	case "https":
		a = strings.TrimSuffix(a, ":443")
	}
	return a
}

// Sign gives the values of Signature-Input and Signature.
func Sign(m *Message, k *Key, p Params) (input, value string, err error) {
	p.KeyID = k.ID
	params := p.String()
	base, err := Base(m, p.Components, params)
	if err != nil {
		return "", "", err
	}
	return Label + "=" + params, Label + "=:" + base64.StdEncoding.EncodeToString(k.sign(base)) + ":", nil
}

func (k *Key) sign(base string) []byte {
	if k.Algorithm() == HMACSHA256 {
		h := hmac.New(sha256.New, k.Secret)
		h.Write([]byte(base))
		return h.Sum(nil)
	}
	return ed25519.Sign(k.Private, []byte(base))
}

func (k *Key) verify(base string, sig []byte) bool {
	if k.Algorithm() == HMACSHA256 {
		return hmac.Equal(k.sign(base), sig)
	}
	return len(k.Public) == ed25519.PublicKeySize && ed25519.Verify(k.Public, []byte(base), sig)
}

// Policy is what a verifier demands.
type Policy struct {
	Label  string // of the signature that counts; empty: Label
	Keys   []Key
	MaxAge time.Duration // since created, which must be there
	Skew   time.Duration // how far created may lie ahead
	Cover  []string      // components that must be covered
}

// Verify judges a request by the values of its Signature-Input and Signature
// fields. It gives the id of the key.
func Verify(m *Message, inputs, values []string, p *Policy, now time.Time) (key string, err error) {
	label := p.Label
	if label == "" {
		label = Label
	}
	in, err := readInput(inputs, label)
	if err != nil {
		return "", err
	}
	sig, err := readValue(values, label)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(p.Keys, func(k Key) bool { return k.ID == in.KeyID })
	if i < 0 {
		return "", ErrKey
	}
	k := &p.Keys[i]
	if in.Alg != "" && in.Alg != k.Algorithm() {
		return "", fmt.Errorf("%w: algorithm %s", ErrKey, in.Alg)
	}
	created := time.Unix(in.Created, 0)
	if in.Created == 0 || created.After(now.Add(p.Skew)) || now.Sub(created) > p.MaxAge || in.Expires != 0 && now.Unix() > in.Expires {
		return "", ErrAge
	}
	for _, c := range p.Cover {
		if !slices.Contains(in.Components, c) {
			return "", fmt.Errorf("%w: %s", ErrCover, c)
		}
	}
	base, err := Base(m, in.Components, in.raw)
	if err != nil {
		return "", err
	}
	if !k.verify(base, sig) {
		return "", ErrWrong
	}
	return k.ID, nil
}
