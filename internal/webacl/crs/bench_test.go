// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

func screen(b *testing.B, e *Engine, rq *httpmsg.Request, body string, out *Result) {
	if err := e.Screen(rq, []byte(body), out); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkRepeatedGET(b *testing.B) {
	e := open(b, Options{})
	rq, out := get("/products?id=42&sort=price"), Result{}
	screen(b, e, rq, "", &out)
	b.ReportAllocs()
	for b.Loop() {
		screen(b, e, rq, "", &out)
	}
}

// BenchmarkNewGET: every request has an argument that was never seen.
func BenchmarkNewGET(b *testing.B) {
	for _, forget := range []bool{false, true} {
		b.Run(fmt.Sprintf("forget=%v", forget), func(b *testing.B) {
			e := open(b, Options{Forget: forget})
			out := Result{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				screen(b, e, get(fmt.Sprintf("/products?id=%d&sort=price", i)), "", &out)
			}
		})
	}
}

// BenchmarkNewViewer: a head that was never seen, of elements that were.
func BenchmarkNewViewer(b *testing.B) {
	e := open(b, Options{})
	e.heads = newMemory(headSets, 0) // no head is remembered
	rq, out := get("/products?id=42&sort=price"), Result{}
	b.ReportAllocs()
	for b.Loop() {
		screen(b, e, rq, "", &out)
	}
}

func jsonPost(i int) (*httpmsg.Request, string) {
	rq := get("/orders", "Content-Type", "application/json")
	rq.Method = "POST"
	var s strings.Builder
	fmt.Fprintf(&s, `{"order":%d,"lines":[`, i)
	for j := range 24 {
		fmt.Fprintf(&s, `%s{"sku":"A-%d","name":"Article of the shop, size %d","quantity":%d,"price":"%d.99"}`, strings.Repeat(",", min(j, 1)), j, j, j%3+1, j+10)
	}
	s.WriteString("]}")
	rq.Header.Add("Content-Length", fmt.Sprint(s.Len()))
	return rq, s.String()
}

// BenchmarkPOST: 2 KB of JSON, one of its values new each time.
func BenchmarkPOST(b *testing.B) {
	for _, forget := range []bool{false, true} {
		b.Run(fmt.Sprintf("forget=%v", forget), func(b *testing.B) {
			e := open(b, Options{Forget: forget})
			out := Result{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				rq, body := jsonPost(i)
				screen(b, e, rq, body, &out)
			}
		})
	}
}
