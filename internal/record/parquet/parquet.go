// SPDX-License-Identifier: Apache-2.0

// Package parquet writes tables of texts as Apache Parquet.
//
// The flow: (1) New takes the names of the columns, in their order; (2) Write
// adds a row, and every few MiB a row group goes to the file; (3) Close writes
// the footer, without which nobody can read the file.
//
// Every column is an optional UTF-8 string, with a dictionary and gzip: what
// readers of all ages understand (data pages are of version 1 for the same
// reason).
//
// What it does not do: no numbers, no nesting, no reading.
//
// Concurrency: a Writer belongs to one goroutine. parquet-go, which does the
// work, appears in no signature.
package parquet

import (
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// groupSize ends a row group when its values have so many bytes: what a Writer
// holds in memory is about twice that.
const groupSize = 4 << 20

// Writer writes a file.
type Writer struct {
	w       *parquet.GenericWriter[any]
	columns int
	row     parquet.Row
	size    int // of the row group
}

// New begins a file. The names must differ, and may have no comma.
func New(w io.Writer, columns []string) *Writer {
	return &Writer{
		w: parquet.NewGenericWriter[any](w, schema(columns),
			parquet.Compression(&parquet.Gzip), parquet.DataPageVersion(1)),
		columns: len(columns),
	}
}

// schema is made of a struct, for the engine sorts the columns of its other
// forms by name.
func schema(columns []string) *parquet.Schema {
	var fields []reflect.StructField
	for i, name := range columns {
		fields = append(fields, reflect.StructField{
			Name: "C" + strconv.Itoa(i), Type: reflect.TypeFor[string](),
			Tag: reflect.StructTag("parquet:" + strconv.Quote(name+",optional,dict")),
		})
	}
	return parquet.NewSchema("log", parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
}

// Write adds a row. The values are the caller's again when it returns.
func (w *Writer) Write(values [][]byte) error {
	if len(values) != w.columns {
		return fmt.Errorf("a row of %d values in a table of %d columns", len(values), w.columns)
	}
	w.row = w.row[:0]
	for i, v := range values {
		w.row = append(w.row, parquet.ByteArrayValue(v).Level(0, 1, i))
		w.size += len(v)
	}
	if _, err := w.w.WriteRows([]parquet.Row{w.row}); err != nil {
		return err
	}
	if w.size < groupSize {
		return nil
	}
	w.size = 0
	return w.w.Flush()
}

// Close ends the file; the io.Writer stays open.
func (w *Writer) Close() error { return w.w.Close() }
