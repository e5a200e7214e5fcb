// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"net/http"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// Policies are listed as far as a behavior uses them, AWS's managed ones too:
// a node knows no others. Those that are no policies at AWS (ForwardedValues)
// have no id, and are not.

// kind is one of the three kinds of policies.
type kind struct {
	path, name string // in the API's addresses, and of its elements
}

var (
	cachePolicies    = kind{"cache-policy", "CachePolicy"}
	requestPolicies  = kind{"origin-request-policy", "OriginRequestPolicy"}
	responsePolicies = kind{"response-headers-policy", "ResponseHeadersPolicy"}
)

// policy is one of them: config is its XML.
type policy struct {
	id      string
	managed bool
	since   time.Time
	config  any
}

// policies are those of a kind that are in use, by id.
func (a *api) policies(k kind) []policy {
	var all []policy
	add := func(p policy) {
		if p.id != "" && !slices.ContainsFunc(all, func(q policy) bool { return q.id == p.id }) {
			all = append(all, p)
		}
	}
	for _, d := range a.node.Distributions() {
		for _, b := range d.Behaviors {
			switch p := b; {
			case k == cachePolicies && p.Cache != nil:
				add(policy{p.Cache.ID, p.Cache.Managed, d.Since, cacheConfigOf(p.Cache)})
			case k == requestPolicies && p.OriginRequest != nil:
				add(policy{p.OriginRequest.ID, p.OriginRequest.Managed, d.Since, requestConfigOf(p.OriginRequest)})
			case k == responsePolicies && p.ResponseHeaders != nil:
				add(policy{p.ResponseHeaders.ID, p.ResponseHeaders.Managed, d.Since, responseConfigOf(p.ResponseHeaders)})
			}
		}
	}
	slices.SortFunc(all, func(a, b policy) int { return cmp.Compare(a.id, b.id) })
	return all
}

// element writes what it holds under a name that is known when it is written.
type element struct {
	name  string
	space bool
	value any
}

// MarshalXML writes the value under its name.
func (e element) MarshalXML(enc *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: e.name}}
	if e.space {
		start.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: space}}
	}
	return enc.EncodeElement(e.value, start)
}

type policyBody struct {
	ID           string `xml:"Id"`
	LastModified string `xml:"LastModifiedTime"`
	Config       element
}

type policySummary struct {
	Type   string `xml:"Type"`
	Policy element
}

type policyList struct {
	NextMarker string `xml:"NextMarker,omitempty"`
	MaxItems   int    `xml:"MaxItems"`
	Quantity   int    `xml:"Quantity"`
	Items      *struct {
		List []element
	} `xml:"Items,omitempty"`
}

func (k kind) body(p policy, top bool) element {
	return element{k.name, top, policyBody{p.id, stampOf(p.since), element{k.name + "Config", false, p.config}}}
}

func (a *api) listPolicies(k kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		all := a.policies(k)
		switch t := r.URL.Query().Get("Type"); t {
		case "":
		case "managed", "custom":
			all = slices.DeleteFunc(all, func(p policy) bool { return p.managed != (t == "managed") })
		default:
			return fault(http.StatusBadRequest, "InvalidArgument", "The type %q is not managed or custom.", t)
		}
		from, to, err := page(r, len(all), func(i int) string { return all[i].id })
		if err != nil {
			return err
		}
		out := policyList{MaxItems: maxItems(r), Quantity: to - from}
		if to > from {
			out.Items = &struct{ List []element }{}
		}
		for _, p := range all[from:to] {
			word := "custom"
			if p.managed {
				word = "managed"
			}
			out.Items.List = append(out.Items.List, element{k.name + "Summary", false, policySummary{word, k.body(p, false)}})
		}
		if to < len(all) {
			out.NextMarker = all[to-1].id
		}
		write(w, http.StatusOK, element{k.name + "List", true, out})
		return nil
	}
}

func (a *api) getPolicy(k kind, configOnly bool) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		for _, p := range a.policies(k) {
			if p.id != id {
				continue
			}
			text, err := xml.Marshal(p.config)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(text)
			w.Header().Set("ETag", "E"+base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:8]))
			if configOnly {
				write(w, http.StatusOK, element{k.name + "Config", true, p.config})
				return nil
			}
			write(w, http.StatusOK, k.body(p, true))
			return nil
		}
		return fault(http.StatusNotFound, "NoSuch"+k.name, "The %s does not exist, or no behavior uses it: %s", k.name, id)
	}
}

// selected is a HeadersConfig, CookiesConfig or QueryStringsConfig; its fields
// have the names of its kind.
type selected struct {
	of    string // Header, Cookie, QueryString
	value model.Selection
}

// MarshalXML writes NAMEBehavior, and NAMEs where there are any.
func (s selected) MarshalXML(enc *xml.Encoder, start xml.StartElement) error {
	type names struct {
		Behavior element
		Names    *element
	}
	out := names{Behavior: element{s.of + "Behavior", false, s.value.Mode.String()}}
	if len(s.value.Names) > 0 {
		out.Names = &element{s.of + "s", false, texts("Name", s.value.Names)}
	}
	return enc.EncodeElement(out, start)
}

type cacheConfig struct {
	Comment    string `xml:"Comment"`
	Name       string `xml:"Name"`
	DefaultTTL int64  `xml:"DefaultTTL"`
	MaxTTL     int64  `xml:"MaxTTL"`
	MinTTL     int64  `xml:"MinTTL"`
	Parameters struct {
		Gzip    bool     `xml:"EnableAcceptEncodingGzip"`
		Brotli  bool     `xml:"EnableAcceptEncodingBrotli"`
		Headers selected `xml:"HeadersConfig"`
		Cookies selected `xml:"CookiesConfig"`
		Queries selected `xml:"QueryStringsConfig"`
	} `xml:"ParametersInCacheKeyAndForwardedToOrigin"`
}

func cacheConfigOf(p *model.CachePolicy) cacheConfig {
	c := cacheConfig{
		Name: p.Name, DefaultTTL: int64(p.DefaultTTL / time.Second), MaxTTL: int64(p.MaxTTL / time.Second), MinTTL: int64(p.MinTTL / time.Second),
	}
	k := &c.Parameters
	k.Gzip, k.Brotli = p.Gzip, p.Brotli
	k.Headers, k.Cookies, k.Queries = selected{"Header", p.Headers}, selected{"Cookie", p.Cookies}, selected{"QueryString", p.Queries}
	return c
}

type requestConfig struct {
	Comment string   `xml:"Comment"`
	Name    string   `xml:"Name"`
	Headers selected `xml:"HeadersConfig"`
	Cookies selected `xml:"CookiesConfig"`
	Queries selected `xml:"QueryStringsConfig"`
}

func requestConfigOf(p *model.OriginRequestPolicy) requestConfig {
	return requestConfig{Name: p.Name, Headers: selected{"Header", p.Headers}, Cookies: selected{"Cookie", p.Cookies}, Queries: selected{"QueryString", p.Queries}}
}
