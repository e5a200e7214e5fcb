// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/config"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/template/tree"
)

// principals opens the file that --principals names; nil without it.
func principals(file string, log *slog.Logger) (func() *principal.Set, error) {
	if file == "" {
		return nil, nil
	}
	p := &principalsFile{file: file, log: log}
	fi, err := os.Stat(file)
	if err == nil {
		p.now, err = config.ReadPrincipals(file)
	}
	if err != nil {
		return nil, err
	}
	p.seen, p.looked = stampOf(fi), time.Now()
	return p.set, nil
}

// principalsFile is read anew when it changes, which is looked at once a second
// at most. One whose text is wrong leaves the principals of before; one that is
// gone, or that others may read, leaves nobody.
type principalsFile struct {
	file string
	log  *slog.Logger

	mu     sync.Mutex
	now    *principal.Set
	looked time.Time
	seen   stamp
}

// stamp changes with a file.
type stamp struct {
	mod  time.Time
	size int64
	mode fs.FileMode
}

func stampOf(fi fs.FileInfo) stamp { return stamp{fi.ModTime(), fi.Size(), fi.Mode()} }

func (p *principalsFile) set() *principal.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) < time.Second {
		return p.now
	}
	p.looked = time.Now()
	var is stamp // of no file
	fi, err := os.Stat(p.file)
	if err == nil {
		is = stampOf(fi)
	}
	if is == p.seen {
		return p.now
	}
	p.seen = is
	next, rerr := config.ReadPrincipals(p.file)
	if err = errors.Join(err, rerr); err == nil {
		p.now = next
		p.log.Info("principals are read anew", "file", p.file, "count", len(next.All()))
		return p.now
	}
	if _, wrong := errors.AsType[*tree.Error](err); wrong {
		p.log.Warn("the file of principals is wrong: those of before stay", "error", err)
		return p.now
	}
	p.now = nil
	p.log.Warn("the file of principals cannot be used: nobody signs until it can", "error", err)
	return nil
}
