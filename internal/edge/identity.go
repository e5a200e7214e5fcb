// SPDX-License-Identifier: Apache-2.0

// Answers for one identity. An API says with the field X-Edge-Identity by which
// parts of a request it decided who may have the answer:
//
//	header:Authorization, query:token    these fields and parameters
//	*                                    anything in the request
//
// When one of them is not in the cache key, the answer is for one viewer: it is
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
			if name = strings.ToLower(name); name == "cookie" {
				if !x.beh.keyCookies.all() {
					return true
				}
			} else if !slices.Contains(x.beh.keyHeaders, name) {
				return true
			}
		case "query":
			name, err := url.QueryUnescape(name)
			if err != nil || !x.beh.keyQuery.has(name) {
				return true
			}
		default:
			return true
		}
	}
	return false
}
