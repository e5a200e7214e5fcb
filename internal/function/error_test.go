// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// object is an error object of any runtime.
type object struct {
	ErrorType    string
	ErrorMessage string
	Trace        []string
	StackTrace   []string
}

func failed(t testing.TB, res *model.InvocationResult) object {
	t.Helper()
	var o object
	if res.Error != "Unhandled" {
		t.Fatalf("no failure: %q %s", res.Error, res.Payload)
	}
	if err := json.Unmarshal(res.Payload, &o); err != nil {
		t.Fatalf("error object %q: %v", res.Payload, err)
	}
	return o
}

func TestErrorObjects(t *testing.T) {
	tests := []struct {
		name          string
		fn            *model.Function
		kind, message string // message: regexp
		trace         string // regexp over the trace, joined
	}{
		{"node throws", node("f", "exports.handler = async () => { throw new TypeError('bad') }"), "TypeError", "^bad$", `^TypeError: bad\n +at .*index\.js:1:`},
		{"node throws no error", node("f", "exports.handler = async () => { throw 'text' }"), "string", "^text$", "^$"},
		{"node callback", node("f", "exports.handler = (e, c, cb) => { cb(new RangeError('r')) }"), "RangeError", "^r$", "RangeError: r"},
		{"node context.fail", node("f", "exports.handler = (e, c) => { c.fail(new Error('f')) }"), "Error", "^f$", ""},
		{"node sync throw", node("f", "exports.handler = () => { throw new Error('s') }"), "Error", "^s$", ""},
		{"node rejection", node("f", "exports.handler = () => new Promise(() => { Promise.reject(new Error('lost')) })"), "Runtime.UnhandledPromiseRejection", "^Error: lost$", "lost"},
		{"node uncaught", node("f", "exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('late') }, 1))"), "Error", "^late$", ""},
		{"node exit", node("f", "exports.handler = async () => { process.exit(2) }"), "Runtime.ExitError", "Error: Runtime exited with error: exit status 2$", ""},
		{"node no module", node("f", "require('not-there'); exports.handler = 1"), "Runtime.ImportModuleError", "Cannot find module 'not-there'", ""},
		{"node no handler", node("f", "exports.other = 1"), "Runtime.HandlerNotFound", "^index.handler is undefined or not exported$", ""},
		{"node syntax", node("f", "exports.handler = {"), "Runtime.UserCodeSyntaxError", "^SyntaxError: ", ""},
		{"node load throws", node("f", "throw new Error('at load')"), "Error", "^at load$", ""},
		{"node circular", node("f", "exports.handler = async () => { const a = {}; a.a = a; return a }"), "Runtime.MarshalError", "Unable to stringify", ""},
		{"python raises", python("f", "def handler(e, c):\n    raise ValueError('bad')\n"), "ValueError", "^bad$", `^  File ".*index\.py", line 2, in handler\n    raise ValueError\('bad'\)\n$`},
		{"python exit", python("f", "import sys\ndef handler(e, c):\n    sys.exit(4)\n"), "Runtime.ExitError", "exit status 4$", ""},
		{"python no module", python("f", "import not_there\n"), "Runtime.ImportModuleError", "^Unable to import module 'index': No module named 'not_there'$", ""},
		{"python no handler", python("f", "x = 1\n"), "Runtime.HandlerNotFound", "^Handler 'handler' missing on module 'index'$", ""},
		{"python syntax", python("f", "def handler(:\n"), "Runtime.UserCodeSyntaxError", "^Syntax error in module 'index': ", ""},
		{"python marshal", python("f", "def handler(e, c):\n    return object()\n"), "Runtime.MarshalError", "Object of type object is not JSON serializable$", ""},
		{"python load raises", python("f", "raise KeyError('k')\n"), "KeyError", "^'k'$", "index.py"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, b := service(t, nil, test.fn)
			for range 2 {
				o := failed(t, invoke(t, s, "f", `{}`))
				if o.ErrorType != test.kind {
					t.Errorf("errorType %q, want %q", o.ErrorType, test.kind)
				}
				if !regexp.MustCompile(test.message).MatchString(o.ErrorMessage) {
					t.Errorf("errorMessage %q, want %q", o.ErrorMessage, test.message)
				}
				if got := strings.Join(o.Trace, "\n") + strings.Join(o.StackTrace, ""); !regexp.MustCompile(test.trace).MatchString(got) {
					t.Errorf("trace %q, want %q", got, test.trace)
				}
			}
			if t.Failed() {
				t.Log(b.text())
			}
		})
	}
}

