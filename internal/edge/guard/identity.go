// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net/url"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
)

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

const identityField = "X-Edge-Identity"

// Personal tells whether an answer is for an identity that the key lacks. sets
// tells which fields come from the origin's custom headers, whatever a viewer sent.
func Personal(answer *httpmsg.Header, k *forward.Key, sets func(name string) bool) bool {
	text := answer.Join(identityField)
	if text == "" {
		return false
	}
	for _, item := range strings.Split(text, ",") {
		kind, name, _ := strings.Cut(strings.TrimSpace(item), ":")
		switch kind {
		case "header":
			if !sets(name) && !inKey(k, strings.ToLower(name)) {
				return true
			}
		case "query":
			name, err := url.QueryUnescape(name)
			if err != nil || !k.Query.Has(name) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// inKey tells whether a field, in lower case, is in the cache key as a whole.
func inKey(k *forward.Key, name string) bool {
	if name == "cookie" {
		return k.Cookies.All()
	}
	return slices.Contains(k.Headers, name)
}
