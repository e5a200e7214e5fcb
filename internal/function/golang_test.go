// SPDX-License-Identifier: Apache-2.0

package function

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// goService runs the Go function with binaries that are kept between runs.
func goService(t testing.TB) (*Service, *book) {
	return service(t, func(o *Options) { o.Dir = sharedDir() }, goFunction("gofn"))
}

func TestL1GoFunction(t *testing.T) {
	s, b := goService(t)
	t.Run("answers", func(t *testing.T) {
		want(t, invoke(t, s, "gofn", `{"text":"hello"}`), `{"text":"hello"}`)
		want(t, invoke(t, s, "gofn", `{"text":"again"}`), `{"text":"again"}`)
		if text := b.text(); !strings.Contains(text, "said hello\nEND") || !strings.Contains(text, "said again\nEND") {
			t.Errorf("the function's line is not before END:\n%s", text)
		}
	})
	t.Run("fails", func(t *testing.T) {
		res := invoke(t, s, "gofn", `{"do":"fail","text":"no luck"}`)
		if res.Error != "Unhandled" || string(res.Payload) != `{"errorMessage":"no luck","errorType":"errorString"}` {
			t.Errorf("got %q %s", res.Error, res.Payload)
		}
	})
	t.Run("panics", func(t *testing.T) {
		res := invoke(t, s, "gofn", `{"do":"panic","text":"ouch"}`)
		if res.Error != "Unhandled" || !strings.Contains(string(res.Payload), `"errorMessage":"ouch","errorType":"string"`) {
			t.Errorf("got %q %s", res.Error, res.Payload)
		}
		want(t, invoke(t, s, "gofn", `{"text":"alive"}`), `{"text":"alive"}`)
	})
	t.Run("exits", func(t *testing.T) {
		for code, words := range map[string]string{"0": "Runtime exited without providing a reason", "3": "Runtime exited with error: exit status 3"} {
			res := invoke(t, s, "gofn", `{"do":"exit","size":`+code+`}`)
			object := `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + res.RequestID + ` Error: ` + words + `"}`
			if res.Error != "Unhandled" || string(res.Payload) != object {
				t.Errorf("got %q %s, want %s", res.Error, res.Payload, object)
			}
		}
	})
	t.Run("is too large", func(t *testing.T) {
		res := invoke(t, s, "gofn", `{"do":"large","size":6291555}`)
		if res.Error != "Unhandled" || !strings.Contains(string(res.Payload), "Function.ResponseSizeTooLarge") {
			t.Errorf("got %q %.200s", res.Error, res.Payload)
		}
		if res := invoke(t, s, "gofn", `{"do":"large","size":6291554}`); res.Error != "" || len(res.Payload) != 6291556 {
			t.Errorf("the largest answer: got %q, %d bytes", res.Error, len(res.Payload))
		}
	})
}

func TestL2GoContext(t *testing.T) {
	s, _ := goService(t)
	res, err := s.Invoke(t.Context(), &model.Invocation{Function: "gofn", Payload: []byte(`{"do":"context"}`), TraceID: "Root=1-2-3;Sampled=0"})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Text, ARN, Trace string
		Left             bool
	}
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.Text != res.RequestID || got.ARN != "arn:aws:lambda:us-east-1:123456789012:function:gofn" || got.Trace != "Root=1-2-3;Sampled=0" || !got.Left {
		t.Errorf("got %+v", got)
	}
}

func TestL10GoStream(t *testing.T) {
	s, _ := goService(t)
	ask := func(payload string, stream bool) *model.InvocationResult {
		t.Helper()
		res, err := s.Invoke(t.Context(), &model.Invocation{Function: "gofn", Payload: []byte(payload), Stream: stream})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := ask(`{"do":"stream","text":"line","size":2000}`, true)
	if string(res.Head) != `{"statusCode":418,"headers":{"X-Test":"yes"}}` || res.Body == nil {
		t.Fatalf("head %q, payload %q", res.Head, res.Payload)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || !strings.HasPrefix(string(body), "line 0\n") || !strings.HasSuffix(string(body), "line 1999\n") {
		t.Errorf("body %.40q, %v", body, err)
	}
	res.Body.Close()

	whole := ask(`{"do":"stream","text":"line","size":1}`, false)
	if got := string(whole.Payload); got != `{"statusCode":418,"headers":{"X-Test":"yes"}}`+strings.Repeat("\x00", 8)+"line 0\n" {
		t.Errorf("collected: %q", got)
	}

	res = ask(`{"do":"breakstream","text":"half"}`, true)
	body, err = io.ReadAll(res.Body)
	if string(body) != "half" || err == nil || !strings.Contains(err.Error(), "failed while it answered") {
		t.Errorf("a stream that breaks: %q, %v", body, err)
	}
	res.Body.Close()

	gone := ask(`{"do":"stream","text":"line","size":100000}`, true)
	gone.Body.Close() // the viewer left: the function runs to its end all the same
	want(t, invoke(t, s, "gofn", `{"text":"alive"}`), `{"text":"alive"}`)
}
