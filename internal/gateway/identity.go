// SPDX-License-Identifier: Apache-2.0

// Identity sources: where an authorizer's credentials are read. A request that
// lacks one of them is answered with 401 before any authorizer is asked ("Use
// API Gateway Lambda authorizers", "Control access to HTTP APIs with JWT
// authorizers"), so this much is true without authorizers.
//
//	method.request.header.Authorization    REST
//	$request.querystring.token             HTTP
//
// Sources elsewhere (stage variables, $context) count as present.

package gateway

import (
	"net/textproto"
	"net/url"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// identity is one identity source.
type identity struct {
	header string // canonical; empty: not a header
	query  string
}

// identities are the sources that a route's requests must have; none when its
// authorizer is not of this API or does not require any.
func identities(m *model.API, id string) []identity {
	for _, z := range m.Authorizers {
		if id == "" || z.ID != id {
			continue
		}
		sources := z.IdentitySource
		switch {
		case z.Kind == "REQUEST" && m.Kind == model.RESTAPI && z.TTL != nil && *z.TTL == 0:
			return nil // "If caching is disabled, identity sources are optional"
		case z.Kind != "REQUEST" && len(sources) == 0:
			return []identity{{header: "Authorization"}}
		}
		var out []identity
		for _, s := range sources {
			s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "method."), "$")
			if name, ok := strings.CutPrefix(s, "request.header."); ok {
				out = append(out, identity{header: textproto.CanonicalMIMEHeaderKey(name)})
			} else if name, ok := strings.CutPrefix(s, "request.querystring."); ok {
				out = append(out, identity{query: name})
			}
		}
		return out
	}
	return nil
}

// identified tells whether the request has every identity source.
func (x *exchange) identified() bool {
	var query url.Values
	for _, id := range x.route.identities {
		switch {
		case id.header != "" && x.call.Header.Get(id.header) == "":
			return false
		case id.query != "":
			if query == nil {
				query, _ = url.ParseQuery(x.call.Query) // what cannot be read is not there
			}
			if query.Get(id.query) == "" {
				return false
			}
		}
	}
	return true
}
