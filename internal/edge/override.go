// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
)

// What a viewer-request function asks of the origin (row E3): settings of the
// behavior's own origin (update), another origin of the distribution (select),
// or two of them as a group.
//
// An override makes a new model.Origin of the one that it changes. In the cache
// key it stands behind the origin's id,
//
//	origin=api~Zx3...        api, changed
//	origin=+a+b~9kL...       a group of a and of b, which is changed
//
// for what comes from elsewhere, or is asked for by another name or with other
// headers, is another object. Connections are kept for each such origin, as
// long as it is one of the last mostMade of its distribution: a function can
// make them of what viewers send.

// mostMade bounds the made origins of a distribution.
const mostMade = 256

// Made is the way to an origin that a function made. Close lets go of its
// connections that rest; nil: there is nothing to let go of.
type Made struct {
	RoundTripper http.RoundTripper
	Close        func()
}

// chooseOrigin does what the function asked for. What cannot be is an error of
// the function (502), as at CloudFront.
func (x *Exchange) chooseOrigin(o *edgefunc.Origin) stepID {
	ref, id, err := x.chosen(o)
	if err != nil {
		err := &edgefunc.Error{Kind: edgefunc.Validation, Function: x.beh.viewerRequest.Name(), Message: err.Error()}
		x.rec.Function[0].Error = err.Error()
		return x.functionFailed(err)
	}
	if ref != nil {
		x.target, x.keyed.origin = ref, id
	}
	return stepKey
}

// chosen is what the function asked for, and what it is called in the key. Nil:
// what the behavior has anyway.
func (x *Exchange) chosen(o *edgefunc.Origin) (ref *originRef, id string, err error) {
	own := x.beh.target
	switch {
	case o.Action == edgefunc.OriginUpdate && o.Override.Empty():
		return nil, "", nil
	case o.Action == edgefunc.OriginUpdate:
		if own.members[0].m.VPCOrigin != "" {
			return nil, "", fmt.Errorf("origin %s is a VPC origin, which updateRequestOrigin cannot change", own.members[0].m.ID)
		}
		m, mark, err := x.made(own.members[0], &o.Override)
		if err != nil {
			return nil, "", err
		}
		ref = &originRef{members: append([]member{m}, own.members[1:]...), statuses: own.statuses, made: true}
		return ref, x.beh.m.Target + mark, nil
	case o.Action == edgefunc.OriginSelect && o.Select[0].ID == x.beh.m.Target && o.Select[0].Override.Empty():
		return nil, "", nil
	}
	ref = &originRef{statuses: o.StatusCodes}
	for i := range o.Select {
		m, mark, err := x.pick(&o.Select[i])
		if err != nil {
			return nil, "", err
		}
		ref.members, ref.made = append(ref.members, m), ref.made || mark != ""
		id += "+" + m.m.ID + mark
	}
	return ref, id, nil
}

// pick finds an origin by its id, and changes its names.
func (x *Exchange) pick(c *edgefunc.OriginChoice) (m member, mark string, err error) {
	if x.dist.m.Origin(c.ID) == nil {
		return m, "", fmt.Errorf("the distribution has no origin %.60q", c.ID)
	}
	m = x.dist.origins[c.ID].members[0]
	if m.m.ClientCert != "" {
		return m, "", fmt.Errorf("origin %s has mTLS: a function cannot select it", c.ID)
	}
	if c.Override.Empty() {
		return m, "", nil
	}
	return x.made(m, &c.Override)
}

// made is a member with an override, and its mark in the key.
func (x *Exchange) made(from member, ov *edgefunc.Override) (m member, mark string, err error) {
	next, err := overridden(from.m, ov)
	if err != nil {
		return m, "", err
	}
	key := next.digest()
	mark = "~" + base64.RawURLEncoding.EncodeToString(key[:12])
	m, err = x.reach(from, next, key)
	return m, mark, err
}

// reach is a member of which c is what it has become; key is c's digest.
func (x *Exchange) reach(m member, c *changed, key [sha256.Size]byte) (member, error) {
	m.m = c.origin()
	if !c.moved || m.m.VPCOrigin != "" { // the way there is the same
		return m, nil
	}
	to, err := x.dist.made.get(key, func() (Made, error) {
		if x.edge.deps.Made == nil {
			return Made{}, fmt.Errorf("origin %s cannot be changed here", m.m.ID)
		}
		return x.edge.deps.Made(x.dist.m, m.m)
	})
	if err != nil {
		return m, err
	}
	m.rt = to.RoundTripper
	m.direct, _ = m.rt.(Asker)
	m.choice, _ = m.rt.(Chooser)
	return m, nil
}

// changed is an origin that is changed, before it is anybody's.
type changed struct {
	o     model.Origin
	made  model.MadeOrigin
	moved bool // more than the request changes: the way there
}

