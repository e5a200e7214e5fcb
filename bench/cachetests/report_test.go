// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	var r result
	text := `[["b","required","pass",""],["a","optimal","optional_fail",{"x":1}],["c","check","yes",""]]`
	if err := json.Unmarshal([]byte(text), &r.rows); err != nil {
		t.Fatal(err)
	}
	r.name = "one"
	var said strings.Builder
	r.print(&said)
	if got := said.String(); !strings.Contains(got, "required 1/1  optimal 0/1  check 1/1") || !strings.Contains(got, "optional_fail") {
		t.Errorf("printed %q", got)
	}
	said.Reset()
	report(&said, []result{r, r}, time.Unix(0, 0))
	for _, want := range []string{"1970-01-01", "| one | 1 of 1 | 0 of 1 | 1 of 1 |", "| a | optimal | optional_fail | optional_fail |\n| b |"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, said.String())
		}
	}
}
