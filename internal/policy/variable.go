// SPDX-License-Identifier: Apache-2.0

// Policy variables, ${aws:username} in resources and in values of conditions.
// Source: IAM User Guide, "IAM policy elements: Variables and tags". They are
// those of version 2012-10-17; before it, they are text.
//
// A variable whose key the request lacks, or whose value has a wildcard, which
// would mean more than it says, cannot be filled in: as with an unknown
// condition, an Allow then does not apply and a Deny does.

package policy

import "strings"

// withVariables is the version of documents that have variables.
const withVariables = "2012-10-17"

// fill writes the values of a text's variables in; false: it cannot.
func fill(text string, context map[string]string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false
		}
		name, or, hasDefault := strings.Cut(name, ",")
		value, ok := context[strings.ToLower(strings.TrimSpace(name))]
		switch {
		case name == "$":
			value, ok = "$", true
		case !ok && hasDefault:
			value, ok = strings.Trim(strings.TrimSpace(or), "'"), true
		}
		if !ok || strings.ContainsAny(value, "*?") {
			return "", false
		}
		b.WriteString(value)
		text = after
	}
}

// filled is a list with its variables filled in; sure is false when one of them
// cannot be.
func filled(texts []string, context map[string]string) (out []string, sure bool) {
	out, sure = make([]string, 0, len(texts)), true
	for _, t := range texts {
		if v, ok := fill(t, context); ok {
			out = append(out, v)
		} else {
			sure = false
		}
	}
	return out, sure
}

func anyVariable(texts []string) bool {
	for _, t := range texts {
		if strings.Contains(t, "${") {
			return true
		}
	}
	return false
}
