// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/record/kinesis"
	"github.com/forelane/forelane/internal/sigv4"
)

// Kinesis is where real-time logs are sent, beside the files of the node. The
// zero Kinesis: nowhere.
type Kinesis struct {
	Endpoint    string // URL
	Credentials func() (sigv4.Credentials, error)
	Client      *http.Client // nil: one of its own
}

// realtimeLog is one configuration that runs.
type realtimeLog struct {
	log     *record.Realtime
	writers []*record.Writer
	file    *record.File
	streams []*kinesis.Stream
}

// OfBehavior is the real-time log of a behavior, or nil.
func (l *Edge) OfBehavior(b *model.Behavior) *record.Realtime {
	m := b.Realtime
	if m == nil {
		return nil
	}
	key := keyOf(m.ARN, m.Sampling, m.Fields, m.Streams)
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.realtime[key]
	if t == nil {
		layout, err := record.NewRealtimeLayout(m.Fields)
		if err != nil { // of a template these are known
			l.log.Warn("a real-time log is not written", "log", m.Name, "error", err)
			return nil
		}
		t = l.newRealtime(m, layout)
		l.realtime[key] = t
	}
	return t.log
}

func (l *Edge) newRealtime(m *model.RealtimeLog, layout *record.Layout) *realtimeLog {
	t := &realtimeLog{file: record.NewFile(filepath.Join(l.data, "realtime", accessName(m.Name)), "", l.r)}
	t.writers = append(t.writers, record.NewWriter(t.file, record.WriterOptions{NoHead: true, Layout: layout}))
	for _, arn := range m.Streams {
		if l.kinesis.Endpoint == "" {
			break
		}
		s, err := kinesis.New(kinesis.Options{
			Endpoint: l.kinesis.Endpoint, ARN: arn, Credentials: l.kinesis.Credentials, Client: l.kinesis.Client, Warn: l.log.Warn,
		})
		if err != nil {
			l.log.Warn("a real-time log is in its file only", "log", m.Name, "error", err)
			continue
		}
		t.streams = append(t.streams, s)
		t.writers = append(t.writers, record.NewWriter(s, record.WriterOptions{NoHead: true, Layout: layout, Gather: time.Second / 2}))
	}
	t.log = record.NewRealtime(layout, m.Sampling, t.writers...)
	return t
}

func (t *realtimeLog) close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, t.cut)
	var errs []error
	for _, w := range slices.Backward(t.writers) {
		errs = append(errs, w.Close())
	}
	stop()
	t.cut()
	return errors.Join(append(errs, t.file.Close())...)
}

func (t *realtimeLog) cut() {
	for _, s := range t.streams {
		_ = s.Close() // it has no error
	}
}
