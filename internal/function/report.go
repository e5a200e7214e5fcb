// SPDX-License-Identifier: Apache-2.0

package function

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// LogKind is who wrote a log line.
type LogKind uint8

// The kinds.
const (
	LogFunction LogKind = iota // the function's own stdout or stderr
	LogPlatform                // START, END, REPORT, a time limit
	LogService                 // Forelane about the function: builds, changes, trouble
)

// String is function, platform or service.
func (k LogKind) String() string {
	switch k {
	case LogFunction:
		return "function"
	case LogPlatform:
		return "platform"
	case LogService:
		return "service"
	}
	return "unknown"
}

// LogLine is one line of a function's log.
type LogLine struct {
	Function  string // name; empty for the service itself
	Group     string // log group
	Stream    string // log stream: one a process
	RequestID string // empty outside an invocation
	Time      time.Time
	Kind      LogKind
	Text      string // without the line end
}

func (s *Service) emit(l LogLine) {
	if s.opt.Log != nil {
		s.opt.Log(l)
	}
}

// say is Forelane speaking of a function.
func (s *Service) say(name, text string) {
	s.emit(LogLine{Function: name, Time: time.Now(), Kind: LogService, Text: text})
}

// line is one line that the process wrote.
func (w *worker) line(b []byte) { w.write(LogFunction, string(b)) }

func (w *worker) write(kind LogKind, text string) {
	w.mu.Lock()
	id := w.request
	if w.tail != nil {
		w.tail.add(text)
	}
	w.mu.Unlock()
	w.rev.fn.svc.emit(LogLine{
		Function: w.rev.fn.name, Group: w.rev.group(), Stream: w.stream,
		RequestID: id, Time: time.Now(), Kind: kind, Text: text,
	})
}

// logs says whether anybody reads what is written.
func (w *worker) logs() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tail != nil || w.rev.fn.svc.opt.Log != nil
}

// opening marks the begin of an invocation and logs START.
func (w *worker) opening(v *invocation) {
	w.mu.Lock()
	w.request = v.id
	w.tail = nil
	if v.in.LogTail {
		w.tail = &tail{}
	}
	w.mu.Unlock()
	if !w.logs() {
		return
	}
	if w.rev.def.LogJSON {
		w.writeJSON("platform.start", map[string]any{"requestId": v.id, "version": w.version})
		return
	}
	w.write(LogPlatform, "START RequestId: "+v.id+" Version: "+w.version)
}

// closing takes the last lines of the process, logs END and REPORT, and gives
// the tail.
func (w *worker) closing(v *invocation, took time.Duration, o outcome) []byte {
	w.proc.Drain()
	w.look()
	if w.logs() {
		w.report(v, took, o)
	}
	w.used = true
	w.mu.Lock()
	defer w.mu.Unlock()
	w.request = ""
	t := w.tail
	w.tail = nil
	return t.bytes()
}

func (w *worker) report(v *invocation, took time.Duration, o outcome) {
	init := time.Duration(0)
	if !w.used {
		init = w.initTook
	}
	peak := min((w.peak.Load()+1<<20-1)>>20, int64(w.rev.memory()))
	if w.rev.def.LogJSON {
		w.reportJSON(v, took, init, peak, o)
		return
	}
	if o.status == statusTimeout {
		w.write(LogPlatform, fmt.Sprintf("%s %s Task timed out after %.2f seconds", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), v.id, v.limit.Seconds()))
	}
	w.write(LogPlatform, "END RequestId: "+v.id)
	b := append(make([]byte, 0, 256), "REPORT RequestId: "...)
	b = append(b, v.id...)
	b = append(b, "\tDuration: "...)
	b = appendMS(b, took)
	b = append(b, " ms\tBilled Duration: "...)
	b = strconv.AppendInt(b, billed(took+init), 10)
	b = append(b, " ms\tMemory Size: "...)
	b = strconv.AppendInt(b, int64(w.rev.memory()), 10)
	b = append(b, " MB\tMax Memory Used: "...)
	b = strconv.AppendInt(b, peak, 10)
	b = append(b, " MB\t"...)
	if init > 0 {
		b = append(b, "Init Duration: "...)
		b = appendMS(b, init)
		b = append(b, " ms\t"...)
	}
	switch o.status {
	case statusTimeout:
		b = append(b, "Status: timeout"...)
	case statusCrash:
		b = append(b, "Status: error\tError Type: "...)
		b = append(b, o.kind...)
	}
	w.write(LogPlatform, string(b))
}

func appendMS(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

func billed(d time.Duration) int64 { return int64(math.Ceil(float64(d) / float64(time.Millisecond))) }

func (w *worker) reportJSON(v *invocation, took, init time.Duration, peak int64, o outcome) {
	ms := func(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }
	metrics := map[string]any{
		"durationMs": ms(took), "billedDurationMs": billed(took + init),
		"memorySizeMB": w.rev.memory(), "maxMemoryUsedMB": peak,
	}
	if init > 0 {
		metrics["initDurationMs"] = ms(init)
	}
	record := map[string]any{"requestId": v.id, "metrics": metrics, "status": o.status.word()}
	if o.kind != "" {
		record["errorType"] = o.kind
	}
	w.writeJSON("platform.report", record)
}

func (w *worker) writeJSON(kind string, record map[string]any) {
	b, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, record})
	if err == nil {
		w.write(LogPlatform, string(b))
	}
}

// initReport logs a start that failed.
func (w *worker) initReport(fail *startError) {
	status := "error"
	if fail.kind == "Sandbox.Timedout" {
		status = "timeout"
	}
	text := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s", float64(fail.took)/1e6, status)
	if status == "error" {
		text += "\tError Type: " + fail.kind
	}
	w.write(LogPlatform, text)
}

// maxTail is what LogType Tail gives.
const maxTail = 4 << 10

// tail keeps the last 4 KB of an invocation's log. The nil tail keeps nothing.
type tail struct{ b []byte }

func (t *tail) add(line string) {
	t.b = append(append(t.b, line...), '\n')
	if len(t.b) > 4*maxTail {
		t.b = append(t.b[:0], t.b[len(t.b)-maxTail:]...)
	}
}

func (t *tail) bytes() []byte {
	if t == nil {
		return nil
	}
	return t.b[max(0, len(t.b)-maxTail):]
}
