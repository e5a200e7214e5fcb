// SPDX-License-Identifier: Apache-2.0

// Package made is about origins that edge functions make of those of a template
// (row E3, and Lambda@Edge).
//
// The flow: Override, or Replace, makes an Origin of one of the distribution's;
// its Key differs in whatever differs, and its Mark tells it apart in cache keys;
// Ways keeps the way there, for the last ones of the distribution: a function can
// make them of what viewers send.
//
// What it does not do: it asks nobody, and chooses among no origins.
//
// Concurrency: Ways may be used by many at once; an Origin belongs to its request.
package made

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
)

// Key names an Origin.
type Key [sha256.Size]byte

// Mark stands for it in cache keys.
func (k Key) Mark() string { return "~" + base64.RawURLEncoding.EncodeToString(k[:12]) }

// Origin is an origin that is changed, before it is anybody's.
type Origin struct {
	o    model.Origin
	made model.MadeOrigin
	// Moved says that more than the request changes: the way there.
	Moved bool
}

// Override applies ov to o, and judges what depends on both.
func Override(o *model.Origin, ov *edgefunc.Override) (*Origin, error) {
	c := &Origin{o: *o}
	if o.Made != nil {
		c.made = *o.Made
	}
	if ov.DomainName != "" {
		c.o.DomainName, c.o.S3, c.Moved = strings.ToLower(ov.DomainName), false, true
		c.made.HostHeader, c.made.Foreign = c.o.DomainName, !strings.EqualFold(ov.DomainName, o.DomainName)
		c.made.Network = map[string]string{"ipv4": "tcp4", "ipv6": "tcp6"}[ov.Network]
	}
	if ov.Path != nil {
		c.o.Path = *ov.Path
	}
	if ov.Headers != nil {
		c.o.Headers = *ov.Headers
	}
	if ov.ShieldRegion != nil {
		c.o.ShieldRegion = *ov.ShieldRegion
	}
	c.connection(ov)
	if err := c.access(ov); err != nil {
		return nil, err
	}
	if c.o.Completion > 0 && ov.Completion > 0 && c.o.Completion < cmp.Or(c.o.ReadTimeout, 30*time.Second) {
		return nil, fmt.Errorf("responseCompletionTimeout is shorter than readTimeout")
	}
	return c, nil
}

// Replace makes is, which a function wrote in place of was, one that is changed. ok
// is false where only path or custom headers differ, so that the way is the same.
func Replace(was, is *model.Origin) (c *Origin, ok bool) {
	a, b := *was, *is
	a.Path, a.Headers, b.Path, b.Headers = "", nil, "", nil
	if reflect.DeepEqual(a, b) {
		return nil, false
	}
	c = &Origin{o: *is, Moved: true}
	if was.Made != nil { // by a viewer-request function
		c.made = *was.Made
	}
	if !strings.EqualFold(is.DomainName, was.DomainName) {
		c.made = model.MadeOrigin{Foreign: true}
	}
	return c, true
}

// connection applies times, port and protocol.
func (c *Origin) connection(ov *edgefunc.Override) {
	for _, t := range [...]struct{ to, from *time.Duration }{
		{&c.o.ReadTimeout, &ov.ReadTimeout},
		{&c.o.KeepAlive, &ov.KeepAlive},
		{&c.o.Connect, &ov.Connect},
		{&c.o.Completion, &ov.Completion},
	} {
		if *t.from != 0 {
			*t.to, c.Moved = *t.from, true
		}
	}
	if ov.Attempts != 0 {
		c.o.Attempts, c.Moved = ov.Attempts, true
	}
	if ov.Port == 0 {
		return
	}
	c.Moved = true
	if c.o.TLSVersions = ov.TLSVersions; ov.Protocol == "https" {
		c.o.Protocol, c.o.HTTPSPort = model.OriginHTTPSOnly, ov.Port
	} else {
		c.o.Protocol, c.o.HTTPPort = model.OriginHTTPOnly, ov.Port
	}
}

// access applies names, certificates and the access control.
func (c *Origin) access(ov *edgefunc.Override) error {
	switch {
	case ov.AccessOff:
		c.o.Access, c.Moved = nil, true
	case ov.Access != nil:
		c.o.Access, c.Moved = ov.Access, true
	}
	if ov.MutualOff {
		c.o.ClientCert, c.Moved = "", true
	}
	if ov.HostHeader != "" || ov.SNI != "" || len(ov.Certificates) > 0 {
		if c.o.S3 {
			return fmt.Errorf("origin %s is a bucket: hostHeader, sni and allowedCertificateNames are for other origins", c.o.ID)
		}
		if c.o.Protocol != model.OriginHTTPOnly {
			c.Moved = true
		}
	}
	if ov.HostHeader != "" {
		if a := c.o.Access; a != nil && a.Signing != "never" {
			return fmt.Errorf("origin %s has an access control: what is signed for another hostHeader would be refused; turn originAccessControlConfig off", c.o.ID)
		}
		c.made.HostHeader = ov.HostHeader
	}
	switch {
	case ov.SNI != "":
		c.made.ServerName = ov.SNI
	case c.made.HostHeader != "":
		c.made.ServerName = c.made.HostHeader
	}
	if len(ov.Certificates) > 0 {
		c.made.Certificates = ov.Certificates
	}
	return nil
}

// Model is the origin as a template would have it, but for Made.
func (c *Origin) Model() *model.Origin {
	o := c.o
	o.Made = &c.made
	return &o
}

// Key names what is changed; two that differ in anything differ in it.
func (c *Origin) Key() Key {
	o, b := &c.o, make([]byte, 0, 512)
	put := func(texts ...string) {
		for _, t := range texts {
			b = append(strconv.AppendInt(b, int64(len(t)), 10), ':')
			b = append(b, t...)
		}
		b = append(b, ';')
	}
	put(o.ID, o.DomainName, o.Path, o.ShieldRegion, o.ClientCert, o.OAI, strconv.FormatBool(o.S3), strconv.FormatBool(c.made.Foreign), c.made.HostHeader, c.made.ServerName, c.made.Network)
	put(o.TLSVersions...)
	put(c.made.Certificates...)
	for _, h := range o.Headers {
		put(h.Name, h.Value)
	}
	put()
	if a := o.Access; a != nil {
		put(a.Type, a.Signing)
	}
	for _, n := range [...]int64{
		int64(o.Protocol), int64(o.HTTPPort), int64(o.HTTPSPort), int64(o.ReadTimeout), int64(o.KeepAlive),
		int64(o.Completion), int64(o.Connect), int64(o.Attempts),
	} {
		b = append(strconv.AppendInt(b, n, 10), ';')
	}
	return sha256.Sum256(b)
}
