// SPDX-License-Identifier: Apache-2.0

package edgefunc_test

import (
	"context"
	"fmt"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

func Example() {
	set, err := edgefunc.Compile([]*model.EdgeFunction{{
		Name:    "index",
		Runtime: "cloudfront-js-2.0",
		Code: `function handler(event) {
			const request = event.request;
			if (request.uri.endsWith('/')) request.uri += 'index.html';
			return request;
		}`,
	}}, nil, edgefunc.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, _ := set.Function("index")
	rq := &httpmsg.Request{Method: "GET", Path: "/docs/"}
	answer, outcome, err := f.ViewerRequest(context.Background(), &edgefunc.Event{RequestID: "1"}, rq)
	fmt.Println(rq.Path, answer == nil, outcome.Changed, err)
	// Output: /docs/index.html true true <nil>
}
