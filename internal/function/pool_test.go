// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// gate is a function that holds its invocations until a file appears.
func gate(t *testing.T) (f *model.Function, open func()) {
	file := filepath.Join(t.TempDir(), "open")
	f = python("gate", `
import os, time
def handler(event, context):
    print("entered")
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.002)
    return os.getpid()
`)
	f.Environment = map[string]string{"GATE": file}
	f.Timeout = 20 * time.Second
	return f, func() {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Error(err)
		}
	}
}

// flock invokes n times at once; wait gives the answers and the faults.
func flock(s *Service, ref string, n int) (wait func() (answers map[string]int, faults []error)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers, faults := map[string]int{}, []error(nil)
	for range n {
		wg.Go(func() {
			res, err := s.Invoke(context.Background(), &model.Invocation{Function: ref, Payload: []byte(`{}`)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				faults = append(faults, err)
				return
			}
			answers[string(res.Payload)]++
		})
	}
	return func() (map[string]int, []error) {
		wg.Wait()
		return answers, faults
	}
}

func isThrottled(err error) bool {
	var fault *model.InvokeError
	return errors.As(err, &fault) && fault.Fault == model.FaultThrottled
}

func TestL7MoreProcesses(t *testing.T) {
	f, open := gate(t)
	s, b := service(t, func(o *Options) { o.Concurrency = 3 }, f)
	wait := flock(s, "gate", 3)
	b.wait("entered", 3)
	if _, err := s.Invoke(t.Context(), &model.Invocation{Function: "gate"}); !isThrottled(err) {
		t.Errorf("the fourth: got %v", err)
	}
	open()
	if answers, faults := wait(); len(answers) != 3 || len(faults) != 0 {
		t.Errorf("answers %v, faults %v", answers, faults)
	}
	if st := s.Status()[0]; st.Processes != 3 || st.ColdStarts != 3 || st.Throttled != 1 || st.Invocations != 4 {
		t.Errorf("status %+v", st)
	}
}

func TestL7Queue(t *testing.T) {
	f, open := gate(t)
	s, b := service(t, func(o *Options) { o.Concurrency, o.Queue = 2, 8 }, f)
	wait := flock(s, "gate", 10)
	b.wait("entered", 2)
	open()
	answers, faults := wait()
	if n := 0; len(faults) != 0 || len(answers) != 2 {
		for _, c := range answers {
			n += c
		}
		t.Errorf("%d answers of %d processes, faults %v", n, len(answers), faults)
	}
}

func TestL7Reserved(t *testing.T) {
	f, open := gate(t)
	one, none := 1, 0
	f.Reserved = &one
	s, b := service(t, func(o *Options) { o.Queue = 100 }, f)
	wait := flock(s, "gate", 1)
	b.wait("entered", 1)
	if _, err := s.Invoke(t.Context(), &model.Invocation{Function: "gate"}); !isThrottled(err) {
		t.Errorf("above the reservation: got %v", err)
	}
	open()
	if _, faults := wait(); len(faults) != 0 {
		t.Error(faults)
	}
	g := *f
	g.Reserved = &none
	if err := s.Apply(t.Context(), []*model.Function{&g}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Invoke(t.Context(), &model.Invocation{Function: "gate"}); !isThrottled(err) {
		t.Errorf("reserved 0: got %v", err)
	}
	if st := s.Status()[0]; st.ColdStarts != 1 {
		t.Errorf("a reservation must not cost processes: %+v", st)
	}
}

func TestIdleWorkersAreReaped(t *testing.T) {
	s, _ := service(t, nil, python("f", "import os\ndef handler(e, c):\n    return os.getpid()\n"))
	first := invoke(t, s, "f", `{}`)
	var pid int
	if err := json.Unmarshal(first.Payload, &pid); err != nil {
		t.Fatal(err)
	}
	w := workerOf(s, pid)
	s.reap(time.Now().Add(-time.Hour))
	if again := invoke(t, s, "f", `{}`); string(again.Payload) != string(first.Payload) {
		t.Error("a young worker was reaped")
	}
	s.reap(time.Now().Add(time.Second))
	<-w.gone
	if _, err := os.Stat(w.tmp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its temporary folder is left: %v", err)
	}
	if again := invoke(t, s, "f", `{}`); string(again.Payload) == string(first.Payload) {
		t.Error("an old worker was not reaped")
	}
}

func TestL8Versions(t *testing.T) {
	f := python("f", "def handler(e, c):\n    return [c.function_version, c.invoked_function_arn.split('function:')[1]]\n")
	f.Versions = []model.FunctionVersion{{Number: "1"}, {Number: "2"}}
	f.Aliases = []model.FunctionAlias{{Name: "live", Version: "2"}, {Name: "canary", Version: "1", Weights: map[string]float64{"2": 1}}}
	s, _ := service(t, func(o *Options) { o.Concurrency = 2 }, f) // three versions: one must make room
	for _, test := range []struct{ ref, answer, version string }{
		{"f", `["$LATEST", "f"]`, "$LATEST"},
		{"f:$LATEST", `["$LATEST", "f:$LATEST"]`, "$LATEST"},
		{"f:1", `["1", "f:1"]`, "1"},
		{"arn:aws:lambda:us-east-1:123456789012:function:f:live", `["2", "f:live"]`, "2"},
		{"f:canary", `["2", "f:canary"]`, "2"},
		{"fFunction", `["$LATEST", "f"]`, "$LATEST"},
		{"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f:1/invocations", `["1", "f:1"]`, "1"},
	} {
		t.Run(test.ref, func(t *testing.T) {
			res := invoke(t, s, test.ref, `{}`)
			want(t, res, test.answer)
			if res.Version != test.version {
				t.Errorf("version %q, want %q", res.Version, test.version)
			}
		})
	}
}

func TestL8AliasWeights(t *testing.T) {
	a := model.FunctionAlias{Name: "live", Version: "1", Weights: map[string]float64{"2": 0.25}}
	for x, version := range map[float64]string{0: "2", 0.249: "2", 0.25: "1", 0.999: "1"} {
		if got := pick(a, func() float64 { return x }); got != version {
			t.Errorf("draw %v: got %s, want %s", x, got, version)
		}
	}
}

// TestStorm has many callers, several versions, crashes and changes at once.
func TestStorm(t *testing.T) {
	code := "import os\ndef handler(e, c):\n    if e['n'] %% 20 == 7:\n        os._exit(1)\n    return %d\n"
	f := python("f", fmt.Sprintf(code, 0))
	f.Versions = []model.FunctionVersion{{Number: "1"}}
	s, _ := service(t, func(o *Options) { o.Concurrency, o.Queue = 3, 1000 }, f)
	var wg sync.WaitGroup
	for i := range 120 {
		wg.Go(func() {
			ref := "f"
			if i%3 == 0 {
				ref = "f:1"
			}
			res, err := s.Invoke(context.Background(), &model.Invocation{Function: ref, Payload: fmt.Appendf(nil, `{"n":%d}`, i)})
			switch {
			case err != nil:
				t.Errorf("%d: %v", i, err)
			case (res.Error != "") != (i%20 == 7):
				t.Errorf("%d: %s %s", i, res.Error, res.Payload)
			}
		})
		if i%40 == 39 {
			g := *f
			g.Code.Inline = fmt.Sprintf(code, i)
			if err := s.Apply(t.Context(), []*model.Function{&g}); err != nil {
				t.Error(err)
			}
		}
	}
	wg.Wait()
}

func TestCallerLeaves(t *testing.T) {
	f, open := gate(t)
	s, b := service(t, nil, f)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Invoke(ctx, &model.Invocation{Function: "gate", Payload: []byte(`{}`)})
		done <- err
	}()
	b.wait("entered", 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if strings.Contains(b.text(), "END RequestId") {
		t.Error("the function did not go on")
	}
	open()
	b.wait("REPORT RequestId", 1)
}
