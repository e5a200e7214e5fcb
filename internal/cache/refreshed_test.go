// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"reflect"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// TestRefreshedIsAllOfIt: every field of an object is in its copy, but for the
// count of its holders.
func TestRefreshedIsAllOfIt(t *testing.T) {
	var h httpmsg.Header
	h.Add("ETag", "x")
	o := NewObject(Object{
		Status: 200, Head: httpmsg.NewHead(&h), Born: time.Unix(1, 0), Age: 1, TTL: 2, Stale: 3, StaleIfError: 4, Alone: true,
		Transient: true, Flags: 5, Tags: "t",
	}, []byte("body"))
	a, b := reflect.ValueOf(*o), reflect.ValueOf(*o.Refreshed())
	for i := range a.NumField() {
		name := a.Type().Field(i).Name
		switch name {
		case "holds", "cache", "home", "block", "file": // of objects that a cache handed out
			continue
		}
		if a.Field(i).IsZero() {
			t.Errorf("the test sets no %s", name)
		}
		if name != "chunks" && !a.Field(i).Equal(b.Field(i)) || name == "chunks" && b.Field(i).Len() != 1 {
			t.Errorf("%s differs", name)
		}
	}
}