// overridden applies ov to o, and judges what depends on both.
func overridden(o *model.Origin, ov *edgefunc.Override) (*changed, error) {
	c := &changed{o: *o}
	if o.Made != nil {
		c.made = *o.Made
	}
	if ov.DomainName != "" {
		c.o.DomainName, c.o.S3, c.moved = strings.ToLower(ov.DomainName), false, true
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

// connection applies times, port and protocol.
func (c *changed) connection(ov *edgefunc.Override) {
	for _, t := range [...]struct{ to, from *time.Duration }{
		{&c.o.ReadTimeout, &ov.ReadTimeout},
		{&c.o.KeepAlive, &ov.KeepAlive},
		{&c.o.Connect, &ov.Connect},
		{&c.o.Completion, &ov.Completion},
	} {
		if *t.from != 0 {
			*t.to, c.moved = *t.from, true
		}
	}
	if ov.Attempts != 0 {
		c.o.Attempts, c.moved = ov.Attempts, true
	}
	if ov.Port == 0 {
		return
	}
	c.moved = true
	if c.o.TLSVersions = ov.TLSVersions; ov.Protocol == "https" {
		c.o.Protocol, c.o.HTTPSPort = model.OriginHTTPSOnly, ov.Port
	} else {
		c.o.Protocol, c.o.HTTPPort = model.OriginHTTPOnly, ov.Port
	}
}

// access applies names, certificates and the access control.
func (c *changed) access(ov *edgefunc.Override) error {
	switch {
	case ov.AccessOff:
		c.o.Access, c.moved = nil, true
	case ov.Access != nil:
		c.o.Access, c.moved = ov.Access, true
	}
	if ov.MutualOff {
		c.o.ClientCert, c.moved = "", true
	}
	if ov.HostHeader != "" || ov.SNI != "" || len(ov.Certificates) > 0 {
		if c.o.S3 {
			return fmt.Errorf("origin %s is a bucket: hostHeader, sni and allowedCertificateNames are for other origins", c.o.ID)
		}
		if c.o.Protocol != model.OriginHTTPOnly {
			c.moved = true
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

func (c *changed) origin() *model.Origin {
	o := c.o
	o.Made = &c.made
	return &o
}

// digest names what is changed; two that differ in anything differ in it.
func (c *changed) digest() [sha256.Size]byte {
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

// madeOrigins are the ways to made origins. The zero value is empty.
type madeOrigins struct {
	mu    sync.Mutex
	all   map[[sha256.Size]byte]*madeWay
	clock uint64
}

type madeWay struct {
	Made
	used uint64
}

// get is the way by its digest, made when it is not there. The one that was
// not used for longest goes when there are too many: requests under way keep it.
func (s *madeOrigins) get(key [sha256.Size]byte, build func() (Made, error)) (Made, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	if w := s.all[key]; w != nil {
		w.used = s.clock
		return w.Made, nil
	}
	to, err := build()
	if err != nil {
		return Made{}, err
	}
	if s.all == nil {
		s.all = map[[sha256.Size]byte]*madeWay{}
	}
	if len(s.all) >= mostMade {
		s.drop()
	}
	s.all[key] = &madeWay{to, s.clock}
	return to, nil
}

func (s *madeOrigins) drop() {
	var oldest [sha256.Size]byte
	at := ^uint64(0)
	for k, w := range s.all {
		if w.used < at {
			oldest, at = k, w.used
		}
	}
	s.all[oldest].close()
	delete(s.all, oldest)
}

func (w *madeWay) close() {
	if w.Close != nil {
		w.Close()
	}
}

// CloseMade lets go of the connections to origins that functions made. No
// request may be under way.
func (e *Edge) CloseMade() {
	for _, d := range e.dists {
		d.made.mu.Lock()
		for _, w := range d.made.all {
			w.close()
		}
		d.made.all = nil
		d.made.mu.Unlock()
	}
}

// changeText says what a function made of the origin, for explanations.
func changeText(was, is *model.Origin) string {
	var out []string
	say := func(name, a, b string) {
		if a != b {
			out = append(out, name+" "+b)
		}
	}
	say("domain name", was.DomainName, is.DomainName)
	say("path", was.Path, is.Path)
	if is.Made.HostHeader != is.DomainName {
		say("Host", "", is.Made.HostHeader)
	}
	if is.Made.ServerName != is.Made.HostHeader {
		say("SNI", "", is.Made.ServerName)
	}
	say("certificates", "", strings.Join(is.Made.Certificates, ", "))
	if !slices.Equal(was.Headers, is.Headers) {
		out = append(out, strconv.Itoa(len(is.Headers))+" custom headers")
	}
	say("protocol", was.Protocol.String(), is.Protocol.String())
	return strings.Join(out, "; ")
}
