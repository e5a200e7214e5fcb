// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/record"
)

var only = flag.String("script", "", "run the scenario scripts whose names contain this")

// TestScripts runs testdata/script/{cache,edge,rfc,W,explain}*.txtar: one bubble of fake time
// each, an edge between scripted origins and viewers, no socket.
func TestScripts(t *testing.T) {
	var files []string
	for _, pattern := range []string{"cache_*.txtar", "edge_*.txtar", "rfc*.txtar", "W*.txtar", "explain_*.txtar"} {
		found, err := filepath.Glob("../../testdata/script/" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatal("no scripts", err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if !strings.Contains(name, *only) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runScript(t, file) })
		})
	}
}

// script is a running scenario.
type script struct {
	t       *testing.T
	w       *world
	file    string
	line    int
	text    map[string]string
	org     map[string]*scriptedOrigin
	last    *viewing
	open    map[string]*viewing
	sockets map[string]net.Conn // the viewers' ends
	aclLog  aclLog
	fns     functions

	explained string
}

// viewing is a request under way or done.
type viewing struct {
	v      *viewer
	cancel context.CancelFunc
	done   chan struct{}
}

func runScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	s := &script{
		t: t, w: newWorld(t), file: filepath.Base(file), text: map[string]string{},
		org: map[string]*scriptedOrigin{}, open: map[string]*viewing{}, sockets: map[string]net.Conn{},
	}
	for _, f := range a.Files {
		s.text[f.Name] = string(f.Data)
	}
	s.w.recent = record.NewRecent(record.RecentOptions{Keep: 10 * time.Minute, Bytes: 1 << 20})
	s.shield(s.text["acl"])
	s.function(s.text["function"])
	s.configure(s.text["config"])
	for i, line := range strings.Split(string(a.Comment), "\n") {
		s.line = i + 1
		args := words(line)
		if len(args) == 0 {
			continue
		}
		cmd, ok := commands[args[0]]
		if !ok {
			s.fatalf("unknown command %q", args[0])
		}
		cmd.run(s, args[1:])
	}
	for _, o := range s.org {
		o.release()
	}
	for _, v := range s.open {
		<-v.done
	}
	s.w.released()
}

// words splits a line at white space; single quotes hold words together, #
// begins a remark.
func words(line string) []string {
	var out []string
	var b strings.Builder
	quoted, any := false, false
	flush := func() {
		if any {
			out = append(out, b.String())
		}
		b.Reset()
		any = false
	}
	for _, r := range line {
		switch {
		case r == '\'':
			quoted, any = !quoted, true
		case quoted:
			b.WriteRune(r)
		case r == '#' && !any:
			return out
		case r == ' ' || r == '\t':
			flush()
		default:
			b.WriteRune(r)
			any = true
		}
	}
	flush()
	return out
}

func (s *script) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// command is one word of the scripts' language.
type command struct {
	args, doc string
	run       func(*script, []string)
}

// commands is the language. testdata/script/README.md prints it.
var commands = map[string]command{
	"origin":           {"NAME SECTION|down|timeout|FAULT [times=N]", "what the origin answers from now on", (*script).origin},
	"hold":             {"NAME", "the origin's answers wait until release", func(s *script, a []string) { s.originNamed(a[0]).hold() }},
	"release":          {"NAME", "lets held answers go", func(s *script, a []string) { s.originNamed(a[0]).release(); s.settle() }},
	"viewer":           {"[METHOD] TARGET ['H: v'…] [body=TEXT]", "sends a request and waits for the answer", (*script).viewer},
	"start":            {"NAME [METHOD] TARGET ['H: v'…]", "sends a request and goes on when it waits", (*script).start},
	"finish":           {"NAME", "waits for a started request; checks are of it from now on", (*script).finish},
	"leave":            {"NAME", "the viewer of a started request goes away", (*script).leave},
	"parallel":         {"N [METHOD] TARGET ['H: v'…]", "N requests at once; all must have the same status and body", (*script).parallel},
	"wait":             {"DURATION", "lets time pass", (*script).wait},
	"socket":           {"NAME TARGET ['H: v'…]", "opens a WebSocket; checks are of its answer, until finish", (*script).socket},
	"say":              {"NAME TEXT", "sends a text on a WebSocket and takes its echo", (*script).say},
	"hang-up":          {"NAME", "the viewer of a WebSocket closes its connection", (*script).hangUp},
	"status":           {"N", "status of the last answer", (*script).status},
	"header":           {"NAME VALUE", "a field of the last answer, exactly; VALUE may end in *", (*script).header},
	"nohead":           {"NAME", "the last answer has no such field", (*script).nohead},
	"interim":          {"STATUS… | none", "the interim answers before the last answer", (*script).interim},
	"body":             {"TEXT", "body of the last answer, without the line end", (*script).body},
	"body-has":         {"TEXT", "text that the body contains", (*script).bodyHas},
	"aborted":          {"", "the last answer was cut off", (*script).aborted},
	"xcache":           {"WORD", "X-Cache without 'from cloudfront'", (*script).xcache},
	"origin-calls":     {"N", "requests that the origins have had", (*script).originCalls},
	"origin-target":    {"TARGET", "path and query of the last request to an origin", (*script).originTarget},
	"origin-header":    {"NAME VALUE", "a field of the last request to an origin; Host too", (*script).originHeader},
	"origin-no-header": {"NAME", "the last request to an origin has no such field", (*script).originNoHeader},
	"record":           {"TAG=VALUE…", "tags of the last record, as in the JSON log", (*script).record},
	"log":              {"FIELD=VALUE…", "fields of the last line of the standard log, as it writes them", (*script).logged},
	"realtime":         {"FIELD=VALUE…", "fields of the last record of a real-time log, by their place in it", (*script).realtime},
	"realtimes":        {"N", "records of real-time logs", (*script).realtimes},
	"acl-logs":         {"N", "lines in the log of the web ACL", (*script).aclLogs},
	"acl-log":          {"PATH=VALUE…", "values of the last of them, as JSON where they are no texts; left out: -", (*script).aclLogged},
	"lambda-calls":     {"EVENT=N…", "how often functions of Lambda@Edge ran", (*script).lambdaCalls},
	"lambda-event":     {"EVENT PATH=VALUE…", "values of the last event of that type, below cf, as JSON where they are no texts", (*script).lambdaEvent},
	"origin-body":      {"TEXT", "body of the last request to an origin", (*script).originBody},
	"function-log":     {"TEXT", "the last line that a function logged; TEXT may end in *", (*script).functionLog},
	"invalidate":       {"PATH…", "drops objects", (*script).invalidate},
	"explain":          {"[METHOD] TARGET ['H: v'…] [fetch]", "explains a request, without effects; fetch asks the origin", (*script).explain},
	"explain-id":       {"", "explains the last request by its id: what is recorded of it, and what would happen now", (*script).explainID},
	"says":             {"TEXT", "text that the last explanation contains, white space as single blanks", (*script).says},
	"says-not":         {"TEXT", "text that it does not contain", (*script).saysNot},
	"warned":           {"N", "how many sentences the operator was told", (*script).warned},
	"current":          {"yes|no", "whether the node surely knows of all invalidations", func(s *script, a []string) { s.w.unsure = a[0] == "no" }},
	"purge":            {"", "drops all objects", func(s *script, _ []string) { s.w.cache.Purge() }},
}

