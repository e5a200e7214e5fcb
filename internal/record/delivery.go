// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/metrics"
)

// Delivery writes CloudFront's log files as CloudFront delivers them: of each
// distribution and hour one file (or more, after a restart) with a name of
//
//	PREFIX E1EXAMPLE.2026-11-27-19.d111111a.gz
//
// (Developer Guide, "Configure standard logging (legacy)", "File name format".)
type Delivery struct {
	dir     string
	of      func(distribution string) (prefix string, cookies bool)
	writers metrics.Kept[string, *Files]

	mu  sync.Mutex
	all []*Files // guarded by mu
}

// NewDelivery begins to deliver into dir. of gives what the logging of a
// distribution says; nil: no prefix, no cookies.
func NewDelivery(dir string, of func(distribution string) (prefix string, cookies bool)) *Delivery {
	d := &Delivery{dir: dir, of: of}
	d.writers.Make = d.begin
	return d
}

// Write adds the line of r; it does not wait for the disk. What is of no
// distribution is in no log of CloudFront.
func (d *Delivery) Write(r *Record) {
	if r.Edge.Distribution != "" {
		d.writers.Get(r.Edge.Distribution).Write(r)
	}
}

// Dropped is how many lines were lost.
func (d *Delivery) Dropped() (n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.all {
		n += f.Dropped()
	}
	return n
}

// Close ends all files.
func (d *Delivery) Close() error {
	var errs []error
	for _, f := range d.all {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (d *Delivery) begin(distribution string) *Files {
	prefix, cookies := "", false
	if d.of != nil {
		prefix, cookies = d.of(distribution)
	}
	if !filepath.IsLocal(filepath.FromSlash(prefix + distribution)) {
		prefix = "" // it would leave the folder
	}
	f := NewFiles(FilesOptions{
		Dir: d.dir, Cookies: cookies,
		Name: func(hour time.Time, unique string) string { return prefix + DeliveredName(distribution, hour, unique) },
	})
	d.mu.Lock()
	d.all = append(d.all, f)
	d.mu.Unlock()
	return f
}

// DeliveredName is the name of a log file without its prefix.
func DeliveredName(distribution string, hour time.Time, unique string) string {
	return distribution + "." + hour.UTC().Format(hourForm) + "." + unique + ".gz"
}

// ParquetName is it for a file that is Parquet.
func ParquetName(distribution string, hour time.Time, unique string) string {
	return strings.TrimSuffix(DeliveredName(distribution, hour, unique), "gz") + "parquet"
}

const hourForm = "2006-01-02-15"

// below is a path below dir for a name that a template gives. One that would
// lead out of it loses its folders.
func below(dir, name string) string {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		local = filepath.Base(local)
	}
	return filepath.Join(dir, local)
}
