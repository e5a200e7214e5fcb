// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

func sample() *Record {
	r := &Record{ID: "SOX4xwn4XV6Q==", Start: time.Date(2019, 12, 4, 21, 2, 30, 999e6, time.UTC)}
	r.Viewer = Viewer{
		Addr:       netip.MustParseAddrPort("192.0.2.100:11040"),
		TLSVersion: "TLSv1.2", TLSCipher: "ECDHE-RSA-AES128-GCM-SHA256", Proto: httpmsg.HTTP2,
	}
	r.Request = Request{
		Method: "GET", Scheme: "https", Host: "www.example.com", Path: "/a b/index.html", Query: "q=1&r=~2",
		UserAgent: "Mozilla/5.0 (X11; 100%)", Cookie: "id=secret; b=\"2\"", Bytes: 23,
	}
	r.Edge = Edge{Location: "LAX1", Distribution: "E1", Domain: "d1.cloudfront.net", Behavior: "*"}
	r.Result = Result{Type: Hit}
	r.Response = Response{Status: 206, Bytes: 392, ContentType: "text/html", ContentLength: 78, HasLength: true, Range: httpspec.Span{First: 0, Last: 77}, HasRange: true}
	r.Time = Timing{FirstByte: 1 * time.Millisecond, Total: 1500 * time.Microsecond}
	return r
}

func TestE10StandardLine(t *testing.T) {
	got := string(AppendStandard(nil, sample(), true))
	want := strings.Join([]string{
		"2019-12-04", "21:02:31", "LAX1", "392", "192.0.2.100", "GET", "d1.cloudfront.net", "/a%20b/index.html", "206", "-",
		"Mozilla/5.0%20(X11;%20100%25)", "q=1&r=%7E2", "id=secret;%20b=%222%22", "Hit", "SOX4xwn4XV6Q==", "www.example.com", "https", "23", "0.002", "-",
		"TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "Hit", "HTTP/2.0", "-", "-", "11040", "0.001", "Hit", "text/html", "78", "0", "77",
	}, "\t") + "\n"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestE10HeaderNames33Fields(t *testing.T) {
	lines := strings.Split(StandardHeader, "\n")
	if len(lines) != 3 || lines[0] != "#Version: 1.0" {
		t.Fatalf("%q", lines)
	}
	names := strings.Fields(strings.TrimPrefix(lines[1], "#Fields: "))
	line := strings.TrimSuffix(string(AppendStandard(nil, &Record{}, false)), "\n")
	if cells := strings.Split(line, "\t"); len(names) != 33 || len(cells) != 33 {
		t.Errorf("%d names, %d cells", len(names), len(cells))
	}
}

func TestE10AbsentFields(t *testing.T) {
	r := sample()
	r.Viewer.TLSVersion, r.Viewer.TLSCipher = "", ""
	r.Response = Response{}
	r.Result = Result{Type: Error, Sent: Miss, Detail: ClientCommError}
	cells := strings.Split(string(AppendStandard(nil, r, false)), "\t")
	for i, want := range map[int]string{8: "000", 12: "-", 13: "Error", 20: "-", 21: "-", 22: "Miss", 28: "ClientCommError", 29: "-", 30: "-", 31: "-", 32: "-\n"} {
		if cells[i] != want {
			t.Errorf("field %d is %q, want %q", i+1, cells[i], want)
		}
	}
}

func TestE10Encoding(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "-",
		"plain-_.!*():;,/?@&=+$": "plain-_.!*():;,/?@&=+$",
		"\x00\x1f \x7f\xff":      "%00%1F%20%7F%FF",
		"<>\"#%{}|\\^~[]`'":      "%3C%3E%22%23%25%7B%7D%7C%5C%5E%7E%5B%5D%60%27",
		"a\tb\nc":                "a%09b%0Ac",
		"é":                      "%C3%A9",
	} {
		l := line{}
		l.text(in)
		if got := string(l.b[1:]); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0.000", 999500 * time.Microsecond: "1.000", 82 * time.Millisecond: "0.082", 61 * time.Second: "61.000", -5: "0.000"} {
		if got := string(appendMillis(nil, d)); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func FuzzStandardLine(f *testing.F) {
	f.Add("/a\tb\nc", "x\"y", "\xff")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		r := sample()
		r.Request.Path, r.Request.UserAgent, r.Viewer.ForwardedFor, r.Request.Method, r.ID = a, b, c, b, c
		line := string(AppendStandard(nil, r, true))
		if strings.Count(line, "\t") != 32 || strings.Count(line, "\n") != 1 {
			t.Fatalf("%q", line)
		}
		var m map[string]any
		j := AppendJSON(nil, r)
		if err := json.Unmarshal(j, &m); err != nil || strings.Count(string(j), "\n") != 1 {
			t.Fatalf("%v: %s", err, j)
		}
	})
}

func TestJSONLine(t *testing.T) {
	r := sample()
	r.Cache = Cache{Status: CacheHit, Age: 5 * time.Second, TTL: time.Minute, Store: Stored, TTLReason: httpspec.ReasonMaxAge}
	var m map[string]any
	if err := json.Unmarshal(AppendJSON(nil, r), &m); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{
		"time": "2019-12-04T21:02:30.999Z", "status": 206.0, "method": "GET", "viewer": "192.0.2.100:11040", "cache": "hit", "cache_age": 5.0,
		"ttl": 60.0, "ttl_reason": "max-age", "result": "Hit", "total_ms": 1.5, "proto": "HTTP/2.0",
	} {
		if m[k] != want {
			t.Errorf("%s is %v, want %v", k, m[k], want)
		}
	}
	if strings.Contains(string(AppendJSON(nil, r)), "secret") {
		t.Error("a cookie is in the line")
	}
	if _, ok := m["referer"]; ok {
		t.Error("an empty tag is in the line")
	}
}

