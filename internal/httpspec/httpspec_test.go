// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"slices"
	"testing"
	"time"
)

func TestParseDateForms(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, in := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		if got, ok := ParseDate(in); !ok || !got.Equal(want) {
			t.Errorf("%q = %v %v", in, got, ok)
		}
	}
	for _, in := range []string{
		"", "0", "-1", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT", "Son, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z",
		"Sun, 00 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
	} {
		if got, ok := ParseDate(in); ok {
			t.Errorf("%q = %v", in, got)
		}
	}
	if got, ok := ParseDate("Friday, 01-Jan-70 00:00:00 GMT"); !ok || got.Year() != 1970 {
		t.Errorf("rfc 850: %v", got)
	}
	if got, ok := ParseDate("Friday, 01-Jan-69 00:00:00 GMT"); !ok || got.Year() != 2069 {
		t.Errorf("rfc 850: %v", got)
	}
}

func FuzzDate(f *testing.F) {
	f.Add(int64(784111777), "Sun, 06 Nov 1994 08:49:37 GMT")
	f.Fuzz(func(t *testing.T, unix int64, text string) {
		unix = (unix%253402300800 + 253402300800) % 253402300800 // years 1970 to 9999
		at := time.Unix(unix, 0).UTC()
		if got, want := FormatDate(at), at.Format("Mon, 02 Jan 2006 15:04:05 GMT"); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		if back, ok := ParseDate(FormatDate(at)); !ok || !back.Equal(at) {
			t.Fatalf("%v came back as %v", at, back)
		}
		if at, ok := ParseDate(text); ok && at.Year() > 0 {
			if back, ok := ParseDate(FormatDate(at)); !ok || !back.Equal(at) {
				t.Fatalf("%q: %v came back as %v", text, at, back)
			}
		}
	})
}

