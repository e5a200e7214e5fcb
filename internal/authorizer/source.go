// SPDX-License-Identifier: Apache-2.0

// Identity sources: where an authorizer's credentials are read ("Use API
// Gateway Lambda authorizers", "Control access to HTTP APIs with JWT
// authorizers").
//
//	method.request.header.Authorization    REST
//	$request.querystring.token             HTTP
//	$context.routeKey, stageVariables.x
//
// All values of a field or parameter are the identity, not only one of them:
// two requests are of one identity only when the function that was asked for
// the first could not have told them apart by these sources. For the same
// reason a query that cannot be read as a whole has no parameters.

package authorizer

import (
	"fmt"
	"net/textproto"
	"net/url"
	"strings"
)

type from uint8

const (
	fromHeader from = iota
	fromQuery
	fromContext
	fromVariable
)

// source is one identity source.
type source struct {
	from from
	name string // of a header: canonical
}

func parseSource(s string) (source, error) {
	text := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "method."), "$")
	for _, known := range [...]struct {
		prefix string
		from   from
	}{
		{"request.header.", fromHeader},
		{"request.querystring.", fromQuery},
		{"context.", fromContext},
		{"stageVariables.", fromVariable},
	} {
		if name, ok := strings.CutPrefix(text, known.prefix); ok && name != "" {
			if known.from == fromHeader {
				name = textproto.CanonicalMIMEHeaderKey(name)
			}
			return source{known.from, name}, nil
		}
	}
	return source{}, fmt.Errorf("%q is no identity source: it is a header, a query string parameter, a context or stage variable", s)
}

// String is the source in the words of the guide.
func (s source) String() string {
	return [...]string{"header ", "query string parameter ", "context variable ", "stage variable "}[s.from&3] + s.name
}

// Identity says by which parts of a request the authorizer decides, for who
// caches answers: "header:Authorization, query:token"; "*" when that cannot be
// said. What belongs to the route is left out.
func (a *Authorizer) Identity() string {
	var parts []string
	for _, s := range a.sources {
		switch s.from {
		case fromHeader:
			parts = append(parts, "header:"+s.name)
		case fromQuery:
			parts = append(parts, "query:"+url.QueryEscape(s.name))
		case fromVariable:
		case fromContext:
			switch s.name {
			case "routeKey", "httpMethod", "path", "resourcePath", "resourceId", "stage", "apiId":
			default:
				return "*"
			}
		}
	}
	if len(parts) == 0 || a.optional {
		return "*"
	}
	return strings.Join(parts, ", ")
}

// identity reads the sources, and names the first that is missing: absent, or
// with nothing but empty values.
func (a *Authorizer) identity(rq *Request) (values [][]string, missing string) {
	var query url.Values
	for _, s := range a.sources {
		var v []string
		switch s.from {
		case fromHeader:
			v = rq.Header[s.name]
		case fromQuery:
			if query == nil {
				var err error
				if query, err = url.ParseQuery(rq.Query); err != nil {
					query = url.Values{}
				}
			}
			v = query[s.name]
		case fromContext:
			if rq.Context != nil {
				if text, ok := rq.Context(s.name); ok {
					v = []string{text}
				}
			}
		case fromVariable:
			if text, ok := rq.Variables[s.name]; ok {
				v = []string{text}
			}
		}
		if strings.Join(v, "") == "" && missing == "" {
			missing = s.String()
		}
		values = append(values, v)
	}
	return values, missing
}
