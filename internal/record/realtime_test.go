// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// TestE12E13FieldsAreThoseOfTemplates: what a template may name is what is
// written, in the same order.
func TestE12E13FieldsAreThoseOfTemplates(t *testing.T) {
	if got := RealtimeFields(); !slices.Equal(got, model.RealtimeFields()) {
		t.Errorf("%v", got)
	}
	if got := FieldNames(); !slices.Equal(got, model.LogFields()) {
		t.Errorf("%v", got)
	}
	if h := strings.Fields(strings.TrimPrefix(StandardHeader, "#Version: 1.0\n#Fields: ")); !slices.Equal(h, model.LogFields()[:33]) {
		t.Errorf("%v", h)
	}
}

// full is a record of which everything is known.
func full() *Record {
	r := sample()
	h := &httpmsg.Header{}
	h.Add("User-Agent", "me/1.0 (x)")
	h.Add("Accept", "*/*")
	h.Add("CMCD-Session", `sid="6e2f",v=1`)
	r.Request.Header = h
	r.Request.Host = "www.example.com"
	r.Viewer.Local, r.Viewer.Country, r.Viewer.ASN = netip.MustParseAddr("198.51.100.7"), "DE", 64500
	r.Edge.Behavior, r.Edge.PrimaryID, r.Edge.PrimaryDomain = "/api/*", "E1", "d1.cloudfront.net"
	r.Origin = Origin{ID: "o", Host: "o.example.com", Tries: 1, FirstByte: 42 * time.Millisecond, LastByte: 50 * time.Millisecond, FailedStatus: 503}
	r.Start, r.Time.Total = time.Date(2026, 11, 27, 19, 5, 6, 0, time.UTC), 7*time.Millisecond
	return r
}

