// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// read gives the columns and rows of a file, and how many row groups it has.
func read(t *testing.T, b []byte) (columns []string, rows [][]string, groups int) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Schema().Fields() {
		if !c.Optional() || c.Type().String() != "STRING" {
			t.Errorf("%s is %v, optional %v", c.Name(), c.Type(), c.Optional())
		}
		columns = append(columns, c.Name())
	}
	r := parquet.NewReader(f)
	defer r.Close()
	buf := make([]parquet.Row, 100)
	for {
		n, err := r.ReadRows(buf)
		for _, row := range buf[:n] {
			var values []string
			for _, v := range row {
				values = append(values, v.String())
			}
			rows = append(rows, values)
		}
		if err == io.EOF {
			return columns, rows, len(f.RowGroups())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	long := strings.Repeat("x", groupSize)
	for name, tt := range map[string]struct {
		columns []string
		rows    [][]string
		groups  int
	}{
		"no rows":             {[]string{"date", "time"}, nil, 0},
		"one":                 {[]string{"date"}, [][]string{{"2026-11-28"}}, 1},
		"order is kept":       {[]string{"sc_status", "cs_uri_stem", "a"}, [][]string{{"200", "/", "1"}, {"404", "/b", "2"}}, 1},
		"empty is a value":    {[]string{"a", "b"}, [][]string{{"", "-"}, {"-", ""}}, 1},
		"not only ASCII":      {[]string{"a"}, [][]string{{"süß"}, {"%C3%BC"}, {"\"\\"}}, 1},
		"a group by its size": {[]string{"a", "b"}, [][]string{{"1", long}, {"2", "-"}, {"3", long}, {"4", "-"}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := New(&b, tt.columns)
			var row [][]byte
			for _, values := range tt.rows {
				row = row[:0]
				for _, v := range values {
					row = append(row, []byte(v))
				}
				if err := w.Write(row); err != nil {
					t.Fatal(err)
				}
				for _, v := range row {
					clear(v) // they are ours again
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			columns, rows, groups := read(t, b.Bytes())
			if !slices.Equal(columns, tt.columns) || groups != tt.groups || !slices.EqualFunc(rows, tt.rows, slices.Equal) {
				t.Errorf("%q, %d groups: %.200q", columns, groups, fmt.Sprint(rows))
			}
		})
	}
	if err := New(io.Discard, []string{"a", "b"}).Write([][]byte{nil}); err == nil {
		t.Error("a row that is too short is taken")
	}
}
