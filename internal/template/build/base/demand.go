// SPDX-License-Identifier: Apache-2.0

package base

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// Demand reads Metadata.Forelane.Require of an API or a stage:
//
//	Require:
//	  Header: {Name: X-Origin-Verify, Values: [new secret, old secret]}
//	  Signature:
//	    MaxAge: 60
//	    Keys:
//	      - {Id: edge-1, Secret: text}              # hmac-sha256
//	      - {Id: edge-2, PublicKey: base64 or PEM}  # ed25519
//
// AWS does not read it, so it is noted. Nil: nothing is demanded.
func Demand(r *Resource) *model.Demand {
	v := r.Meta.Get("Forelane", "Require")
	if !v.Exists() {
		return nil
	}
	d := &model.Demand{MaxAge: v.Get("Signature", "MaxAge").Seconds(time.Minute)}
	if h := v.Get("Header"); h.Exists() {
		d.Header, d.Values = h.Get("Name").Text(), h.Get("Values").Texts()
		if d.Header == "" || strings.Trim(d.Header, tokenBytes) != "" {
			h.Fail("write Header: {Name: X-Origin-Verify, Values: [SECRET]}", "%q is no name of a header", d.Header)
		}
		if len(d.Values) == 0 || len(d.Values) > 2 {
			h.Fail("give one value, or two while one replaces the other", "the header %s has %d values", d.Header, len(d.Values))
		}
		for _, s := range d.Values {
			if len(s) < minSecret {
				h.Get("Values").Fail("make one with: openssl rand -hex 32", "a secret value has 16 characters or more")
			}
		}
	}
	if s := v.Get("Signature"); s.Exists() {
		for _, k := range s.Get("Keys").List() {
			d.Keys = append(d.Keys, Key(k, false))
		}
		if len(d.Keys) == 0 {
			s.Fail("add Keys: [{Id: edge-1, Secret: …}]", "a signature is demanded, and by no key")
		}
		if d.MaxAge <= 0 || d.MaxAge > time.Hour {
			s.Get("MaxAge").Fail("give 1 to 3600 seconds", "a signature cannot be good for %s", d.MaxAge)
		}
	}
	if d.Header == "" && len(d.Keys) == 0 {
		v.Fail("add Header or Signature", "Require demands nothing")
	}
	r.Note(v, fidelity.Approximated, "requests without it are refused with 403 here; AWS does not look at it")
	return d
}

const (
	tokenBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	minSecret  = 16
)

// Key reads a key for HTTP Message Signatures: to sign it has a Secret or a
// PrivateKey, to verify a Secret or a PublicKey.
func Key(v Value, sign bool) model.SignatureKey {
	k := model.SignatureKey{ID: v.Get("Id").Text(), Secret: []byte(v.Get("Secret").Text())}
	if k.ID == "" || strings.ContainsAny(k.ID, "\"\\\r\n") {
		v.Fail("add Id: edge-1", "a key has an id")
	}
	name := "PublicKey"
	if sign {
		name = "PrivateKey"
	}
	text := v.Get(name).Text()
	switch {
	case (len(k.Secret) > 0) == (text != ""):
		v.Fail("give Secret, for HMAC, or "+name+", for Ed25519", "the key %s is to have one of the two", k.ID)
	case text == "":
		if len(k.Secret) < minSecret {
			v.Get("Secret").Fail("make one with: openssl rand -hex 32", "a secret has 16 characters or more")
		}
	default:
		k.Secret = nil
		if !edKey(&k, text, sign) {
			v.Get(name).Fail("give it as openssl genpkey -algorithm ed25519 (-pubout) writes it, with or without the lines around it", "it is no Ed25519 key")
		}
	}
	return k
}

// edKey reads PEM, or the base64 that is in it.
func edKey(k *model.SignatureKey, text string, private bool) bool {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if b, _ := pem.Decode([]byte(text)); b != nil {
		der, err = b.Bytes, nil
	}
	if err != nil {
		return false
	}
	var ok bool
	if private {
		key, _ := x509.ParsePKCS8PrivateKey(der)
		k.Private, ok = key.(ed25519.PrivateKey)
		return ok
	}
	key, _ := x509.ParsePKIXPublicKey(der)
	k.Public, ok = key.(ed25519.PublicKey)
	return ok
}
