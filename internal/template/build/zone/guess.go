// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"strings"

	"github.com/forelane/forelane/internal/template/build/base"
)

// guess is the name of a zone that is made elsewhere and named by id: what the
// names of its record sets have in common. One that has a record set of its own
// name is taken to be a name in the zone above, unless that would be a
// top-level domain:
//
//	www.example.com, api.example.com   example.com
//	shop.example.com                   example.com
//	example.com, www.example.com       example.com
func (b *builder) guess(id string) string {
	common, own := "", false
	b.each(func(_ *base.Resource, set, group base.Value) {
		v := set.Get("HostedZoneId")
		if !v.Exists() && !set.Get("HostedZoneName").Exists() {
			v = group.Get("HostedZoneId")
		}
		if v.Text() != id {
			return
		}
		name := strings.TrimPrefix(clean(set.Get("Name").Text()), "*.")
		if common == "" {
			common, own = name, true
			return
		}
		was := common
		common = suffix(common, name)
		own = own && common == was || common == name
	})
	if own && strings.Count(common, ".") > 1 {
		_, common, _ = strings.Cut(common, ".")
	}
	return common
}

// suffix is what two names end with, in whole labels.
func suffix(a, b string) string {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return strings.Join(x[len(x)-n:], ".")
}
