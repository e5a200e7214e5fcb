// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/signature"
)

// demand is a compiled model.Demand: what a request must have before anything
// else of it is looked at. What was proven does not go on to the integration.
type demand struct {
	header  string
	digests [][sha256.Size]byte // of the values: comparing takes the same time for all
	policy  *signature.Policy   // nil: no signature
}

// signedParts are what the edge signs and the gateway wants signed. A body is
// not: it streams. What carries it is encrypted, or never leaves the process.
func signedParts() []string { return []string{"@method", "@authority", "@path", "@query"} }

const skew = 5 * time.Second

func compileDemand(m *model.Demand) *demand {
	if m == nil {
		return nil
	}
	d := &demand{header: m.Header}
	for _, v := range m.Values {
		d.digests = append(d.digests, sha256.Sum256([]byte(v)))
	}
	if len(m.Keys) > 0 {
		d.policy = &signature.Policy{MaxAge: m.MaxAge, Skew: skew, Cover: signedParts()}
		for _, k := range m.Keys {
			d.policy.Keys = append(d.policy.Keys, signature.Key{ID: k.ID, Secret: k.Secret, Public: k.Public})
		}
	}
	return d
}

var errNoSecret = errors.New("the request lacks the secret header, or has another value in it")

// check says what is missing.
func (d *demand) check(x *exchange) error {
	c := &x.call
	if d.header != "" {
		values := c.Header.Values(d.header)
		if len(values) != 1 {
			return errNoSecret
		}
		got, ok := sha256.Sum256([]byte(values[0])), 0
		for _, want := range d.digests {
			ok |= subtle.ConstantTimeCompare(got[:], want[:])
		}
		if ok != 1 {
			return errNoSecret
		}
		c.Drop(d.header)
	}
	if d.policy != nil {
		m := &signature.Message{
			Method: c.Method, Scheme: c.Caller.Scheme, Authority: c.Host, Path: c.Path, Query: c.Query,
			Field: func(name string) []string { return append([]string(nil), c.Header.Values(name)...) },
		}
		if _, err := signature.Verify(m, c.Header["Signature-Input"], c.Header["Signature"], d.policy, c.Time); err != nil {
			return fmt.Errorf("the request's message signature: %w", err)
		}
		c.Drop("Signature-Input")
		c.Drop("Signature")
	}
	return nil
}
