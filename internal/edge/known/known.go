// SPDX-License-Identifier: Apache-2.0

// Package known is what an edge can tell of a viewer: the values of the
// CloudFront-* request headers (row E6), for cache keys, functions and origins.
//
// The flow: one table has every header once, with the spelling in which an origin
// gets it and where its value comes from. Wanted finds what policies name in it,
// when the edge is compiled; Value looks one up for a request.
//
// What it does not do: it decides about nobody (geo restriction and the terms of
// certificates are the edge's), and knows no database of addresses itself.
//
// Concurrency: a Viewer belongs to the goroutine of its request.
package known

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// Viewer is whom is told of.
type Viewer struct {
	Request *httpmsg.Request
	// Place tells where an address is; nil, or a nil Place: not known.
	Place func(netip.Addr) *model.Place
	// Asked says that viewers are asked for certificates; Shown is what this one
	// has shown, and Passes that the origin verifies it.
	Asked  bool
	Shown  [][]byte
	Passes bool
}

// header is a CloudFront-* header: it has one of the two.
type header struct {
	name  string
	value func(Viewer) (string, bool)
	place func(*model.Place) string // "": not known, and left out
}

const ja3, ja4 = "CloudFront-Viewer-JA3-Fingerprint", "CloudFront-Viewer-JA4-Fingerprint"

var headers = [...]header{
	{name: "CloudFront-Viewer-Address", value: address},
	{name: "CloudFront-Viewer-Http-Version", value: func(v Viewer) (string, bool) {
		return strings.TrimPrefix(v.Request.Proto.String(), "HTTP/"), true
	}},
	{name: "CloudFront-Viewer-TLS", value: handshake},
	{name: "CloudFront-Forwarded-Proto", value: func(v Viewer) (string, bool) { return v.Request.Scheme, true }},
	{name: "CloudFront-Is-Android-Viewer", value: func(v Viewer) (string, bool) { return v.is(func(d device) bool { return d.android }) }},
	{name: "CloudFront-Is-Desktop-Viewer", value: func(v Viewer) (string, bool) { return v.is(device.desktop) }},
	{name: "CloudFront-Is-IOS-Viewer", value: func(v Viewer) (string, bool) { return v.is(func(d device) bool { return d.ios }) }},
	{name: "CloudFront-Is-Mobile-Viewer", value: func(v Viewer) (string, bool) { return v.is(func(d device) bool { return d.mobile }) }},
	{name: "CloudFront-Is-SmartTV-Viewer", value: func(v Viewer) (string, bool) { return v.is(func(d device) bool { return d.tv }) }},
	{name: "CloudFront-Is-Tablet-Viewer", value: func(v Viewer) (string, bool) { return v.is(func(d device) bool { return d.tablet }) }},
	{name: "CloudFront-Viewer-Header-Count", value: func(v Viewer) (string, bool) { return strconv.Itoa(v.Request.Header.Len()), true }},
	{name: "CloudFront-Viewer-Header-Order", value: order},
	{name: ja3, value: func(v Viewer) (string, bool) { return v.fingerprint(func(t *httpmsg.TLS) string { return t.JA3 }) }},
	{name: ja4, value: func(v Viewer) (string, bool) { return v.fingerprint(func(t *httpmsg.TLS) string { return t.JA4 }) }},

	// Validity and Pem go to origins only.
	{name: present, value: isPresent},
	{name: certPrefix + "Serial-Number", value: serial},
	{name: certPrefix + "Issuer", value: issuer},
	{name: certPrefix + "Subject", value: subject},
	{name: certPrefix + "Sha256", value: digest},
	{name: certPrefix + "Validity", value: validity},
	{name: certPrefix + "Pem", value: pem},

	{name: "CloudFront-Viewer-Country", place: func(p *model.Place) string { return p.Country }},
	{name: "CloudFront-Viewer-Country-Name", place: func(p *model.Place) string { return p.CountryName }},
	{name: "CloudFront-Viewer-Country-Region", place: func(p *model.Place) string { return p.Region }},
	{name: "CloudFront-Viewer-Country-Region-Name", place: func(p *model.Place) string { return p.RegionName }},
	{name: "CloudFront-Viewer-City", place: func(p *model.Place) string { return p.City }},
	{name: "CloudFront-Viewer-Postal-Code", place: func(p *model.Place) string { return p.PostalCode }},
	{name: "CloudFront-Viewer-Time-Zone", place: func(p *model.Place) string { return p.TimeZone }},
	{name: "CloudFront-Viewer-Latitude", place: func(p *model.Place) string { return p.Latitude }},
	{name: "CloudFront-Viewer-Longitude", place: func(p *model.Place) string { return p.Longitude }},
	{name: "CloudFront-Viewer-Metro-Code", place: func(p *model.Place) string { return p.MetroCode }},
	{name: "CloudFront-Viewer-ASN", place: func(p *model.Place) string {
		if p.ASN == 0 {
			return ""
		}
		return strconv.FormatUint(uint64(p.ASN), 10)
	}},
}

// Wanted are the headers among names (lower case), as an origin gets them.
func Wanted(names []string) (wanted []string) {
	for i := range headers {
		if slices.Contains(names, strings.ToLower(headers[i].name)) {
			wanted = append(wanted, headers[i].name)
		}
	}
	return wanted
}

// Fingerprint tells whether one of wanted is what a handshake has to compute.
func Fingerprint(wanted []string) bool {
	return slices.Contains(wanted, ja3) || slices.Contains(wanted, ja4)
}

// Value is the value of a CloudFront-* header; its case does not count. ok is
// false where there is none.
func (v Viewer) Value(name string) (value string, ok bool) {
	for i := range headers {
		h := &headers[i]
		if len(h.name) != len(name) || !httpmsg.EqualFold(h.name, name) {
			continue
		}
		if h.value != nil {
			return h.value(v)
		}
		if p := v.place(); p != nil {
			value = h.place(p)
		}
		return value, value != ""
	}
	return "", false
}

// place is where the viewer is; nil: not known.
func (v Viewer) place() *model.Place {
	if v.Place == nil {
		return nil
	}
	return v.Place(v.Request.Viewer.Addr.Addr())
}

func address(v Viewer) (string, bool) {
	a := v.Request.Viewer.Addr
	if !a.IsValid() {
		return "", false
	}
	return a.Addr().Unmap().String() + ":" + strconv.Itoa(int(a.Port())), true
}

func handshake(v Viewer) (string, bool) {
	t := v.Request.Viewer.TLS
	if t == nil {
		return "", false
	}
	how := ":fullHandshake"
	if t.Resumed {
		how = ":sessionResumed"
	}
	return t.Version + ":" + t.Cipher + how, true
}

// fingerprint is there only where some behavior forwards one.
func (v Viewer) fingerprint(which func(*httpmsg.TLS) string) (value string, ok bool) {
	if t := v.Request.Viewer.TLS; t != nil {
		value = which(t)
	}
	return value, value != ""
}

// order is the names of the viewer's headers, at most 7,680 characters.
func order(v Viewer) (string, bool) {
	var b strings.Builder
	for i, f := range v.Request.Header.Fields() {
		if b.Len()+len(f.Name)+1 > 7680 {
			break
		}
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(f.Name)
	}
	return b.String(), true
}
