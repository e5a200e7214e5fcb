// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache"
)

func Example() {
	c := cache.New(cache.Config{})
	key := cache.AppendKey(nil, "E1EXAMPLE", "/shoes?page=1")

	first := c.Open(key, time.Now(), true)
	fmt.Println(first.Status)
	fill, reader := first.Lease.Begin(&cache.Object{Status: 200, Born: time.Now(), TTL: time.Minute, Length: -1})
	if err := fill.Copy(strings.NewReader("shoes")); err != nil {
		fmt.Println(err)
	}
	piece, _ := reader.Next(context.Background())
	fmt.Println(string(piece))
	reader.Close()

	fmt.Println(c.Open(key, time.Now(), true).Status)
	c.Invalidate("E1EXAMPLE", []cache.Path{cache.ParsePath("/shoes*")})
	fmt.Println(c.Open(key, time.Now(), true).Status)
	// Output:
	// miss
	// shoes
	// hit
	// miss
}
