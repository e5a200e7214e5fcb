// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/build/base"
)

// Place is where a property of a resource stands, as file:line:col: the
// property itself, or the nearest thing that holds it when the template does
// not have it. path is below Properties, "DistributionConfig.CacheBehaviors[2].PathPattern".
// Empty when there is no such resource.
func (r *Result) Place(id, path string) string {
	res := r.resource(id)
	if res == nil {
		return ""
	}
	v := res.Props
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		name, index, listed := strings.Cut(name, "[")
		v = v.Get(name)
		if !listed {
			continue
		}
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		items := v.List()
		if err != nil || i < 0 || i >= len(items) {
			break
		}
		v = items[i]
	}
	return v.Pos().String()
}

// Ignored are the rules of `forelane check` that Metadata.Forelane.Ignore of a
// resource switches off, and where it says so.
func (r *Result) Ignored(id string) (rules []string, pos string) {
	res := r.resource(id)
	if res == nil {
		return nil, ""
	}
	v := res.Meta.Get("Forelane", "Ignore")
	return v.Texts(), v.Pos().String()
}

// Ref is what Ref of a resource gives; empty when there is no such resource.
func (r *Result) Ref(id string) string {
	if res := r.resource(id); res != nil {
		return res.Ref
	}
	return ""
}

// ResourceIDs are the logical ids of everything in the stack.
func (r *Result) ResourceIDs() []string {
	ids := make([]string, len(r.resources))
	for i, res := range r.resources {
		ids[i] = res.ID
	}
	return ids
}

func (r *Result) resource(id string) *base.Resource {
	for _, res := range r.resources {
		if res.ID == id {
			return res
		}
	}
	return nil
}
