// SPDX-License-Identifier: Apache-2.0

// Command api keeps the articles of a catalogue: one Lambda handler behind a
// REST API.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type article struct {
	Version int    `json:"version"`
	Text    string `json:"text"`
}

// store is the catalogue. calls counts reads, so that one sees which requests
// came as far as here.
type store struct {
	mu       sync.Mutex
	calls    int
	articles map[string]article
}

func (s *store) handle(_ context.Context, rq events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := rq.PathParameters["id"]
	a, ok := s.articles[id]
	if rq.HTTPMethod == "PUT" {
		a = article{Version: a.Version + 1, Text: rq.Body}
		s.articles[id] = a
		return answer(200, "no-store", a)
	}
	s.calls++
	tag := fmt.Sprintf(`"%s-%d"`, id, a.Version)
	var rs events.APIGatewayProxyResponse
	var err error
	switch {
	case !ok:
		return answer(404, "", map[string]any{"message": "no such article", "call": s.calls})
	case rq.Headers["If-None-Match"] == tag:
		rs = events.APIGatewayProxyResponse{StatusCode: 304, Headers: map[string]string{}}
	default:
		rs, err = answer(200, "", map[string]any{"article": a, "call": s.calls})
	}
	rs.Headers["ETag"] = tag
	rs.Headers["Cache-Control"] = "max-age=60, stale-while-revalidate=600, stale-if-error=86400"
	return rs, err
}

func answer(status int, caching string, body any) (events.APIGatewayProxyResponse, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	rs := events.APIGatewayProxyResponse{StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(b)}
	if caching != "" {
		rs.Headers["Cache-Control"] = caching
	}
	return rs, nil
}

func main() {
	s := &store{articles: map[string]article{
		"1": {1, "Caches keep what was asked for."},
		"2": {1, strings.Repeat("A long article is sent compressed. ", 100)},
	}}
	lambda.Start(s.handle)
}
