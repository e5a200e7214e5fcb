// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Access are the access logs of API stages and the logs of web ACLs: a file
// below Data/access for each log group or delivery stream that a template names
// (of web ACLs: for each of them there), appended to. Files are opened
// when a revision that names them is applied (a canary's by its first line), and
// rotate; one that cannot be opened is told once, and its lines are lost.
type Access struct {
	dir string
	r   record.Rotation
	log *slog.Logger

	mu     sync.Mutex
	files  map[string]*accessFile // by ARN
	closed bool
}

type accessFile struct {
	file *record.File
	w    *record.Writer
}

// maxAccessFiles bounds the files: no template names as many.
const maxAccessFiles = 1000

// NewAccess keeps the files below data/access.
func NewAccess(data string, r record.Rotation, log *slog.Logger) *Access {
	return &Access{dir: filepath.Join(data, "access"), r: r, log: log, files: map[string]*accessFile{}}
}

// Write adds a line to the log of an ARN. It does not wait for the disk, but
// for the opening of a file.
func (l *Access) Write(arn, line string) {
	if f := l.open(arn); f != nil {
		f.w.Line(line)
	}
}

// OfACL gives where a web ACL tells its decisions: its part of the destination
// that it names. What it gives does not wait.
func (l *Access) OfACL(m *model.WebACL) func(line []byte) {
	f := l.open(m.Logging.Destination + "/" + m.Name)
	if f == nil {
		return nil
	}
	return func(line []byte) { f.w.Line(string(line)) }
}

func (l *Access) open(arn string) *accessFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, known := l.files[arn]
	if known || l.closed || len(l.files) >= maxAccessFiles {
		return f
	}
	l.files[arn] = nil
	file := record.NewFile(filepath.Join(l.dir, accessName(arn)), "", l.r)
	if err := file.Open(); err != nil {
		l.log.Warn("an access log is not kept", "log", arn, "error", err)
		return nil
	}
	f = &accessFile{file, record.NewWriter(file, record.WriterOptions{Format: record.JSON})}
	l.files[arn] = f
	return f
}

// accessName is the file of a log: the name behind log-group:, deliverystream/
// or s3:::, with a hyphen for whatever is no plain character.
func accessName(arn string) string {
	name := arn
	if _, rest, ok := strings.Cut(arn, ":log-group:"); ok {
		name = rest
	} else if _, rest, ok := strings.Cut(arn, ":deliverystream/"); ok {
		name = rest
	}
	if _, rest, ok := strings.Cut(arn, ":s3:::"); ok {
		name = rest
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, strings.Trim(name, "/"))
	if name = strings.TrimLeft(name, ".-"); name == "" {
		name = "api"
	}
	return name[:min(len(name), 200)] + ".log"
}

// Prepare opens the files of stages, so that no request waits for that.
func (l *Access) Prepare(stacks []*model.Stack) {
	for _, st := range stacks {
		for _, a := range st.APIs {
			for _, stage := range a.Stages {
				if stage.AccessFormat != "" {
					l.open(strings.TrimSuffix(stage.AccessLogARN, ":*"))
				}
			}
		}
	}
}

// Reopen lets go of all files before their next line.
func (l *Access) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f != nil {
			f.file.Reopen()
		}
	}
}

// Dropped is how many lines were lost.
func (l *Access) Dropped() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f != nil {
			n += f.w.Dropped()
		}
	}
	return n
}

// Close writes what is left.
func (l *Access) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var errs []error
	for _, f := range l.files {
		if f != nil {
			errs = append(errs, f.w.Close(), f.file.Close())
		}
	}
	return errors.Join(errs...)
}
