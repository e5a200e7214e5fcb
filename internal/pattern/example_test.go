// SPDX-License-Identifier: Apache-2.0

package pattern_test

import (
	"fmt"

	"github.com/forelane/forelane/internal/pattern"
)

func ExampleShadows() {
	all, _ := pattern.CompilePath("*.jpg")
	some, _ := pattern.CompilePath("images/*.jpg")
	fmt.Println(some.Match("/images/a/b.jpg"), pattern.Shadows(all, some), pattern.Shadows(some, all))
	// Output: true true false
}