func TestE13EveryField(t *testing.T) {
	l, err := NewRealtimeLayout(RealtimeFields())
	if err != nil {
		t.Fatal(err)
	}
	r := full()
	line := string(l.Append(nil, r))
	columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	if len(columns) != len(RealtimeFields()) || l.Head() != "" {
		t.Fatalf("%d columns of %d: %q", len(columns), len(RealtimeFields()), line)
	}
	for name, want := range map[string]string{
		"timestamp": "1795806306.007", "c-ip": "192.0.2.100", "s-ip": "198.51.100.7", "c-ip-version": "IPv4", "c-country": "DE", "asn": "64500",
		"x-host-header": "www.example.com", "cs-accept": "*/*", "cs-accept-encoding": "-", "cache-behavior-path-pattern": "/api/*",
		"cs-headers":      "Host:www.example.com%0AUser-Agent:me/1.0%20(x)%0AAccept:*/*%0ACMCD-Session:sid=%226e2f%22,v=1%0A",
		"cs-header-names": "Host%0AUser-Agent%0AAccept%0ACMCD-Session%0A", "cs-headers-count": "4",
		"primary-distribution-id": "E1", "primary-distribution-dns-name": "d1.cloudfront.net", "origin-fbl": "0.042", "origin-lbl": "0.050",
		"cmcd-session-id": "6e2f", "cmcd-version": "1", "cmcd-startup": "-", "r-host": "o.example.com", "sr-reason": "Failover:503",
		"x-edge-mqcs": "-", "distribution-tenant-id": "-", "connection-id": "-", "fle-status": "-", "fle-encrypted-fields": "-",
	} {
		if got := columns[slices.Index(RealtimeFields(), name)]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	room := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { l.Append(room, r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	var none Record
	if got := string(l.Append(nil, &none)); strings.Count(got, "\t") != len(columns)-1 {
		t.Errorf("of nothing: %q", got)
	}
}

func TestE13OrderIsThatOfTheGuide(t *testing.T) {
	l, err := NewRealtimeLayout([]string{"c-country", "sc-status", "time-to-first-byte"})
	if err != nil {
		t.Fatal(err)
	}
	r := full()
	r.Time.FirstByte, r.Response.Status = 5*time.Millisecond, 206
	if got := string(l.Append(nil, r)); got != "0.005\t206\tDE\n" {
		t.Errorf("%q", got)
	}
	for _, bad := range [][]string{nil, {"c-ip", "c-ip"}, {"nothing"}} {
		if _, err := NewRealtimeLayout(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// TestE13LongFieldsEnd: after 800 bytes, and never within an encoded byte.
func TestE13LongFieldsEnd(t *testing.T) {
	for n := 780; n < 820; n++ {
		for _, filler := range []string{"x", " ", "\xff"} {
			r := full()
			r.Request.Cookie = strings.Repeat("x", n%7) + strings.Repeat(filler, n)
			r.Request.Header.Add("X", r.Request.Cookie)
			for _, name := range []string{"cs-cookie", "cs-headers", "cs-header-names"} {
				l, err := NewRealtimeLayout([]string{name})
				if err != nil {
					t.Fatal(err)
				}
				got := strings.TrimSuffix(string(l.Append(nil, r)), "\n")
				if i := strings.LastIndexByte(got, '%'); len(got) > maxRealtime || i >= 0 && i > len(got)-3 {
					t.Fatalf("%s, %d of %q: %d bytes, ends in %q", name, n, filler, len(got), got[len(got)-4:])
				}
			}
		}
	}
}

func TestE13Sampling(t *testing.T) {
	for rate, want := range map[int][2]int{1: {20, 400}, 30: {5400, 6600}, 100: {20000, 20000}} {
		l, err := NewRealtimeLayout([]string{"c-ip"})
		if err != nil {
			t.Fatal(err)
		}
		rt, n := NewRealtime(l, rate), 0
		for range 20000 {
			if rt.Sampled() {
				n++
			}
		}
		if n < want[0] || n > want[1] {
			t.Errorf("%d %%: %d of 20000", rate, n)
		}
	}
	if (*Realtime)(nil).Sampled() {
		t.Error("no log takes a sample")
	}
}

func TestE13ClientData(t *testing.T) {
	for name, tt := range map[string]struct{ field, value, query, key, want string }{
		"query":         {query: "a=b&CMCD=bl%3D21300%2Cbs&c=d", key: "bl", want: "21300"},
		"true":          {query: "CMCD=bl%3D21300%2Cbs", key: "bs", want: "true"},
		"text":          {query: "CMCD=sid%3D%22a%2Cb%22%2Cv%3D1", key: "sid", want: "a,b"},
		"behind a text": {query: "CMCD=sid%3D%22a%2Cbl%3D5%22%2Cbl%3D7", key: "bl", want: "7"},
		"escaped quote": {field: "CMCD-Session", value: `cid="a\",bl=1",bl=2`, key: "bl", want: "2"},
		"field first":   {field: "CMCD-Status", value: "rtp=9", query: "CMCD=rtp%3D5", key: "rtp", want: "9"},
		"no such key":   {query: "CMCD=bl%3D1", key: "b"},
		"broken query":  {query: "CMCD=%zz", key: "bl"},
		"another key":   {query: "XCMCD=bl%3D1", key: "bl"},
		"empty":         {query: "CMCD=", key: "bl"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Record{}
			r.Request.Query, r.Request.Header = tt.query, &httpmsg.Header{}
			if tt.field != "" {
				r.Request.Header.Add(tt.field, tt.value)
			}
			if got := clientData(r, tt.key); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzClientData: no list of a viewer can break a line.
func FuzzClientData(f *testing.F) {
	f.Add(`bl=21300,bs,sid="6e2f"`, "bl%3D1")
	f.Add(`cid="a\",b`, "%zz")
	f.Add(",,=,", "")
	l, err := NewRealtimeLayout([]string{"cs-headers", "cmcd-content-id", "cmcd-buffer-length", "cmcd-session-id"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, field, query string) {
		r := &Record{}
		r.Request.Header, r.Request.Query = &httpmsg.Header{}, "CMCD="+query
		r.Request.Header.Add("CMCD-Session", field)
		line := string(l.Append(nil, r))
		if strings.Count(line, "\t") != 3 || strings.IndexByte(line, '\n') != len(line)-1 {
			t.Errorf("%q", line)
		}
	})
}

// TestE12Delimiter: another text between the fields, in every form but JSON.
func TestE12Delimiter(t *testing.T) {
	r := full()
	for _, tt := range []struct{ kind, mark, want string }{
		{"plain", ",", "DE,64500,0.050\n"},
		{"w3c", " | ", "DE | 64500 | 0.050\n"},
		{"raw", "\t", "DE\t64500\t0.050\n"},
		{"json", ",", `{"c-country":"DE","asn":"64500","origin-lbl":"0.050"}` + "\n"},
	} {
		l, err := NewLayout(tt.kind, []string{"c-country", "asn", "origin-lbl"}, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(l.Between(tt.mark).Append(nil, r)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.kind, got, tt.want)
		}
		if !l.NeedsPlace() || l.NeedsHead() {
			t.Error("what the fields ask for")
		}
	}
	if l, err := NewLayout("json", []string{"distributionid"}, false); err != nil || string(l.Append(nil, r)) != `{"DistributionId":"E1"}`+"\n" {
		t.Errorf("case of names: %v", err)
	}
}

// TestE12FilesAreDeliveredWhole: when their time is over, their hour or the
// program; one that cannot be delivered stays.
func TestE12FilesAreDeliveredWhole(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, err := NewLayout("w3c", []string{"time", "c-ip"}, false)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var have []string // guarded by mu
		broken := false   // guarded by mu
		delivered := func() []string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(have)
		}
		f := NewFiles(FilesOptions{
			Dir: dir, Layout: l, Every: 5 * time.Minute,
			Name: func(hour time.Time, unique string) string { return "x/" + DeliveredName("E1", hour, unique) },
			Deliver: func(file, name string) error {
				text := folder(t, dir+"/x")[strings.TrimPrefix(name, "x/")]
				mu.Lock()
				defer mu.Unlock()
				have = append(have, name[:len("x/E1.2000-01-01-00")]+" "+text)
				if broken {
					return errors.New("no room")
				}
				return nil
			},
		})
		r := sample()
		r.Start, r.Time.Total = time.Now(), 0
		f.Write(r)
		background := sample()
		background.Cache.Background = true
		f.Write(background)
		time.Sleep(4 * time.Minute)
		if got := delivered(); len(got) != 0 {
			t.Errorf("before its time: %q", got)
		}
		time.Sleep(3 * time.Minute)
		want := "x/E1.2000-01-01-00 #Version: 1.0\n#Fields: time c-ip\n00:00:00\t192.0.2.100\n"
		if got := delivered(); len(got) != 1 || got[0] != want || len(folder(t, dir+"/x")) != 0 {
			t.Errorf("%q, left %v", got, folder(t, dir+"/x"))
		}
		time.Sleep(52 * time.Minute) // 00:59
		f.Write(r)
		time.Sleep(2 * time.Minute)
		f.Write(r) // of another hour
		time.Sleep(time.Second)
		if got := delivered(); len(got) != 2 {
			t.Errorf("the hour is over: %q", got)
		}
		mu.Lock()
		broken = true
		mu.Unlock()
		err = f.Close()
		if got := delivered(); err != nil || len(got) != 3 || !strings.HasPrefix(got[2], "x/E1.2000-01-01-01") {
			t.Errorf("%v %q", err, got)
		}
		if left := folder(t, dir+"/x"); len(left) != 1 {
			t.Errorf("what is not delivered does not stay: %v", left)
		}
	})
}
