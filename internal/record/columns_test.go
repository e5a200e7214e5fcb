// SPDX-License-Identifier: Apache-2.0

package record

import (
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestE12NamesOfColumns(t *testing.T) {
	l, err := NewLayout("json", []string{"cs(User-Agent)", "cs-uri-stem", "timestamp(ms)", "DistributionId", "date"}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.Columns(), " "); got != "cs_user_agent cs_uri_stem timestamp_ms distributionid date" {
		t.Error(got)
	}
}

// TestE12LinesThatDoNotBecomeParquet stay, and there is no other file.
func TestE12LinesThatDoNotBecomeParquet(t *testing.T) {
	l, err := NewLayout("json", []string{"date", "sc-status"}, false)
	if err != nil {
		t.Fatal(err)
	}
	good := `{"date":"2026-11-28","sc-status":"200"}` + "\n"
	for name, tt := range map[string]struct {
		lines string
		cut   int
		fails bool
	}{
		"good":              {good + good, 0, false},
		"no lines":          {"", 0, false},
		"another field":     {good + `{"date":"2026-11-28","cs-bytes":"200"}` + "\n", 0, true},
		"a field too few":   {`{"date":"2026-11-28"}` + "\n", 0, true},
		"a value goes on":   {`{"date":"2026-11-28`, 0, true},
		"too long":          {`{"date":"` + strings.Repeat("x", maxLine) + `","sc-status":"-"}`, 0, true},
		"half of the file":  {good, 12, true},
		"it is no gzip":     {"", 30, true},
		"an empty line":     {good + "\n" + good, 0, true},
		"not what we write": {`{ "date": "2026-11-28" }`, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "a.json.gz"), filepath.Join(dir, "a")
			var b strings.Builder
			z := gzip.NewWriter(&b)
			write(t, z, strings.TrimSuffix(tt.lines, "\n"))
			if tt.lines == "" {
				b.Reset()
				z = gzip.NewWriter(&b)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			packed := b.String()
			packed = packed[:max(0, len(packed)-tt.cut)]
			if err := os.WriteFile(from, []byte(packed), 0o600); err != nil {
				t.Fatal(err)
			}
			err := toParquet(from, to, l)
			files, _ := filepath.Glob(filepath.Join(dir, "*"))
			want := to
			if tt.fails {
				want = from
			}
			if (err != nil) != tt.fails || len(files) != 1 || files[0] != want {
				t.Errorf("%v, files %v", err, files)
			}
		})
	}
	if err := toParquet(filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "to"), l); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no lines: %v", err)
	}
}

// TestE12ACrashLeavesLines: until a Parquet file is whole its rows are in a file
// that can be read, whenever the program ends.
func TestE12ACrashLeavesLines(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, err := NewLayout("json", []string{"c-ip", "sc-status"}, false)
		if err != nil {
			t.Fatal(err)
		}
		var failed error
		f := NewFiles(FilesOptions{
			Dir: dir, Layout: l, Parquet: true, Failed: func(err error) { failed = err },
			Name: func(hour time.Time, _ string) string { return ParquetName("E1", hour, "u") },
		})
		f.Write(sample())
		time.Sleep(time.Second)
		now := filepath.Join(dir, "E1.2000-01-01-00.u.parquet.json.gz.partial")
		in, err := os.Open(now)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := z.Read(b)
		if string(b[:n]) != `{"c-ip":"192.0.2.100","sc-status":"206"}`+"\n" {
			t.Errorf("%q %v", b[:n], err)
		}
		if err := f.Close(); err != nil || failed != nil {
			t.Errorf("%v %v", err, failed)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 || filepath.Base(files[0]) != "E1.2000-01-01-00.u.parquet" {
			t.Errorf("%v", files)
		}
	})
}
