// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"sync"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// counting counts requests by method, those out of early data apart.
func counting(mu *sync.Mutex, seen map[string]int) engine.Handler {
	return func(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
		name := rq.Method
		if rq.Header.Has("early-data") {
			name += " early"
		}
		mu.Lock()
		seen[name]++
		mu.Unlock()
		_ = w.Whole(&httpmsg.Response{Status: 200}, nil, nil)
		return nil
	}
}
