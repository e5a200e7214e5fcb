// SPDX-License-Identifier: Apache-2.0

package httpspec

import "time"

// maxSeconds stands for a number of seconds that is too large (RFC 9111 1.2.2).
const maxSeconds = 1 << 31

// Seconds is a delta-seconds that may be absent.
type Seconds struct {
	Value time.Duration
	Set   bool
}

// CacheControl is a parsed Cache-Control of a response. The zero value is an
// answer without the field.
type CacheControl struct {
	MaxAge               Seconds
	SMaxAge              Seconds
	StaleWhileRevalidate Seconds
	StaleIfError         Seconds

	NoCache         bool // without field names
	NoStore         bool
	Private         bool // with or without field names
	Public          bool
	MustRevalidate  bool
	ProxyRevalidate bool
	MustUnderstand  bool
	Immutable       bool

	// NoCacheFields and PrivateFields are the comma-separated names of
	// no-cache="…" and private="…", as written; read them with ListHas.
	NoCacheFields string
	PrivateFields string
}

// ParseCacheControl reads the joined values of Cache-Control.
//
// A number that cannot be read makes the answer stale, as RFC 9111 4.2.1
// encourages: it is present and zero. Of a repeated directive the first one
// counts (same section). A number too large is 2^31 seconds. The token and
// the quoted form of an argument are the same (5.2). private="…" also counts
// as private, which 5.2.2.7 allows: nobody is given a stranger's field.
func ParseCacheControl(values string) CacheControl {
	var cc CacheControl
	for item, rest, ok := NextItem(values); ok; item, rest, ok = NextItem(rest) {
		name, arg, hasArg := cutArgument(item)
		cc.add(name, arg, hasArg)
	}
	return cc
}

func cutArgument(item string) (name, arg string, hasArg bool) {
	for i := 0; i < len(item); i++ {
		if item[i] == '=' {
			// White space around = is not in the grammar; generous reading
			// can only make an answer less cacheable or equal to its intent.
			return trim(item[:i]), unquote(trim(item[i+1:])), true
		}
	}
	return item, "", false
}

func (cc *CacheControl) add(name, arg string, hasArg bool) {
	switch {
	case equalFold(name, "max-age"):
		cc.MaxAge.read(arg)
	case equalFold(name, "s-maxage"):
		cc.SMaxAge.read(arg)
	case equalFold(name, "stale-while-revalidate"):
		cc.StaleWhileRevalidate.read(arg)
	case equalFold(name, "stale-if-error"):
		cc.StaleIfError.read(arg)
	case equalFold(name, "no-cache"):
		if hasArg && arg != "" {
			cc.NoCacheFields = joinNames(cc.NoCacheFields, arg)
		} else {
			cc.NoCache = true
		}
	case equalFold(name, "private"):
		cc.Private = true
		cc.PrivateFields = joinNames(cc.PrivateFields, arg)
	case equalFold(name, "no-store"):
		cc.NoStore = true
	case equalFold(name, "public"):
		cc.Public = true
	case equalFold(name, "must-revalidate"):
		cc.MustRevalidate = true
	case equalFold(name, "proxy-revalidate"):
		cc.ProxyRevalidate = true
	case equalFold(name, "must-understand"):
		cc.MustUnderstand = true
	case equalFold(name, "immutable"):
		cc.Immutable = true
	}
}

func joinNames(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "," + b
}

// read takes the argument of a directive; only the first one counts.
func (s *Seconds) read(arg string) {
	if s.Set {
		return
	}
	*s = Seconds{Value: deltaSeconds(arg), Set: true}
}

// deltaSeconds reads a number of seconds; unreadable is 0, too large is 2^31.
func deltaSeconds(s string) time.Duration {
	if s == "" {
		return 0
	}
	var n int64
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0
		}
		if n = n*10 + int64(c); n > maxSeconds {
			n = maxSeconds
		}
	}
	return time.Duration(n) * time.Second
}
