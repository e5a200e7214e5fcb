// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Edge are the logs of distributions that templates ask for, beside the
// node's own access log:
//
//	Logging, deliveries to S3     gzip or Parquet files, into a bucket of the node; when none
//	                              has the name, in Data/logs/BUCKET/KEY
//	deliveries to log groups      lines, in Data/access as the logs of stages
//	real-time logs                lines, in Data/realtime/NAME.log, and Kinesis
//
// What writes outlives revisions that ask for the same, and one that nobody asks
// for any more is idle until the node ends. Nothing is opened before there is a
// line.
type Edge struct {
	data    string
	r       record.Rotation
	log     *slog.Logger
	kinesis Kinesis
	written func(bucket string) *store.Store

	mu       sync.Mutex
	files    map[string]*record.Files
	lines    map[string]*lineLog
	realtime map[string]*realtimeLog
	closed   bool
}

// lineLog is a log file with what writes to it.
type lineLog struct {
	file *record.File
	w    *record.Writer
}

// Write writes what a viewer asked for.
func (l *lineLog) Write(r *record.Record) {
	if !r.Cache.Background {
		l.w.Write(r)
	}
}

// deliverEvery is how long a file gathers lines before it goes into its bucket:
// CloudFront delivers several times an hour.
const deliverEvery = 5 * time.Minute

// EdgeOptions say where the logs of distributions go. All fields but Kinesis are
// required.
type EdgeOptions struct {
	Data     string // the folder of the node
	Rotation record.Rotation
	Kinesis  Kinesis
	Log      *slog.Logger // takes what an operator should know
	// Written is where a bucket of the node keeps what is written into it.
	Written func(bucket string) *store.Store
}

// NewEdge opens nothing yet.
func NewEdge(o EdgeOptions) *Edge {
	return &Edge{
		data: o.Data, r: o.Rotation, log: o.Log, kinesis: o.Kinesis, written: o.Written,
		files: map[string]*record.Files{}, lines: map[string]*lineLog{}, realtime: map[string]*realtimeLog{},
	}
}

// recordWriter takes records.
type recordWriter interface{ Write(r *record.Record) }

// Of gives what takes the records of st's distributions besides then, and tells
// which of them ask where viewers are. all are the stacks of the revision.
func (l *Edge) Of(st *model.Stack, all []*model.Stack, then func(*record.Record)) (write func(*record.Record), placed map[string]bool) {
	to, placed := map[string][]recordWriter{}, map[string]bool{}
	for _, d := range st.Distributions {
		if d.Logging != nil {
			to[d.ID] = append(to[d.ID], l.standard(d, all))
		}
		for _, other := range all {
			for _, m := range other.LogDeliveries {
				if m.Distribution != d.ARN {
					continue
				}
				w, layout, err := l.delivery(d, m, st.AccountID, all)
				if err != nil { // of a template these are known
					l.log.Warn("a log is not delivered", "delivery", m.LogicalID, "error", err)
					continue
				}
				to[d.ID], placed[d.ID] = append(to[d.ID], w), placed[d.ID] || layout.NeedsPlace()
			}
		}
	}
	if len(to) == 0 {
		return then, placed
	}
	return func(r *record.Record) {
		if then != nil {
			then(r)
		}
		for _, w := range to[r.Edge.Distribution] {
			w.Write(r)
		}
	}, placed
}

// standard is the log of a distribution's Logging.
func (l *Edge) standard(d *model.Distribution, all []*model.Stack) recordWriter {
	at, in := bucketOf(d.Logging.Bucket, all)
	return l.open(at, in, keyOf("1", d.ID, in, d.Logging), record.FilesOptions{
		Cookies: d.Logging.IncludeCookies,
		Name: func(hour time.Time, unique string) string {
			return strings.TrimPrefix(d.Logging.Prefix, "/") + record.DeliveredName(d.ID, hour, unique)
		},
	})
}

// delivery is the log of a delivery.
func (l *Edge) delivery(d *model.Distribution, m *model.LogDelivery, account string, all []*model.Stack) (recordWriter, *record.Layout, error) {
	form, named, columns := m.Format, record.DeliveredName, m.Format == "parquet"
	if columns { // the lines that it is made of, and what is no bucket gets
		form, named = "json", record.ParquetName
	}
	layout, err := record.NewLayout(form, m.Fields, len(m.Fields) > 0) // cookies are logged where they are named
	if err != nil {
		return nil, nil, err
	}
	if m.Delimiter != "" {
		layout = layout.Between(m.Delimiter)
	}
	bucket, ok := strings.CutPrefix(m.Destination, "arn:aws:s3:::")
	if !ok {
		return l.openLines(keyOf("lines", d.ID, m), filepath.Join(l.data, "access", accessName(m.Destination)), layout), layout, nil
	}
	at, in := bucketOf(bucket+".s3.", all)
	return l.open(at, in, keyOf("2", d.ID, in, m), record.FilesOptions{
		Layout: layout, Parquet: columns,
		Failed: func(err error) { l.log.Warn("a log file stays JSON", "delivery", m.LogicalID, "error", err) },
		Name: func(hour time.Time, unique string) string {
			return deliveredKey(m, d.ID, account, hour) + named(d.ID, hour, unique)
		},
	}), layout, nil
}

// keyOf tells one log from another.
func keyOf(parts ...any) string {
	b, _ := json.Marshal(parts) // plain values
	return string(b)
}

// open gives the files of a bucket, those of before where they are the same.
func (l *Edge) open(bucket string, in bool, key string, o record.FilesOptions) recordWriter {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.files[key]
	if f == nil {
		o.Dir = filepath.Join(l.data, "logs", strings.TrimLeft(filepath.Base(bucket), "."))
		if in {
			o.Every, o.Deliver = deliverEvery, func(file, key string) error { return l.put(bucket, file, key) }
		}
		f = record.NewFiles(o)
		l.files[key] = f
	}
	return f
}

func (l *Edge) openLines(key, path string, layout *record.Layout) recordWriter {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.lines[key]
	if log == nil {
		file := record.NewFile(path, layout.Head(), l.r)
		log = &lineLog{file, record.NewWriter(file, record.WriterOptions{NoHead: true, Layout: layout})}
		l.lines[key] = log
	}
	return log
}

// Reopen lets go of files that take lines, before the next one.
func (l *Edge) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.lines {
		f.file.Reopen()
	}
	for _, t := range l.realtime {
		t.file.Reopen()
	}
}

// Dropped is how many lines of standard logs, and how many records of real-time
// logs, were lost.
func (l *Edge) Dropped() (lines, records int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		lines += f.Dropped()
	}
	for _, f := range l.lines {
		lines += f.w.Dropped()
	}
	for _, t := range l.realtime {
		for _, w := range t.writers {
			records += w.Dropped()
		}
		for _, s := range t.streams {
			records += s.Lost()
		}
	}
	return lines, records
}

// Close writes and delivers what is left. When ctx ends, what streams have not
// taken is lost.
func (l *Edge) Close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	for _, f := range l.lines {
		errs = append(errs, f.w.Close(), f.file.Close())
	}
	for _, t := range l.realtime {
		errs = append(errs, t.close(ctx))
	}
	return errors.Join(errs...)
}