// settle waits until nothing moves but time.
func (s *script) settle() { synctest.Wait() }

// parse makes target and fields of a command's words.
func (s *script) parse(a []string) (string, []string) {
	if len(a) == 0 {
		s.fatalf("a target is missing")
	}
	target := a[0]
	a = a[1:]
	if !strings.HasPrefix(target, "/") {
		target += " " + a[0]
		a = a[1:]
	}
	var fields []string
	for _, w := range a {
		if b, ok := strings.CutPrefix(w, "body="); ok {
			fields = append(fields, "Body", b)
			continue
		}
		name, value, ok := strings.Cut(w, ":")
		if !ok {
			s.fatalf("%q is no field", w)
		}
		fields = append(fields, name, strings.TrimSpace(value))
	}
	return target, fields
}

func (s *script) send(a []string) *viewing {
	target, fields := s.parse(a)
	ctx, cancel := context.WithCancel(context.Background())
	v := &viewing{v: &viewer{}, cancel: cancel, done: make(chan struct{})}
	rq := request(target, fields...)
	go func() {
		defer close(v.done)
		s.w.edge.Serve(ctx, rq, v.v)
		cancel()
	}()
	return v
}

func (s *script) viewer(a []string) {
	s.last = s.send(a)
	<-s.last.done
	s.settle()
}

func (s *script) start(a []string) {
	s.open[a[0]] = s.send(a[1:])
	s.settle()
}

func (s *script) finish(a []string) {
	v := s.open[a[0]]
	if v == nil {
		s.fatalf("no request %q", a[0])
	}
	<-v.done
	s.last = v
	s.settle()
}

func (s *script) leave(a []string) {
	s.open[a[0]].v.mu.Lock()
	s.open[a[0]].v.fail = context.Canceled
	s.open[a[0]].v.mu.Unlock()
	s.open[a[0]].cancel()
	s.settle()
}

func (s *script) parallel(a []string) {
	n, err := strconv.Atoi(a[0])
	if err != nil {
		s.fatalf("%v", err)
	}
	all := make([]*viewing, n)
	for i := range all {
		all[i] = s.send(a[1:])
	}
	s.settle()
	for _, o := range s.org {
		o.release()
	}
	for _, v := range all {
		<-v.done
		if v.v.status != all[0].v.status || v.v.String() != all[0].v.String() {
			s.errorf("answers differ: %d %q and %d %q", all[0].v.status, all[0].v, v.v.status, v.v)
		}
	}
	s.last = all[0]
	s.settle()
}

func (s *script) wait(a []string) {
	d, err := time.ParseDuration(a[0])
	if err != nil {
		s.fatalf("%v", err)
	}
	pass(d)
	s.settle()
}

func (s *script) invalidate(a []string) {
	paths := make([]cache.Path, len(a))
	for i, p := range a {
		paths[i] = cache.ParsePath(p)
	}
	s.w.cache.Invalidate(s.w.dist.ID, paths)
	s.w.struck = append(s.w.struck, struck{a, time.Now()})
}

// scriptedOrigin answers with a section of the script.
type scriptedOrigin struct {
	s     *script
	mu    sync.Mutex
	reply string
	times int // answers left; -1: no end
	then  string
	gate  chan struct{}
}

func (o *scriptedOrigin) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gate = make(chan struct{})
}

func (o *scriptedOrigin) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gate != nil {
		close(o.gate)
		o.gate = nil
	}
}
