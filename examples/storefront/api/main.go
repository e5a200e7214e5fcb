// SPDX-License-Identifier: Apache-2.0

// Command api is the shop's function: one Lambda handler behind an HTTP API.
package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type product struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Category string  `json:"category"`
	Price    float64 `json:"price"`
}

var catalogue = []product{
	{"s1", "Trail runner", "shoes", 89.90},
	{"s2", "City boot", "shoes", 129.00},
	{"s3", "Canvas low", "shoes", 49.50},
	{"s4", "Sandal", "shoes", 39.00},
	{"h1", "Wool beanie", "hats", 19.90},
	{"h2", "Straw hat", "hats", 24.00},
}

const pageSize = 3

// calls counts invocations of this process; the answers carry it so that one
// can see which of them came from the edge's cache.
var calls atomic.Int64

type request = events.APIGatewayV2HTTPRequest

type response = events.APIGatewayV2HTTPResponse

func handle(_ context.Context, rq request) (response, error) {
	n := calls.Add(1)
	switch rq.RouteKey {
	case "GET /api/products":
		return products(rq, n)
	case "GET /api/products/{id}":
		return one(rq, n, "public, max-age=300")
	case "GET /api/prices/{id}":
		return one(rq, n, "") // the behavior's policy decides: 5 seconds
	case "GET /api/cart":
		return answer(200, "private, no-store", map[string]any{"items": []string{}, "call": n})
	case "POST /api/cart":
		return add(rq, n)
	}
	return answer(404, "", map[string]any{"message": "Not Found"})
}

func products(rq request, n int64) (response, error) {
	q := rq.QueryStringParameters
	var items []product
	for _, p := range catalogue {
		if (q["category"] == "" || p.Category == q["category"]) && strings.Contains(strings.ToLower(p.Name), strings.ToLower(q["q"])) {
			items = append(items, p)
		}
	}
	switch q["sort"] {
	case "price":
		slices.SortFunc(items, func(a, b product) int { return cmp.Compare(a.Price, b.Price) })
	case "name":
		slices.SortFunc(items, func(a, b product) int { return cmp.Compare(a.Name, b.Name) })
	}
	page, err := strconv.Atoi(cmp.Or(q["page"], "1"))
	if err != nil || page < 1 {
		return answer(400, "", map[string]any{"message": "page must be a number from 1"})
	}
	from := min((page-1)*pageSize, len(items))
	to := min(from+pageSize, len(items))
	return answer(200, "public, max-age=60", map[string]any{"items": items[from:to], "page": page, "total": len(items), "call": n})
}

func one(rq request, n int64, cacheControl string) (response, error) {
	for _, p := range catalogue {
		if p.ID == rq.PathParameters["id"] {
			return answer(200, cacheControl, map[string]any{"product": p, "call": n})
		}
	}
	return answer(404, "", map[string]any{"message": "no such product"})
}

func add(rq request, n int64) (response, error) {
	var line struct {
		ID       string `json:"id"`
		Quantity int    `json:"quantity"`
	}
	body := []byte(rq.Body)
	if rq.IsBase64Encoded { // what is not said to be text comes encoded, such as the form of curl -d
		body, _ = base64.StdEncoding.DecodeString(rq.Body) // API Gateway encoded it
	}
	if err := json.Unmarshal(body, &line); err != nil || line.ID == "" || line.Quantity < 1 {
		return answer(400, "", map[string]any{"message": `send {"id": "s1", "quantity": 1}`})
	}
	return answer(201, "no-store", map[string]any{"added": line, "call": n})
}

func answer(status int, cacheControl string, body any) (response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return response{}, fmt.Errorf("encode answer: %w", err)
	}
	h := map[string]string{"Content-Type": "application/json"}
	if cacheControl != "" {
		h["Cache-Control"] = cacheControl
	}
	return response{StatusCode: status, Headers: h, Body: string(text)}, nil
}

func main() { lambda.Start(handle) }
