// SPDX-License-Identifier: Apache-2.0

package account

import (
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
)

// RequestChanges is in what two requests differ.
func RequestChanges(was, is *httpmsg.Request) []string {
	var out []string
	if was.Path != is.Path {
		out = append(out, "path "+was.Path+" becomes "+is.Path)
	}
	if was.Query != is.Query {
		out = append(out, "query string ?"+was.Query+" becomes ?"+is.Query)
	}
	return append(out, FieldChanges(&was.Header, &is.Header)...)
}

// FieldChanges is in which fields two heads differ.
func FieldChanges(was, is *httpmsg.Header) []string {
	var out []string
	var seen []string
	for _, h := range [2]*httpmsg.Header{was, is} {
		for _, f := range h.Fields() {
			n := strings.ToLower(f.Name)
			if slices.Contains(seen, n) {
				continue
			}
			seen = append(seen, n)
			switch a, b := was.Join(n), is.Join(n); {
			case a == b:
			case !was.Has(n):
				out = append(out, f.Name+" is set to "+b)
			case !is.Has(n):
				out = append(out, f.Name+" is removed")
			default:
				out = append(out, f.Name+" "+a+" becomes "+b)
			}
		}
	}
	return out
}

// AnswerChanges is in what two answers differ.
func AnswerChanges(was, is *httpmsg.Header, before, after int) []string {
	changes := FieldChanges(was, is)
	if before != after {
		changes = append(changes, "status "+strconv.Itoa(before)+" becomes "+strconv.Itoa(after))
	}
	return changes
}
