// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/viewer/security"
)

// Viewer mTLS (row C14): what handshakes ask for is decided when a snapshot is
// made, of the template and of the authorities that a trust store has then. What
// cannot be read is no authority: nobody's certificate is good, and the log says
// why.

// mostTrust bounds a trust store.
const mostTrust = 1 << 20

var errFunction = errors.New("the distribution has a connection function, which is not run: nobody is let in")

// mutual makes the terms of a distribution that asks viewers for certificates,
// and names them by all that they depend on.
func (s *Server) mutual(snap *Snapshot, st *model.Stack, d *model.Distribution) (terms string) {
	m := d.MTLS
	t := &security.Mutual{Ask: security.Required, Advertise: m.AdvertiseCAs, IgnoreExpiry: m.IgnoreExpiry}
	switch m.Mode {
	case model.MTLSOptional:
		t.Ask = security.Optional
	case model.MTLSPassthrough:
		t.Ask = security.Passthrough
	case model.MTLSRequired:
	}
	what := "distribution " + d.LogicalID
	if m.Function {
		t.Closed = errFunction
		s.log.Warn(what+": "+errFunction.Error(), "stack", st.Name)
	}
	if t.Ask != security.Passthrough {
		t.CAs = s.trusted(snap, st, &m.Store, what)
	}
	terms = digestTerms(t)
	t.ID = edge.MutualID(d, terms)
	snap.mutual[t.ID] = t
	return terms
}

// domainMutual makes the terms of a custom domain of APIs, which always asks for
// a certificate, and gives their name (row A22).
func (s *Server) domainMutual(snap *Snapshot, st *model.Stack, d *model.Domain) string {
	t := &security.Mutual{Ask: security.Required}
	t.CAs = s.trusted(snap, st, &d.Trust, "custom domain "+d.Name)
	t.ID = d.Name + " " + digestTerms(t)
	snap.mutual[t.ID] = t
	return t.ID
}

func digestTerms(t *security.Mutual) string {
	sum := sha256.New()
	fmt.Fprintln(sum, t.Ask, t.Advertise, t.IgnoreExpiry, t.Closed != nil)
	for _, ca := range t.CAs {
		sum.Write(ca.Raw)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// trusted are the authorities of a trust store; none when it cannot be used,
// which is told.
func (s *Server) trusted(snap *Snapshot, st *model.Stack, store *model.TrustStore, what string) []*x509.Certificate {
	cas, err := s.authorities(snap, store)
	if err != nil {
		s.log.Warn(what+": no certificate of a viewer is good, for the trust store "+store.ID+" cannot be used", "err", err, "stack", st.Name)
		return nil
	}
	return cas
}

// authorities are those of a trust store: of the operator's file, or of the
// object in a bucket of the snapshot.
func (s *Server) authorities(snap *Snapshot, store *model.TrustStore) ([]*x509.Certificate, error) {
	for _, id := range []string{store.ID, store.LogicalID} {
		if s.o.TrustStore == nil || id == "" {
			continue
		}
		if text, err := s.o.TrustStore(id); text != nil || err != nil {
			return parseAuthorities(text, err)
		}
	}
	return parseAuthorities(snap.object(store.Bucket, store.Key))
}

// object reads an object of one of the snapshot's buckets.
func (snap *Snapshot) object(name, key string) ([]byte, error) {
	i := slices.IndexFunc(snap.buckets, func(b *bucket.Bucket) bool { return b.Name() == name })
	if name == "" || i < 0 {
		return nil, fmt.Errorf("there is no bucket %q here: give the authorities with --trust-store", name)
	}
	o, err := snap.buckets[i].Object(key)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, fmt.Errorf("the bucket %s has no object %q", name, key)
	}
	b, err := io.ReadAll(io.NewSectionReader(o, 0, mostTrust+1))
	if err = errors.Join(err, o.Close()); err == nil && len(b) > mostTrust {
		err = fmt.Errorf("%s/%s is longer than %d bytes", name, key, mostTrust)
	}
	return b, err
}

// parseAuthorities reads certificates in PEM. One that is none of an authority
// spoils the whole: what was meant is not known.
func parseAuthorities(text []byte, err error) ([]*x509.Certificate, error) {
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	signed := false
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a %s where certificates should be", b.Type)
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		if !c.IsCA {
			return nil, fmt.Errorf("%s is no authority", c.Subject)
		}
		signed = signed || c.CheckSignatureFrom(c) == nil
		all = append(all, c)
	}
	switch {
	case len(all) == 0:
		return nil, errors.New("there is no certificate in it")
	case !signed:
		return nil, errors.New("it has no root: a certificate that has signed itself")
	}
	return all, nil
}
