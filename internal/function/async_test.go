// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func TestL5Retries(t *testing.T) {
	tests := []struct {
		name     string
		verdicts []verdict
		at       []time.Duration // when each try begins
	}{
		{"succeeds", []verdict{verdictDone}, []time.Duration{0}},
		{"fails once", []verdict{verdictFailed, verdictDone}, []time.Duration{0, time.Minute}},
		{"fails for good", []verdict{verdictFailed, verdictFailed, verdictFailed}, []time.Duration{0, time.Minute, 3 * time.Minute}},
		{"is throttled", []verdict{verdictThrottled, verdictThrottled, verdictDone}, []time.Duration{0, time.Second, 3 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				born := time.Now()
				var at []time.Duration
				q := newQueue(context.Background(), func(context.Context, *invocation) verdict {
					at = append(at, time.Since(born))
					return test.verdicts[len(at)-1]
				})
				dropped := 0
				q.drop = func(*invocation) { dropped++ }
				if !q.put(&invocation{in: &model.Invocation{}}) {
					t.Fatal("not accepted")
				}
				q.wait()
				q.close()
				if len(at) != len(test.at) {
					t.Fatalf("tries at %v, want %v", at, test.at)
				}
				if lost := test.verdicts[len(at)-1] != verdictDone; lost != (dropped == 1) {
					t.Errorf("told of %d lost events", dropped)
				}
				for i := range at {
					if at[i] != test.at[i] {
						t.Errorf("try %d at %v, want %v", i+1, at[i], test.at[i])
					}
				}
			})
		})
	}
}

func TestAsyncQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(context.Background(), func(ctx context.Context, _ *invocation) verdict {
			<-ctx.Done()
			return verdictDone
		})
		big := &invocation{in: &model.Invocation{Payload: make([]byte, maxAsync)}}
		n := 0
		for q.put(big) {
			n++
		}
		if n != maxQueuedBytes/maxAsync {
			t.Errorf("%d large events were taken", n)
		}
		small := &invocation{in: &model.Invocation{}}
		for q.put(small) {
			n++
		}
		if n != maxQueued {
			t.Errorf("%d events were taken", n)
		}
		q.close()
		q.wait()
		if q.put(small) {
			t.Error("taken after close")
		}
	})
}

func TestL5Async(t *testing.T) {
	s, b := service(t, nil, python("f", "def handler(e, c):\n    print('ran', e, c.aws_request_id)\n"))
	res, err := s.Invoke(t.Context(), &model.Invocation{Function: "f", Payload: []byte(`{"a":1}`), Async: true})
	if err != nil || res.RequestID == "" || res.Payload != nil {
		t.Fatalf("got %+v, %v", res, err)
	}
	b.wait("ran {'a': 1} "+res.RequestID, 1)
	b.wait("REPORT RequestId: "+res.RequestID, 1)
}
