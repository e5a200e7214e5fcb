// SPDX-License-Identifier: Apache-2.0

package template

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// invent gives every parameter of a template that has neither a default nor a
// given value one that its declaration accepts, if a common one does. It
// returns all values and the names that were invented.
func invent(t *tree.Node, given map[string]string) (values map[string]string, names []string) {
	values = map[string]string{}
	for k, v := range given {
		values[k] = v
	}
	params := t.Get("Parameters")
	if !params.IsMap() {
		return values, nil
	}
	for _, e := range params.Entries {
		if _, ok := values[e.Key]; ok || e.Value.Has("Default") || strings.HasPrefix(e.Key, "AssetParameters") {
			continue
		}
		values[e.Key] = inventValue(e.Key, e.Value)
		names = append(names, e.Key)
	}
	return values, names
}

func inventValue(name string, p *tree.Node) string {
	if v := p.Get("AllowedValues"); v.Len() > 0 {
		s, _ := v.Items[0].Scalar()
		return s
	}
	typ, _ := p.Get("Type").Str()
	if strings.Contains(typ, "Number") {
		if s, ok := p.Get("MinValue").Scalar(); ok {
			return s
		}
		return "1"
	}
	tries := []string{
		"invented", "invented-value-1", "www.example.com", "example.com", "someone@example.com", "10.0.0.0/16", "https://example.com/a",
		"arn:aws:iam::123456789012:role/invented", "123456789012", "us-east-1", "us-east-1a,us-east-1b", "Invented1!", "Invented1", "a", "",
	}
	switch lower := strings.ToLower(name); {
	case strings.Contains(lower, "vpc") && strings.Contains(lower, "dns"):
		tries = append([]string{"vpce-0123456789abcdef0-abcdefgh.execute-api.us-east-1.vpce.amazonaws.com"}, tries...)
	case strings.Contains(lower, "s3") && strings.Contains(lower, "root"), strings.Contains(lower, "bucket") && (strings.Contains(lower, "domain") || strings.Contains(lower, "dns")):
		tries = append([]string{"invented.s3.us-east-1.amazonaws.com"}, tries...)
	case strings.Contains(lower, "domain"), strings.Contains(lower, "host"), strings.Contains(lower, "endpoint"):
		tries = append([]string{"www.example.com"}, tries...)
	case strings.Contains(lower, "email"), strings.Contains(lower, "mail"):
		tries = append([]string{"someone@example.com"}, tries...)
	case strings.Contains(lower, "url"):
		tries = append([]string{"https://example.com/a"}, tries...)
	case strings.Contains(lower, "arn"):
		tries = append([]string{"arn:aws:iam::123456789012:role/invented"}, tries...)
	}
	for _, s := range tries {
		if accepts(p, s) {
			return s
		}
	}
	return tries[0]
}

// accepts tells whether a text keeps the constraints of a declaration. A
// pattern that Go cannot compile accepts everything; the evaluator decides.
func accepts(p *tree.Node, s string) bool {
	bound := func(key string, or int) int {
		if t, ok := p.Get(key).Scalar(); ok {
			if i, err := strconv.Atoi(t); err == nil {
				return i
			}
		}
		return or
	}
	if len(s) < bound("MinLength", 0) || len(s) > bound("MaxLength", 4096) {
		return false
	}
	pattern, ok := p.Get("AllowedPattern").Str()
	if !ok || len(pattern) > 1000 {
		return true
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	return err != nil || re.MatchString(s)
}
