// SPDX-License-Identifier: Apache-2.0

package function_test

import (
	"context"
	"fmt"
	"os"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
)

func Example() {
	dir, err := os.MkdirTemp("", "forelane-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := function.New(function.Options{Dir: dir, Environ: os.Environ()})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer s.Close(ctx)
	err = s.Apply(ctx, []*model.Function{{
		Name: "hello", Runtime: "python3.13", Handler: "index.handler",
		Code: model.Code{Inline: "def handler(event, context):\n    return 'hello ' + event['name']\n"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := s.Invoke(ctx, &model.Invocation{Function: "hello", Payload: []byte(`{"name":"world"}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(res.Payload))
	// Output: "hello world"
}
