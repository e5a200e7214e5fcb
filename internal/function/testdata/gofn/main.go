// SPDX-License-Identifier: Apache-2.0

// The program gofn is the Go function of the tests: it does what its event
// says.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Text string `json:"text"`
	Size int    `json:"size"`
}

type answer struct {
	Text  string `json:"text"`
	ARN   string `json:"arn,omitempty"`
	Trace string `json:"trace,omitempty"`
	Left  bool   `json:"left,omitempty"`
}

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "fail":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(e.Size)
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		_, left := ctx.Deadline()
		return answer{Text: lc.AwsRequestID, ARN: lc.InvokedFunctionArn, Trace: os.Getenv("_X_AMZN_TRACE_ID"), Left: left}, nil
	case "env":
		return os.Getenv(e.Text), nil
	case "large":
		return strings.Repeat("x", e.Size), nil
	case "stream":
		pr, pw := io.Pipe()
		go func() {
			for i := range e.Size {
				fmt.Fprintf(pw, "%s %d\n", e.Text, i)
			}
			pw.Close()
		}()
		return &events.LambdaFunctionURLStreamingResponse{
			StatusCode: http.StatusTeapot, Headers: map[string]string{"X-Test": "yes"}, Body: pr,
		}, nil
	case "breakstream":
		pr, pw := io.Pipe()
		go func() {
			io.WriteString(pw, e.Text)
			pw.CloseWithError(errors.New("broke"))
		}()
		return &events.LambdaFunctionURLStreamingResponse{StatusCode: http.StatusOK, Body: pr}, nil
	}
	fmt.Println("said", e.Text)
	return answer{Text: e.Text}, nil
}

func main() { lambda.Start(handle) }
