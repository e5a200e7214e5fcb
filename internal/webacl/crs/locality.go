// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"regexp"
	"strings"
)

// A rule is local when its verdict is a union over the elements of the request:
// each element is judged alone, by the element and by settings that are the same
// for all requests. So it is with
//
//	SecRule ARGS|REQUEST_COOKIES "@rx …"                       each argument, each cookie
//	SecRule REQUEST_BASENAME "@rx \.([^.]+)$" "setvar:tx.extension=…,chain"
//	    SecRule TX:EXTENSION "@within %{tx.restricted_extensions}"
//	SecRule ARGS "@pm …" "chain"
//	    SecRule MATCHED_VARS "@rx …"                           of those that matched
//
// and not with a chain over two components (a method and a length), with a count
// of elements (&ARGS), or with an operator that quotes another component
// (%{request_headers.host}). What is not known to be local is not.

// elementVariables are those that elements are made of (element.go).
var elementVariables = map[string]bool{
	"ARGS": true, "ARGS_GET": true, "ARGS_POST": true, "ARGS_NAMES": true, "ARGS_GET_NAMES": true, "ARGS_POST_NAMES": true,
	"REQUEST_HEADERS": true, "REQUEST_HEADERS_NAMES": true, "REQUEST_COOKIES": true, "REQUEST_COOKIES_NAMES": true,
	"REQUEST_METHOD": true, "REQUEST_PROTOCOL": true, "REQUEST_LINE": true, "REQUEST_URI": true, "REQUEST_URI_RAW": true,
	"REQUEST_FILENAME": true, "REQUEST_BASENAME": true, "QUERY_STRING": true, "REQUEST_BODY": true, "XML": true,
	"FILES": true, "FILES_NAMES": true, "MULTIPART_PART_HEADERS": true, "MULTIPART_FILENAME": true, "MULTIPART_NAME": true,
}

var macro = regexp.MustCompile(`%\{([^}]*)\}`)

// local tells whether r is local, given the settings.
func (r *rule) local(set map[string]string) bool {
	looking := 0             // links that look at elements
	own := map[string]bool{} // TX variables that the chain itself sets
	captures := map[string]bool{"0": true, "1": true, "2": true, "3": true, "4": true, "5": true, "6": true, "7": true, "8": true, "9": true}
	known := func(name string) bool {
		name = strings.ToLower(name)
		_, ok := set[name]
		return ok || own[name] || captures[name]
	}
	for i := range r.links {
		l := &r.links[i]
		looks := false
		for _, v := range l.variables {
			switch {
			case v.not:
			case v.name == "TX":
				if !v.count && !strings.HasPrefix(v.key, "/") && !known(v.key) {
					return false
				}
				if v.count && own[strings.ToLower(v.key)] {
					return false
				}
			case v.name == "MATCHED_VAR" || v.name == "MATCHED_VARS" || v.name == "MATCHED_VARS_NAMES" || v.name == "MATCHED_VAR_NAME":
			case v.count || !elementVariables[v.name]:
				return false
			default:
				looks = true
			}
		}
		if looks {
			looking++
		}
		for _, m := range macro.FindAllStringSubmatch(l.operator, -1) {
			name, ok := strings.CutPrefix(strings.ToLower(m[1]), "tx.")
			if !ok || !known(name) {
				return false
			}
		}
		if hasAction(l.actions, "ctl") {
			return false
		}
		for _, a := range actionsOf(l.actions) {
			if v, ok := strings.CutPrefix(a, "setvar:"); ok {
				name, _, _ := strings.Cut(strings.ToLower(strings.Trim(v, "'")), "=")
				own[strings.TrimPrefix(name, "tx.")] = true
			}
		}
	}
	return looking == 1
}

// part selects the rules of some families at paranoia level 1 and parts them. A
// rule without a level finds nothing itself: it leaves what others read, and
// belongs to the rest.
func part(all []rule, families map[Family]bool, set map[string]string) (local, rest []rule) {
	for _, r := range all {
		if r.level > 1 || r.phase > 2 || !families[Family(r.id/1000)] || hasAction(r.links[0].actions, "skipAfter") {
			continue
		}
		if r.level == 1 && r.local(set) {
			local = append(local, r)
		} else {
			rest = append(rest, r)
		}
	}
	return local, rest
}
