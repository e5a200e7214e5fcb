// SPDX-License-Identifier: Apache-2.0

package record

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// folder is what a folder holds, by name; compressed files as they were.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		r := io.Reader(f)
		if strings.HasSuffix(e.Name(), ".gz") {
			if r, err = gzip.NewReader(f); err != nil {
				t.Fatal(err)
			}
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		out[e.Name()] = string(b)
		_ = f.Close()
	}
	return out
}

func write(t *testing.T, f io.Writer, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if _, err := f.Write([]byte(l + "\n")); err != nil {
			t.Fatal(err)
		}
	}
}

// texts are the contents in the order of the names, the open file last.
func texts(m map[string]string) []string {
	var names, out []string
	for n := range m {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) && (a == "a.log" || b == "a.log") {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, n := range names {
		out = append(out, m[n])
	}
	return out
}

func TestRotationBySize(t *testing.T) {
	for name, tt := range map[string]struct {
		r    Rotation
		want []string
	}{
		"never":              {Rotation{}, []string{"# head\n1111\n2222\n3333\n4444\n"}},
		"two lines a file":   {Rotation{MaxBytes: 18}, []string{"# head\n1111\n2222\n", "# head\n3333\n4444\n"}},
		"compressed":         {Rotation{MaxBytes: 12, Gzip: true}, []string{"# head\n1111\n", "# head\n2222\n", "# head\n3333\n", "# head\n4444\n"}},
		"only one is kept":   {Rotation{MaxBytes: 12, Keep: 1}, []string{"# head\n3333\n", "# head\n4444\n"}},
		"kept, compressed":   {Rotation{MaxBytes: 12, Keep: 2, Gzip: true}, []string{"# head\n2222\n", "# head\n3333\n", "# head\n4444\n"}},
		"smaller than lines": {Rotation{MaxBytes: 1}, []string{"# head\n1111\n", "# head\n2222\n", "# head\n3333\n", "# head\n4444\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := NewFile(filepath.Join(dir, "a.log"), "# head\n", tt.r)
			if err := f.Open(); err != nil {
				t.Fatal(err)
			}
			write(t, f, "1111", "2222", "3333", "4444")
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if got := texts(folder(t, dir)); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRotationByTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := NewFile(filepath.Join(dir, "a.log"), "", Rotation{Every: 24 * time.Hour})
		write(t, f, "day 1, morning")
		time.Sleep(23 * time.Hour) // of the bubble, which begins at midnight UTC
		write(t, f, "day 1, night")
		time.Sleep(2 * time.Hour)
		write(t, f, "day 2")
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
	got := folder(t, dir)
	if len(got) != 2 || got["a.log"] != "day 2\n" || got["a.log.20000102-010000.000000"] != "day 1, morning\nday 1, night\n" {
		t.Errorf("%q", got)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	f := NewFile(path, "", Rotation{})
	write(t, f, "1")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "2")
	f.Reopen()
	write(t, f, "3")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := folder(t, dir); got["a.log.moved"] != "1\n2\n" || got["a.log"] != "3\n" {
		t.Errorf("%q", got)
	}
}

func TestAppendsToWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		f := NewFile(filepath.Join(dir, "sub", "a.log"), "# head\n", Rotation{})
		write(t, f, "line")
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := folder(t, filepath.Join(dir, "sub"))["a.log"]; got != "# head\nline\nline\n" {
		t.Errorf("%q", got)
	}
}

// TestAFileThatCannotBeOpenedLosesLinesOnly: and takes them again when it can.
func TestAFileThatCannotBeOpenedLosesLinesOnly(t *testing.T) {
	dir := t.TempDir()
	wall := filepath.Join(dir, "wall")
	if err := os.WriteFile(wall, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f := NewFile(filepath.Join(wall, "a.log"), "", Rotation{})
	if f.Open() == nil {
		t.Error("a folder that is a file")
	}
	w := NewWriter(f, WriterOptions{NoHead: true})
	w.Line("lost")
	w.Flush()
	if err := os.Remove(wall); err != nil {
		t.Fatal(err)
	}
	w.Line("kept")
	if w.Close() == nil {
		t.Error("the failure is not told")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := folder(t, wall)["a.log"]; got != "kept\n" || w.Dropped() != 1 {
		t.Errorf("%q, %d dropped", got, w.Dropped())
	}
}

func TestE10FilesAsCloudFrontNamesThem(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := NewDelivery(dir, func(id string) (string, bool) {
			if id == "E2" {
				return "../../evil-", false
			}
			return "web/", true
		})
		r := sample()
		r.Edge.Distribution, r.Request.Cookie = "E1", "a=b"
		d.Write(r)
		time.Sleep(2 * time.Hour) // of the bubble; nothing else comes, and the file ends
		d.Write(r)
		other := sample()
		other.Edge.Distribution = "E2"
		d.Write(other)
		nobody, refresh := sample(), sample()
		nobody.Edge.Distribution = ""
		refresh.Cache.Background = true
		d.Write(nobody)
		d.Write(refresh)
		time.Sleep(time.Second)
		if files, _ := filepath.Glob(filepath.Join(dir, "web", "E1.2000-01-01-00.*.gz")); len(files) != 1 {
			t.Errorf("the file of the first hour is not there: %v", files)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "web", "E1.2000-01-01-02.*.partial")); len(files) != 1 {
			t.Errorf("that of this hour is not being written: %v", files)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if d.Dropped() != 0 {
			t.Error("lines are dropped")
		}
	})
	for _, pattern := range []string{"web/E1.2000-01-01-00.????????.gz", "web/E1.2000-01-01-02.????????.gz", "E2.2000-01-01-02.????????.gz"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v", pattern, files)
		}
		for name, text := range folder(t, filepath.Dir(files[0])) {
			if strings.HasSuffix(name, ".gz") && (!strings.HasPrefix(text, StandardHeader) || strings.Count(text, "\n") != 3) {
				t.Errorf("%s: %q", name, text)
			}
		}
	}
}

func TestE12Layouts(t *testing.T) {
	r := sample()
	all, err := NewLayout("plain", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(all.Append(nil, r)), strings.TrimPrefix(string(AppendStandard(nil, r, true)), "\t"); got != want {
		t.Errorf("without a choice it is not version 1's line:\n%q\n%q", got, want)
	}
	r.Edge.Behavior, r.Origin.Tries, r.Origin.FirstByte, r.Request.Path = "/api/*", 1, 42*time.Millisecond, "/a\"b\\"
	r.Start, r.Time.Total = time.Date(2026, 11, 27, 19, 5, 6, 0, time.UTC), 7*time.Millisecond
	for _, tt := range []struct{ kind, fields, want, head string }{
		{"json", "date,time,sc-status,cs-uri-stem", `{"date":"2026-11-27","time":"19:05:06","sc-status":"206","cs-uri-stem":"/a%22b%5C"}`, ""},
		{"plain", "timestamp(ms),cache-behavior-path-pattern,origin-fbl", "1795806306007\t/api/*\t0.042", ""},
		{"w3c", "timestamp,c-ip", "1795806306.007\t", "#Version: 1.0\n#Fields: timestamp c-ip\n"},
		{"raw", "DistributionId", "E", ""},
	} {
		l, err := NewLayout(tt.kind, strings.Split(tt.fields, ","), false)
		if err != nil {
			t.Fatal(err)
		}
		got := string(l.Append([]byte("before "), r))
		if !strings.HasPrefix(got, "before "+tt.want) || !strings.HasSuffix(got, "\n") || strings.Count(got, "\n") != 1 || l.Head() != tt.head {
			t.Errorf("%s: %q after %q", tt.kind, got, l.Head())
		}
	}
	for _, tt := range [][2]string{{"xml", ""}, {"json", "nothing"}, {"json", "date,date"}, {"standard", "date"}} {
		if _, err := NewLayout(tt[0], strings.FieldsFunc(tt[1], func(r rune) bool { return r == ',' }), false); err == nil {
			t.Errorf("%v is accepted", tt)
		}
	}
	if l, err := NewLayout("tags", nil, false); err != nil || string(l.Append(nil, r)) != string(AppendJSON(nil, r)) {
		t.Error("tags")
	}
	room := make([]byte, 0, 4096)
	forms, err := NewLayout("json", FieldNames(), true)
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]string
	if err := json.Unmarshal(forms.Append(nil, r), &parsed); err != nil || len(parsed) != len(FieldNames()) || parsed["c-ip"] != "192.0.2.100" {
		t.Errorf("%v %v", err, parsed)
	}
	if n := testing.AllocsPerRun(100, func() { all.Append(room, r); forms.Append(room, r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
