// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/forelane/forelane/internal/record"
)

// table reads a Parquet file: its columns, and its rows by column.
func table(t *testing.T, b string) (columns []string, rows []map[string]string) {
	t.Helper()
	f, err := parquet.OpenFile(strings.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Schema().Fields() {
		columns = append(columns, c.Name())
	}
	r := parquet.NewReader(f)
	defer r.Close()
	buf := make([]parquet.Row, f.NumRows())
	n, err := r.ReadRows(buf)
	if n != len(buf) {
		t.Fatalf("%d of %d rows: %v", n, len(buf), err)
	}
	for _, row := range buf {
		values := map[string]string{}
		for i, v := range row {
			values[columns[i]] = v.String()
		}
		rows = append(rows, values)
	}
	return columns, rows
}

// TestE12ParquetHasWhatJSONHas: of two deliveries with every field, in the bucket
// of the template, one by one; and what goes to a bucket that is nobody's.
func TestE12ParquetHasWhatJSONHas(t *testing.T) {
	data, d := logged(t, Options{}, "/a?x=%22%C3%BC", "/live/b", "/a")
	all := objects(t, data, "shop-logs")
	columns, rows := table(t, one(t, all, d.ID, `columns/DistributionId={ID}/hour=\d\d/{ID}\.\d{4}-\d\d-\d\d-\d\d\.[0-9a-f]{8}\.parquet`))
	lines := strings.SplitAfter(strings.TrimSuffix(one(t, all, d.ID, `lines/{ID}\.\d{4}-\d\d-\d\d-\d\d\.[0-9a-f]{8}\.gz`), "\n"), "\n")
	names := record.FieldNames()
	if len(columns) != len(names) || len(rows) != 3 || len(lines) != 3 {
		t.Fatalf("%d columns, %d rows, %d lines", len(columns), len(rows), len(lines))
	}
	for i, line := range lines {
		var values map[string]string
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for j, name := range names {
			want[columns[j]] = values[name]
		}
		if !maps.Equal(rows[i], want) {
			t.Errorf("%v\n%v", rows[i], want)
		}
	}
	if r := rows[0]; r["cs_uri_stem"] != "/a" || r["sc_status"] != "200" || r["distributionid"] != d.ID || r["cs_host"] == "" {
		t.Errorf("%v", r)
	}
	left, err := filepath.Glob(filepath.Join(data, "logs", "central", "columns", "*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".parquet") {
		t.Fatalf("%v %v", left, err)
	}
	b, err := os.ReadFile(left[0])
	if err != nil {
		t.Fatal(err)
	}
	if c, rows := table(t, string(b)); !slices.Equal(c, columns[:33]) || len(rows) != 3 || rows[1]["cs_uri_stem"] != "/live/b" {
		t.Errorf("%q %v", c, rows)
	}
}
