// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/record"
)

// accessLogs are the access logs of API stages: a file below Data/access for
// each log group or delivery stream that a template names, appended to. A file
// is opened by the first line for it; one that cannot be is told once, and its
// lines are lost.
type accessLogs struct {
	dir string
	log *slog.Logger

	mu     sync.Mutex
	files  map[string]*accessFile // by ARN
	closed bool
}

type accessFile struct {
	file *os.File
	w    *record.Writer
}

// maxAccessFiles bounds the files: no template names as many.
const maxAccessFiles = 1000

func newAccessLogs(data string, log *slog.Logger) *accessLogs {
	return &accessLogs{dir: filepath.Join(data, "access"), log: log, files: map[string]*accessFile{}}
}

// write adds a line to the log of an ARN. It does not wait for the disk, but
// for the opening of a file.
func (l *accessLogs) write(arn, line string) {
	if f := l.open(arn); f != nil {
		f.w.Line(line)
	}
}

func (l *accessLogs) open(arn string) *accessFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, known := l.files[arn]
	if known || l.closed || len(l.files) >= maxAccessFiles {
		return f
	}
	l.files[arn] = nil
	err := os.MkdirAll(l.dir, 0o755)
	var file *os.File
	if err == nil {
		file, err = os.OpenFile(filepath.Join(l.dir, accessName(arn)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	}
	if err != nil {
		l.log.Warn("an access log of APIs is not kept", "log", arn, "error", err)
		return nil
	}
	f = &accessFile{file, record.NewWriter(file, record.WriterOptions{Format: record.JSON})}
	l.files[arn] = f
	return f
}

// accessName is the file of a log: the name behind log-group: or
// deliverystream/, with a hyphen for whatever is no plain character.
func accessName(arn string) string {
	name := arn
	if _, rest, ok := strings.Cut(arn, ":log-group:"); ok {
		name = rest
	} else if _, rest, ok := strings.Cut(arn, ":deliverystream/"); ok {
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

// close writes what is left.
func (l *accessLogs) close() error {
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