func TestTagNames(t *testing.T) {
	form, seen := regexp.MustCompile(`^[a-z][a-z0-9_]*$`), map[string]bool{}
	for _, tag := range Tags() {
		if !form.MatchString(tag.Name) || tag.Doc == "" || seen[tag.Name] {
			t.Errorf("tag %+v", tag)
		}
		seen[tag.Name] = true
	}
}

func TestE11EnumsHaveWords(t *testing.T) {
	for _, tt := range []struct{ last, next, want string }{
		{LambdaLimitExceeded.String(), (LambdaLimitExceeded + 1).String(), "LambdaLimitExceeded"},
		{DetailFunctionGeneratedResponse.String(), (DetailFunctionGeneratedResponse + 1).String(), "FunctionGeneratedResponse"},
		{CacheBypass.String(), (CacheBypass + 1).String(), "bypass"},
		{ReasonUnsure.String(), (ReasonUnsure + 1).String(), "unsure"},
		{StoreTrailer.String(), (StoreTrailer + 1).String(), "trailer"},
		{EndIdle.String(), (EndIdle + 1).String(), "idle"},
	} {
		if tt.last != tt.want || tt.next != "?" {
			t.Errorf("%q then %q, want %q", tt.last, tt.next, tt.want)
		}
	}
}

func TestE7XCache(t *testing.T) {
	for r, want := range map[ResultType]string{ResultNone: "", Hit: "Hit from cloudfront", RefreshHit: "RefreshHit from cloudfront", Error: "Error from cloudfront", FunctionGeneratedResponse: "FunctionGeneratedResponse from cloudfront"} {
		if r.XCache() != want {
			t.Errorf("%q", r.XCache())
		}
	}
}

func TestCacheStatus(t *testing.T) {
	r := &Record{Cache: Cache{Status: CacheHit, TTL: 60 * time.Second, Age: 50 * time.Second}}
	if got := string(AppendCacheStatus(nil, r)); got != "Forelane; hit; ttl=10" {
		t.Error(got)
	}
	r = &Record{Cache: Cache{Status: CacheMiss, Reason: ReasonAbsent, Store: Stored, TTL: 60 * time.Second}, Origin: Origin{Status: 200}}
	if got := string(AppendCacheStatus(nil, r)); got != "Forelane; fwd=uri-miss; fwd-status=200; ttl=60; stored; detail=absent" {
		t.Error(got)
	}
	r = &Record{Cache: Cache{Status: CacheBypass, Reason: ReasonMethod}}
	shown := &Record{Cache: Cache{Status: CacheHit, ShowKey: true, Key: "E1\n/a\"\\\v7:x\v=\xc3\xa9"}}
	if got := string(AppendCacheStatus(nil, shown)); got != `Forelane; hit; ttl=0; key="E1 /a\"\\ 7:x =??"` {
		t.Errorf("with the key: %s", got)
	}
	if got := string(AppendCacheStatus(nil, r)); got != "Forelane; fwd=method; detail=method" {
		t.Error(got)
	}
}

func TestK13ServerTiming(t *testing.T) {
	r := &Record{ID: "x==", Edge: Edge{Location: "LCL1"}, Cache: Cache{Status: CacheHit}}
	if got := string(AppendServerTiming(nil, r)); got != `cdn-cache-hit,cdn-pop;desc="LCL1",cdn-rid;desc="x==",cdn-hit-layer;desc="EDGE"` {
		t.Error(got)
	}
	r.Cache.Status, r.Origin = CacheMiss, Origin{Tries: 1, FirstByte: 12 * time.Millisecond}
	if got := string(AppendServerTiming(nil, r)); got != `cdn-cache-miss,cdn-pop;desc="LCL1",cdn-rid;desc="x==",cdn-upstream-layer;desc="EDGE",cdn-upstream-fbl;dur=12` {
		t.Error(got)
	}
}

func TestAppendingDoesNotAllocate(t *testing.T) {
	r, b := sample(), make([]byte, 0, 4096)
	for name, f := range map[string]func(){
		"standard": func() { AppendStandard(b, r, true) }, "json": func() { AppendJSON(b, r) },
		"cache-status": func() { AppendCacheStatus(b, r) }, "reset": func() { c := *r; c.Reset() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkAppendStandard(b *testing.B) {
	r, buf := sample(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendStandard(buf[:0], r, true)
	}
}

func TestTimeIsAsFormatted(t *testing.T) {
	for _, at := range []int64{0, 1, 59, 60, 3599, 3600, 35999, 36000, 86399, 86400, 951782399, 951782400, 1796000000, 4102444799, 253402300799, -1, -86401} {
		u := time.Unix(at, 999)
		l := line{}
		l.time(u.In(time.FixedZone("east", 7200)))
		if want := u.UTC().Format("2006-01-02\t15:04:05"); string(l.b) != want {
			t.Errorf("%d: %q, want %q", at, l.b, want)
		}
	}
}