func TestMalformedHandler(t *testing.T) {
	for _, f := range []*model.Function{node("f", "1"), python("f", "1")} {
		f.Handler = "nodot"
		s, _ := service(t, nil, f)
		if o := failed(t, invoke(t, s, "f", `{}`)); o.ErrorType != "Runtime.MalformedHandlerName" {
			t.Errorf("%s: got %+v", f.Runtime, o)
		}
	}
}

func TestL6Timeout(t *testing.T) {
	f := python("slow", `
import time
def handler(event, context):
    if event["slow"]:
        print("waiting")
        time.sleep(60)
    return "quick"
`)
	f.Timeout = 300 * time.Millisecond
	s, b := service(t, nil, f)
	want(t, invoke(t, s, "slow", `{"slow":false}`), `"quick"`)
	res := invoke(t, s, "slow", `{"slow":true}`)
	if got, words := string(res.Payload), `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: `+res.RequestID+` Error: Task timed out after 0.30 seconds"}`; got != words {
		t.Errorf("got %s, want %s", got, words)
	}
	text := b.text()
	for _, words := range []string{
		"waiting\n",
		"Z " + res.RequestID + " Task timed out after 0.30 seconds\n",
		"Memory Size: 256 MB",
		"Status: timeout\n",
	} {
		if !strings.Contains(text, words) {
			t.Errorf("the log lacks %q:\n%s", words, text)
		}
	}
	want(t, invoke(t, s, "slow", `{"slow":false}`), `"quick"`)
}

func TestTimeoutOfInit(t *testing.T) {
	f := python("slow", "import time\ntime.sleep(60)\ndef handler(e, c):\n    return 1\n")
	s, _ := service(t, nil, f)
	rev, err := s.lookup("slow").revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w, fail := rev.try(latest, 50*time.Millisecond)
	if w != nil || fail == nil || fail.kind != "Sandbox.Timedout" || !fail.again {
		t.Errorf("got %v, %+v", w, fail)
	}
}

