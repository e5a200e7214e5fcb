// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book keeps log lines and lets a test wait for one.
type book struct {
	mu    sync.Mutex
	cond  *sync.Cond
	lines []LogLine
}

func newBook() *book {
	b := &book{}
	b.cond = sync.NewCond(&b.mu)
	return b
}

func (b *book) log(l LogLine) {
	b.mu.Lock()
	b.lines = append(b.lines, l)
	b.cond.Broadcast()
	b.mu.Unlock()
}

// text is all lines, one a line.
func (b *book) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sb strings.Builder
	for _, l := range b.lines {
		sb.WriteString(l.Text + "\n")
	}
	return sb.String()
}

// own is what text is, without what Forelane says of the function.
func (b *book) own() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sb strings.Builder
	for _, l := range b.lines {
		if l.Kind != LogService {
			sb.WriteString(l.Text + "\n")
		}
	}
	return sb.String()
}

// wait blocks until n lines contain s; the test's own time limit ends it.
func (b *book) wait(s string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		have := 0
		for _, l := range b.lines {
			if strings.Contains(l.Text, s) {
				have++
			}
		}
		if have >= n {
			return
		}
		b.cond.Wait()
	}
}

// sharedDir keeps Go binaries between the tests of a run.
var sharedDir = sync.OnceValue(func() string {
	return filepath.Join(os.TempDir(), "forelane-function-test-"+runtime.Version())
})

// environ is the caller's environment with the real interpreters first on
// PATH, so that no test pays for a version manager.
var environ = sync.OnceValue(func() []string {
	path := os.Getenv("PATH")
	if out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output(); err == nil {
		path = filepath.Dir(strings.TrimSpace(string(out))) + ":" + path
	}
	return append(os.Environ(), "PATH="+path)
})

// service makes a service with these functions; change may be nil.
func service(t testing.TB, change func(*Options), fns ...*model.Function) (*Service, *book) {
	t.Helper()
	b := newBook()
	opt := Options{Dir: t.TempDir(), Environ: environ(), Log: b.log}
	if change != nil {
		change(&opt)
	}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := s.Apply(t.Context(), fns); err != nil {
		t.Fatal(err)
	}
	return s, b
}

func inline(name, runtime, code string) *model.Function {
	return &model.Function{
		Name: name, LogicalID: name + "Function", ARN: "arn:aws:lambda:us-east-1:123456789012:function:" + name,
		Runtime: runtime, Handler: "index.handler", Code: model.Code{Inline: code}, Timeout: 20 * time.Second, Memory: 256,
	}
}

func python(name, code string) *model.Function { return inline(name, "python3.11", code) }
func node(name, code string) *model.Function   { return inline(name, "nodejs20.x", code) }

// invoke asks and fails the test on an error.
func invoke(t testing.TB, s *Service, name, payload string) *model.InvocationResult {
	t.Helper()
	res, err := s.Invoke(t.Context(), &model.Invocation{Function: name, Payload: []byte(payload)})
	if err != nil {
		t.Fatalf("Invoke(%s): %v", name, err)
	}
	return res
}

// want compares the payload of a good answer.
func want(t testing.TB, res *model.InvocationResult, payload string) {
	t.Helper()
	if res.Error != "" || string(res.Payload) != payload {
		t.Fatalf("got %s %q, want %q", res.Error, res.Payload, payload)
	}
}
