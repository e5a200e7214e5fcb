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
	"github.com/forelane/forelane/internal/model"
)

const identityField = "X-Edge-Identity"

// personal tells whether an answer is for an identity that the key lacks.
func (x *Exchange) personal(rs *httpmsg.Response) bool {
	text := rs.Header.Join(identityField)
	if text == "" {
		return false
	}
	c := x.beh.m.Cache
	for _, item := range strings.Split(text, ",") {
		kind, name, _ := strings.Cut(strings.TrimSpace(item), ":")
		switch kind {
		case "header":
			keyed := slices.ContainsFunc(c.Headers.Names, func(n string) bool { return httpmsg.EqualFold(n, name) })
			if httpmsg.EqualFold(name, "Cookie") {
				keyed = c.Cookies.Mode == model.SelectAll
			} else {
				keyed = keyed && c.Headers.Mode == model.SelectList
			}
			if !keyed {
				return true
			}
		case "query":
			name, err := url.QueryUnescape(name)
			if err != nil || !selected(c.Queries, name) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// selected tells whether a query string parameter is of a selection.
func selected(s model.Selection, name string) bool {
	switch s.Mode {
	case model.SelectAll:
		return true
	case model.SelectList:
		return slices.Contains(s.Names, name)
	case model.SelectAllExcept:
		return !slices.Contains(s.Names, name)
	case model.SelectNone, model.SelectAllViewer, model.SelectAllViewerAndCloudFront:
	}
	return false
}