func TestAge(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, date, age string
		delay, resident time.Duration
		want            time.Duration
	}{
		{"fresh", FormatDate(t0), "", 0, 5 * s, 5 * s},
		{"no date", "", "", 0, 5 * s, 5 * s},
		{"age field", FormatDate(t0), "30", 2 * s, 5 * s, 37 * s},
		{"apparent age is larger", FormatDate(t0.Add(-time.Minute)), "30", 0, 5 * s, 65 * s},
		{"date ahead", FormatDate(t0.Add(time.Hour)), "", 0, 5 * s, 5 * s},
		{"first age counts", FormatDate(t0), "1, 99", 0, 0, s},
		{"unreadable age", FormatDate(t0), "soon", 0, s, s},
	} {
		got := Age(tt.date, tt.age, t0.Add(-tt.delay), t0, t0.Add(tt.resident))
		if got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestETagComparison(t *testing.T) { // the table of RFC 9110 8.8.3.2
	for _, tt := range []struct {
		a, b         string
		strong, weak bool
	}{
		{`W/"1"`, `W/"1"`, false, true},
		{`W/"1"`, `W/"2"`, false, false},
		{`W/"1"`, `"1"`, false, true},
		{`"1"`, `"1"`, true, true},
		{`1`, `1`, false, false},
		{`w/"1"`, `"1"`, false, false},
	} {
		a, b := ParseETag(tt.a), ParseETag(tt.b)
		if a.StrongEqual(b) != tt.strong || a.WeakEqual(b) != tt.weak {
			t.Errorf("%s %s: strong %v weak %v", tt.a, tt.b, a.StrongEqual(b), a.WeakEqual(b))
		}
	}
}

func TestEvaluatePreconditions(t *testing.T) {
	const older, at, newer = "Sun, 01 Mar 2026 11:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 13:00:00 GMT"
	v := Validators{ETag: `"a,b"`, LastModified: at, Date: newer}
	for _, tt := range []struct {
		name, method string
		c            Conditions
		v            Validators
		want         Condition
	}{
		{"none", "GET", Conditions{}, v, Proceed},
		{"if-none-match", "GET", Conditions{IfNoneMatch: `"x", W/"a,b"`}, v, NotModified},
		{"if-none-match head", "HEAD", Conditions{IfNoneMatch: `"a,b"`}, v, NotModified},
		{"if-none-match put", "PUT", Conditions{IfNoneMatch: "*"}, v, PreconditionFailed},
		{"if-none-match star", "GET", Conditions{IfNoneMatch: " * "}, v, NotModified},
		{"if-none-match other", "GET", Conditions{IfNoneMatch: `"a"`}, v, Proceed},
		{"if-none-match hides if-modified-since", "GET", Conditions{IfNoneMatch: `"x"`, IfModifiedSince: newer}, v, Proceed},
		{"if-none-match malformed", "GET", Conditions{IfNoneMatch: `a,b`}, v, Proceed},
		{"if-none-match after malformed", "GET", Conditions{IfNoneMatch: `"x" "a,b"`}, v, Proceed},
		{"if-modified-since same", "GET", Conditions{IfModifiedSince: at}, v, NotModified},
		{"if-modified-since newer", "GET", Conditions{IfModifiedSince: newer}, v, NotModified},
		{"if-modified-since older", "GET", Conditions{IfModifiedSince: older}, v, Proceed},
		{"if-modified-since post", "POST", Conditions{IfModifiedSince: at}, v, Proceed},
		{"if-modified-since bad date", "GET", Conditions{IfModifiedSince: "yesterday"}, v, Proceed},
		{"if-modified-since against date", "GET", Conditions{IfModifiedSince: newer}, Validators{Date: at}, NotModified},
		{"if-match", "GET", Conditions{IfMatch: `"a,b"`}, v, Proceed},
		{"if-match weak", "GET", Conditions{IfMatch: `W/"a,b"`}, v, PreconditionFailed},
		{"if-match star", "PUT", Conditions{IfMatch: "*"}, v, Proceed},
		{"if-match no tag", "GET", Conditions{IfMatch: `"a"`}, Validators{}, PreconditionFailed},
		{"if-match then if-none-match", "GET", Conditions{IfMatch: `"a,b"`, IfNoneMatch: `"a,b"`}, v, NotModified},
		{"if-unmodified-since older", "GET", Conditions{IfUnmodifiedSince: older}, v, PreconditionFailed},
		{"if-unmodified-since same", "GET", Conditions{IfUnmodifiedSince: at}, v, Proceed},
		{"if-match hides if-unmodified-since", "GET", Conditions{IfMatch: "*", IfUnmodifiedSince: older}, v, Proceed},
		{"if-unmodified-since unknown", "GET", Conditions{IfUnmodifiedSince: older}, Validators{}, Proceed},
	} {
		if got := Evaluate(tt.method, tt.c, tt.v); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestIfRange(t *testing.T) {
	const at, later, soon = "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:01:00 GMT", "Sun, 01 Mar 2026 12:00:59 GMT"
	for _, tt := range []struct {
		value string
		v     Validators
		want  bool
	}{
		{"", Validators{}, true},
		{`"a"`, Validators{ETag: `"a"`}, true},
		{`W/"a"`, Validators{ETag: `W/"a"`}, false},
		{`"b"`, Validators{ETag: `"a"`}, false},
		{at, Validators{LastModified: at, Date: later}, true},
		{at, Validators{LastModified: at, Date: soon}, false},
		{at, Validators{LastModified: at}, false},
		{later, Validators{LastModified: at, Date: later}, false},
		{"junk", Validators{ETag: `"a"`, LastModified: at, Date: later}, false},
	} {
		if got := IfRange(tt.value, tt.v); got != tt.want {
			t.Errorf("%q %+v: %v", tt.value, tt.v, got)
		}
	}
}

func TestF15Range(t *testing.T) {
	for _, tt := range []struct {
		in        string
		size      int64
		want      []Span
		kind      RangeKind
		ascending bool
	}{
		{"bytes=0-0", 10, []Span{{0, 0}}, RangeSatisfiable, true},
		{"Bytes = 2-", 10, nil, RangeIgnored, true},
		{"bytes=2-", 10, []Span{{2, 9}}, RangeSatisfiable, true},
		{"bytes=-3", 10, []Span{{7, 9}}, RangeSatisfiable, true},
		{"bytes=-30", 10, []Span{{0, 9}}, RangeSatisfiable, true},
		{"bytes=-0", 10, nil, RangeUnsatisfiable, true},
		{"bytes=5-99", 10, []Span{{5, 9}}, RangeSatisfiable, true},
		{"bytes=10-", 10, nil, RangeUnsatisfiable, true},
		{"bytes=0-", 0, nil, RangeUnsatisfiable, true},
		{"bytes=-5", 0, nil, RangeUnsatisfiable, true},
		{"bytes=99999999999999999999-", 10, nil, RangeUnsatisfiable, true},
		{"bytes=0-99999999999999999999", 10, []Span{{0, 9}}, RangeSatisfiable, true},
		{"bytes=5-2", 10, nil, RangeIgnored, true},
		{"bytes=a-b", 10, nil, RangeIgnored, true},
		{"bytes=--1", 10, nil, RangeIgnored, true},
		{"bytes=+1-2", 10, nil, RangeIgnored, true},
		{"bytes=", 10, nil, RangeIgnored, true},
		{"bytes=-", 10, nil, RangeIgnored, true},
		{"items=0-1", 10, nil, RangeIgnored, true},
		{"bytes=0-1, 4-5,20-30", 10, []Span{{0, 1}, {4, 5}}, RangeSatisfiable, true},
		{"bytes=4-5,0-1", 10, []Span{{4, 5}, {0, 1}}, RangeSatisfiable, false},
		{"bytes=0-4,4-5", 10, []Span{{0, 4}, {4, 5}}, RangeSatisfiable, false},
	} {
		got, kind := ParseRange(tt.in, tt.size, nil)
		if kind != tt.kind || !slices.Equal(got, tt.want) || Ascending(got) != tt.ascending {
			t.Errorf("%q of %d: %v %v", tt.in, tt.size, got, kind)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1,-4", int64(10))
	f.Fuzz(func(t *testing.T, in string, size int64) {
		spans, kind := ParseRange(in, size, nil)
		if (kind == RangeSatisfiable) != (len(spans) > 0) || len(spans) > maxRanges {
			t.Fatalf("%v %v", kind, spans)
		}
		for _, sp := range spans {
			if sp.First < 0 || sp.Last < sp.First || sp.Last >= size {
				t.Fatalf("%q of %d: %v", in, size, sp)
			}
			back, n, ok := ParseContentRange(string(AppendContentRange(nil, sp, size)))
			if size < 1e18 && (!ok || back != sp || n != size) {
				t.Fatalf("%v of %d came back as %v of %d", sp, size, back, n)
			}
		}
	})
}

func TestContentRange(t *testing.T) {
	if got := string(AppendUnsatisfied(nil, 12)); got != "bytes */12" {
		t.Error(got)
	}
	if got, n, ok := ParseContentRange("bytes 1-2/*"); !ok || n != -1 || got != (Span{1, 2}) {
		t.Error(got, n, ok)
	}
	for _, in := range []string{"", "bytes", "bytes */5", "bytes 2-1/5", "bytes 0-5/5", "bytes 0-5", "items 0-1/5", "bytes 0-x/5"} {
		if _, _, ok := ParseContentRange(in); ok {
			t.Errorf("%q", in)
		}
	}
}

func TestK6AcceptEncoding(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "gzip": "gzip", "br": "br", "gzip, br": "br,gzip", "BR;q=0.1,GZIP;q=1.000": "br,gzip", "br;q=0, gzip": "gzip",
		"br;q=0.000": "", "*": "", "identity": "", "gzip;q=x": "", "gzip;Q=0": "", "gzipped, brx": "", "gzip ; q=0.5": "gzip", "gzip;q=1.5": "",
		"br, br;q=0": "", "deflate, gzip;q=1.0, *;q=0.5": "gzip",
	} {
		if got := AcceptedEncodings(in).String(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCookies(t *testing.T) {
	var got []string
	for n, v, rest, ok := NextCookie(` a=1; b = "x y" ;; c=d=e; flag;=v `); ok; n, v, rest, ok = NextCookie(rest) {
		got = append(got, n+"|"+v)
	}
	if want := []string{"a|1", `b|"x y"`, "c|d=e", "|flag", "|v"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	n, v, a := ParseSetCookie("id=x=1; Path=/; Secure")
	if n != "id" || v != "x=1" || a != "Path=/; Secure" {
		t.Error(n, v, a)
	}
}

func TestParams(t *testing.T) {
	var got []string
	for n, v, raw, rest, ok := NextParam("a=1&&b&c=&=d&a=2=3"); ok; n, v, raw, rest, ok = NextParam(rest) {
		got = append(got, n+"|"+v+"|"+raw)
	}
	if want := []string{"a|1|a=1", "b||b", "c||c=", "|d|=d", "a|2=3|a=2=3"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestContentLength(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int64
		good bool
	}{
		{"0", 0, true},
		{"42", 42, true},
		{"42, 42", 42, true},
		{"42,43", 0, false},
		{"", -1, false},
		{"+1", 0, false},
		{"-1", 0, false},
		{"1 2", 0, false},
		{"0x1", 0, false},
		{"1,", 0, false},
		{",1", 0, false},
		{"9999999999999999999", 0, false},
	} {
		if n, ok := ContentLength(tt.in); ok != tt.good || ok && n != tt.n {
			t.Errorf("%q = %d %v", tt.in, n, ok)
		}
	}
}

func TestHopByHop(t *testing.T) {
	for _, n := range []string{"connection", "TE", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection", "transfer-encoding", "Proxy-Authenticate", "Proxy-Authorization"} {
		if !HopByHop(n, "") {
			t.Errorf("%s is hop-by-hop", n)
		}
	}
	for _, tt := range []struct {
		name, connection string
		want             bool
	}{{"X-A", "close, x-a", true}, {"X-B", "close, x-a", false}, {"Cache-Control", "cache-control", false}, {"Host", "host", false}, {"Set-Cookie", "Set-Cookie", false}} {
		if got := HopByHop(tt.name, tt.connection); got != tt.want {
			t.Errorf("%s with %q: %v", tt.name, tt.connection, got)
		}
	}
}

func TestFieldGrammar(t *testing.T) {
	for in, want := range map[string]bool{"": false, "Host": true, "X_y!": true, "a b": false, "a:": false, "é": false, "a\x00": false, "a(": false} {
		if ValidName(in) != want {
			t.Errorf("name %q is not %v", in, want)
		}
	}
	for in, want := range map[string]bool{"": true, "a b\tc": true, " a": false, "a ": false, "a\r\nb": false, "a\x00": false, "é": true, "\x7f": false} {
		if ValidValue(in) != want {
			t.Errorf("value %q is not %v", in, want)
		}
	}
	if !ListHas(`"a,b", Accept-Encoding , *`, "accept-encoding") || ListHas(`"a,b"`, "b") {
		t.Error("ListHas")
	}
	if MediaType(" text/HTML ; charset=x") != "text/HTML" || !EqualMediaType("Application/JSON;v=1", "application/json") {
		t.Error("MediaType")
	}
}

func FuzzLists(f *testing.F) {
	f.Add(`max-age="1\"", no-cache="a,b", w/"x"`)
	f.Fuzz(func(t *testing.T, in string) {
		n := 0
		for item, rest, ok := NextItem(in); ok; item, rest, ok = NextItem(rest) {
			if item == "" || len(rest) >= len(in) {
				t.Fatalf("%q: item %q rest %q", in, item, rest)
			}
			n++
		}
		if n > len(in) {
			t.Fatal("more items than bytes")
		}
		cc := ParseCacheControl(in)
		for _, v := range []Seconds{cc.MaxAge, cc.SMaxAge, cc.StaleIfError, cc.StaleWhileRevalidate} {
			if v.Value < 0 || v.Value > maxSeconds*time.Second || v.Value > 0 && !v.Set {
				t.Fatalf("%q: %+v", in, cc)
			}
		}
		if e := AcceptedEncodings(in); e.String() == "" && e != 0 {
			t.Fatalf("%q: encodings %d without a name", in, e)
		}
		if !HopByHop("Connection", in) {
			t.Fatalf("Connection is hop-by-hop, whatever it lists: %q", in)
		}
		Evaluate("GET", Conditions{in, in, in, in}, Validators{in, in, in})
		for _, _, rest, ok := NextCookie(in); ok; _, _, rest, ok = NextCookie(rest) {
		}
		if n, ok := ContentLength(in); ok && n < 0 {
			t.Fatal("negative")
		}
	})
}
