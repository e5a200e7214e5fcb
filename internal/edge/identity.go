// SPDX-License-Identifier: Apache-2.0

// Answers for one identity. An API says with the field X-Edge-Identity by which
// parts of a request it decided who may have the answer:
//
//	header:Authorization, query:token    these fields and parameters
//	*                                    anything in the request
//
// A field that the origin's custom headers set is the same for all viewers, and
// tells nobody apart. When another one is not in the cache key, the answer is for
// one viewer: it is
// neither stored nor given to those who wait for it, whatever its lifetime and
// the policy's say. CloudFront does not know of it and would serve the answer
// to everybody (AllViewerExceptHostHeader forwards Authorization, and no
// managed cache policy has it in the key). The field never goes on to viewers;
// an origin elsewhere may send it as well.

package edge

import (
	"net/url"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

const identityField = "X-Edge-Identity"

// personal tells whether an answer is for an identity that the key lacks.
func (x *Exchange) personal(rs *httpmsg.Response) bool {
	text := rs.Header.Join(identityField)
	if text == "" {
		return false
	}
	for _, item := range strings.Split(text, ",") {
		kind, name, _ := strings.Cut(strings.TrimSpace(item), ":")
		switch kind {
		case "header":
			if !x.target.sets(name) && !x.beh.keyed(strings.ToLower(name)) {
				return true
			}
		case "query":
			name, err := url.QueryUnescape(name)
			if err != nil || !x.beh.inKey.Query.Has(name) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// keyed tells whether a field, in lower case, is in the cache key as a whole.
func (b *behavior) keyed(name string) bool {
	if name == "cookie" {
		return b.inKey.Cookies.All()
	}
	return slices.Contains(b.inKey.Headers, name)
}

// sets tells whether a field comes from the custom headers of the origin, of each
// one in a group, whatever the viewer sent.
func (o *originRef) sets(name string) bool {
	for i := range o.members {
		if !slices.ContainsFunc(o.members[i].m.Headers, func(f model.HeaderField) bool { return strings.EqualFold(f.Name, name) }) {
			return false
		}
	}
	return len(o.members) > 0
}
