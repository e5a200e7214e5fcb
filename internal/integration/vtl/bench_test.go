// SPDX-License-Identifier: Apache-2.0

package vtl

import "testing"

func BenchmarkRender(b *testing.B) {
	t, err := Parse(`#set($root = $input.path('$'))
{"id": "$input.params('id')", "pets": [#foreach($p in $root.pets){"id": $p.id, "type": "$util.escapeJavaScript($p.type)"}#if($foreach.hasNext),#end#end], "stage": "$context.stage"}`)
	if err != nil {
		b.Fatal(err)
	}
	in := input(pets)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Render(in); err != nil {
			b.Fatal(err)
		}
	}
}
