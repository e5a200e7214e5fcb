// SPDX-License-Identifier: Apache-2.0

package edge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// printer is a Writer that prints the answer.
type printer struct{}

func (printer) Head(rs *httpmsg.Response) error {
	fmt.Println(rs.Status, rs.Get("X-Cache"))
	return nil
}

func (printer) Write(p []byte) (int, error) { return fmt.Println(string(p)) }
func (printer) Flush() error                { return nil }
func (printer) Abort()                      {}

// shop is an origin.
type shop struct{}

func (shop) RoundTrip(rq *http.Request) (*http.Response, error) {
	body := "shoes, page " + rq.URL.Query().Get("page")
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Cache-Control": {"max-age=60"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

func Example() {
	e, err := edge.Compile(&model.Stack{Name: "shop", Distributions: []*model.Distribution{{
		LogicalID: "Cdn", ID: "E1EXAMPLE", DomainName: "d1.cloudfront.net", Enabled: true,
		Origins: []*model.Origin{{ID: "api", DomainName: "api.example.com"}},
		Behaviors: []*model.Behavior{{
			PathPattern: "*", Target: "api", Allowed: []string{"GET", "HEAD"}, Cached: []string{"GET", "HEAD"},
			Cache: &model.CachePolicy{
				MaxTTL:  time.Hour,
				Queries: model.Selection{Mode: model.SelectList, Names: []string{"page"}},
			},
		}},
	}}}, edge.Deps{
		Transport: func(*model.Distribution, *model.Origin) (http.RoundTripper, error) { return shop{}, nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, query := range []string{"page=1", "page=1&utm_source=mail", "page=2"} {
		e.Serve(context.Background(), &httpmsg.Request{
			Method: "GET", Scheme: "https", Host: "d1.cloudfront.net", Path: "/shoes", Query: query,
		}, printer{})
	}
	// Output:
	// 200 Miss from cloudfront
	// shoes, page 1
	// 200 Hit from cloudfront
	// shoes, page 1
	// 200 Miss from cloudfront
	// shoes, page 2
}
