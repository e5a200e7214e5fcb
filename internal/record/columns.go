// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/forelane/forelane/internal/record/parquet"
)

// Parquet can be read when its footer is written and not before, so a log in
// that form is gathered as gzip JSON, which a crash cannot spoil, and turned into
// Parquet when the file is whole: line by line, in bounded memory.

// maxLine is the longest line that is turned; the parts of a request that are
// logged are limited well below.
const maxLine = 4 << 20

// Columns are the names of the fields as columns: small letters, and a line under
// where a column of Hive cannot have what stands there: cs(User-Agent) is
// cs_user_agent (Athena User Guide, "Create a table for CloudFront logs … with
// Parquet").
func (l *Layout) Columns() []string {
	form := strings.NewReplacer("-", "_", "(", "_", ")", "")
	var names []string
	for _, f := range l.fields {
		names = append(names, strings.ToLower(form.Replace(f.name)))
	}
	return names
}

// toParquet makes a Parquet file at to of the gzip JSON lines at from, which l
// has written, and removes them. When it fails they stay, and there is no file.
func toParquet(from, to string, l *Layout) error {
	part := to + ".partial"
	err := turn(from, part, l)
	if err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("%s does not become Parquet: %w", from, err)
	}
	return os.Remove(from)
}

func turn(from, to string, l *Layout) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buffered := bufio.NewWriter(out)
	w := parquet.New(buffered, l.Columns())
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, maxLine)
	var row [][]byte
	for lines.Scan() {
		if row, err = l.values(row[:0], lines.Bytes()); err != nil {
			return err
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.Join(w.Close(), buffered.Flush())
}

// values appends those of a line that Append has written: each ends at the next
// quote, for none has one inside.
func (l *Layout) values(row [][]byte, line []byte) ([][]byte, error) {
	for i, f := range l.fields {
		mark := ","
		if i == 0 {
			mark = "{"
		}
		for _, s := range [...]string{mark, `"`, f.name, `":"`} {
			rest, ok := bytes.CutPrefix(line, []byte(s))
			if !ok {
				return nil, fmt.Errorf("a line has no field %s where it should", f.name)
			}
			line = rest
		}
		value, rest, ok := bytes.Cut(line, []byte(`"`))
		if !ok {
			return nil, fmt.Errorf("the field %s of a line has no end", f.name)
		}
		row, line = append(row, value), rest
	}
	return row, nil
}