// TestCrash kills the process in the middle of a request: that request alone
// is lost.
func TestCrash(t *testing.T) {
	s, b := service(t, nil, python("victim", `
import os, time
def handler(event, context):
    if event["wait"]:
        print("pid", os.getpid())
        time.sleep(60)
    return os.getpid()
`))
	first := invoke(t, s, "victim", `{"wait":false}`)
	done := make(chan *model.InvocationResult)
	go func() {
		res, err := s.Invoke(context.Background(), &model.Invocation{Function: "victim", Payload: []byte(`{"wait":true}`)})
		if err != nil {
			t.Error(err)
		}
		done <- res
	}()
	b.wait("pid ", 1)
	var pid int
	if err := json.Unmarshal(first.Payload, &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	res := <-done
	if got, words := string(res.Payload), `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: `+res.RequestID+` Error: Runtime exited with error: signal: killed"}`; got != words || res.Error != "Unhandled" {
		t.Errorf("got %q %s, want %s", res.Error, got, words)
	}
	if !strings.Contains(b.text(), "Status: error\tError Type: Runtime.ExitError\n") {
		t.Errorf("log:\n%s", b.text())
	}
	next := invoke(t, s, "victim", `{"wait":false}`)
	if next.Error != "" || string(next.Payload) == string(first.Payload) {
		t.Errorf("next: %q %s", next.Error, next.Payload)
	}
}

// TestKilledWhileIdle: the next request does not notice.
func TestKilledWhileIdle(t *testing.T) {
	s, _ := service(t, nil, node("f", "exports.handler = async () => process.pid"))
	for range 5 {
		var pid int
		if err := json.Unmarshal(invoke(t, s, "f", `{}`).Payload, &pid); err != nil {
			t.Fatal(err)
		}
		w := workerOf(s, pid)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-w.gone
	}
}

func workerOf(s *Service, pid int) *worker {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for w := range s.workers {
		if w.proc.Pid() == pid {
			return w
		}
	}
	return nil
}

func TestL6Memory(t *testing.T) {
	f := python("hungry", `
import time
def handler(event, context):
    b = bytearray(200 << 20)
    for i in range(0, len(b), 4096):
        b[i] = 1
    time.sleep(30)
`)
	f.Memory, f.Timeout = 128, 20*time.Second
	s, b := service(t, nil, f)
	if o := failed(t, invoke(t, s, "hungry", `{}`)); o.ErrorType != "Runtime.ExitError" || !strings.HasSuffix(o.ErrorMessage, "signal: killed") {
		t.Errorf("got %+v", o)
	}
	if text := b.text(); !strings.Contains(text, "Memory Size: 128 MB\tMax Memory Used: 128 MB") || !strings.Contains(text, "raise MemorySize") {
		t.Errorf("log:\n%s", text)
	}
}

func TestFaults(t *testing.T) {
	missing := python("missing", "")
	missing.Code = model.Code{Missing: "CodeUri ./gone is not there: create it"}
	image := python("image", "")
	image.Image = "repo/image:1"
	java := inline("java", "java21", "")
	java.Code = model.Code{Dir: t.TempDir()}
	empty := inline("empty", "provided.al2023", "")
	empty.Code = model.Code{Dir: t.TempDir()}
	makefile := inline("makefile", "provided.al2023", "")
	makefile.Code = model.Code{Dir: t.TempDir(), Build: "makefile"}
	s, _ := service(t, nil, missing, image, java, empty, makefile, python("ok", "def handler(e, c):\n    return 1\n"))
	tests := []struct {
		ref   string
		size  int
		async bool
		fault model.InvokeFault
		words string
	}{
		{"nobody", 0, false, model.FaultNotFound, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody"},
		{"ok:7", 0, false, model.FaultNotFound, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:ok:7"},
		{"ok:alias", 0, true, model.FaultNotFound, "function:ok:alias"},
		{"ok", 6<<20 + 1, false, model.FaultTooLarge, "6291457 byte payload is too large for the limit of 6291456 bytes"},
		{"ok", 1<<20 + 1, true, model.FaultTooLarge, "1048577 byte"},
		{"missing", 0, false, model.FaultBroken, "function missing: CodeUri ./gone is not there: create it"},
		{"image", 0, false, model.FaultBroken, "container image (repo/image:1)"},
		{"java", 0, false, model.FaultBroken, "java21 has no runtime here: put an executable bootstrap"},
		{"empty", 0, false, model.FaultBroken, "there is no bootstrap for provided.al2023"},
		{"makefile", 0, false, model.FaultBroken, "BuildMethod makefile is not run here"},
	}
	for _, test := range tests {
		t.Run(test.ref, func(t *testing.T) {
			_, err := s.Invoke(t.Context(), &model.Invocation{Function: test.ref, Payload: make([]byte, test.size), Async: test.async})
			var fault *model.InvokeError
			if !errors.As(err, &fault) || fault.Fault != test.fault || !strings.Contains(fault.Msg, test.words) {
				t.Errorf("got %v, want %v: %s", err, test.fault, test.words)
			}
		})
	}
	for _, st := range s.Status() {
		if broken := st.State == StateBroken; broken != (st.Name != "ok") || broken == (st.Trouble == "") {
			t.Errorf("status %+v", st)
		}
	}
}

// TestStartErrorTellsWhatTheProcessSaid: the message is in the object that the
// runtime client reported.
func TestStartErrorTellsWhatTheProcessSaid(t *testing.T) {
	for want, fail := range map[string]*startError{
		"ReferenceError: foo is not defined": {kind: "ReferenceError", object: []byte(`{"errorMessage":"foo is not defined","trace":[]}`)},
		"Runtime.ExitError: exit status 1":   {kind: "Runtime.ExitError", text: "exit status 1"},
		"Runtime.Unknown: ":                  {kind: "Runtime.Unknown", object: []byte("{")},
	} {
		if got := fail.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
