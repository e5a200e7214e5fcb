// SPDX-License-Identifier: Apache-2.0

package httpspec

import "time"

const (
	dayNames   = "SunMonTueWedThuFriSat"
	monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

// AppendDate appends t as an IMF-fixdate (RFC 9110 5.6.7), for example
// "Sun, 06 Nov 1994 08:49:37 GMT".
func AppendDate(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	wd, m := 3*int(t.Weekday()), 3*(int(month)-1)
	b = append(b, dayNames[wd:wd+3]...)
	b = append(b, ',', ' ', byte('0'+day/10), byte('0'+day%10), ' ')
	b = append(b, monthNames[m:m+3]...)
	b = append(b, ' ', byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), ' ')
	b = append(b, byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':')
	return append(b, byte('0'+second/10), byte('0'+second%10), ' ', 'G', 'M', 'T')
}

// FormatDate is AppendDate into a new string.
func FormatDate(t time.Time) string { return string(AppendDate(make([]byte, 0, 29), t)) }

// ParseDate reads the three forms of an HTTP date (RFC 9110 5.6.7). The name
// of the day is not compared with the date, and case does not matter (RFC 9111
// 4.2 asks caches for that).
//
// Departure: the two-digit year of an RFC 850 date is read as 1970 to 2069
// instead of sliding with the clock, so that the function needs no clock.
func ParseDate(s string) (t time.Time, ok bool) {
	switch {
	case len(s) == 29 && s[3] == ',':
		return parseFixdate(s)
	case len(s) == 24 && s[3] == ' ':
		return parseAsctime(s)
	}
	return parseRFC850(s)
}

// parseFixdate reads "Sun, 06 Nov 1994 08:49:37 GMT".
func parseFixdate(s string) (time.Time, bool) {
	if !isDay(s[:3]) || s[4] != ' ' || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || !equalFold(s[25:], " GMT") {
		return time.Time{}, false
	}
	century, ok1 := two(s[12:14])
	year, ok2 := two(s[14:16])
	day, ok3 := two(s[5:7])
	if !ok1 || !ok2 || !ok3 {
		return time.Time{}, false
	}
	return moment(century*100+year, s[8:11], day, s[17:25])
}

// parseAsctime reads "Sun Nov  6 08:49:37 1994".
func parseAsctime(s string) (time.Time, bool) {
	if !isDay(s[:3]) || s[7] != ' ' || s[10] != ' ' || s[19] != ' ' {
		return time.Time{}, false
	}
	century, ok1 := two(s[20:22])
	year, ok2 := two(s[22:24])
	day, ok3 := two(s[8:10])
	if s[8] == ' ' && '1' <= s[9] && s[9] <= '9' {
		day, ok3 = int(s[9]-'0'), true
	}
	if !ok1 || !ok2 || !ok3 {
		return time.Time{}, false
	}
	return moment(century*100+year, s[4:7], day, s[11:19])
}

// parseRFC850 reads "Sunday, 06-Nov-94 08:49:37 GMT".
func parseRFC850(s string) (time.Time, bool) {
	comma := -1
	for i := 0; i < len(s) && i < 10; i++ {
		if s[i] == ',' {
			comma = i
		}
	}
	if comma < 6 || !isDay(s[:3]) || len(s)-comma != 24 {
		return time.Time{}, false
	}
	s = s[comma:] // ", 06-Nov-94 08:49:37 GMT"
	if s[1] != ' ' || s[4] != '-' || s[8] != '-' || s[11] != ' ' || !equalFold(s[20:], " GMT") {
		return time.Time{}, false
	}
	day, ok1 := two(s[2:4])
	year, ok2 := two(s[9:11])
	if !ok1 || !ok2 {
		return time.Time{}, false
	}
	if year < 70 {
		year += 100
	}
	return moment(1900+year, s[5:8], day, s[12:20])
}

func isDay(s string) bool {
	for i := 0; i < len(dayNames); i += 3 {
		if equalFold(dayNames[i:i+3], s) {
			return true
		}
	}
	return false
}

// moment puts a date together; clock is hh:mm:ss. Day 31 of a short month and
// the like are refused, a leap second counts as the second before it.
func moment(year int, month string, day int, clock string) (time.Time, bool) {
	m := 0
	for i := 0; i < len(monthNames); i += 3 {
		if equalFold(monthNames[i:i+3], month) {
			m = i/3 + 1
		}
	}
	hour, ok1 := two(clock[0:2])
	minute, ok2 := two(clock[3:5])
	second, ok3 := two(clock[6:8])
	if m == 0 || !ok1 || !ok2 || !ok3 || clock[2] != ':' || clock[5] != ':' || hour > 23 || minute > 59 || second > 60 || day == 0 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(m), day, hour, minute, min(second, 59), 0, time.UTC)
	return t, t.Day() == day
}

func two(s string) (n int, ok bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// Age is how old an answer is now (RFC 9111 4.2.3).
//
// requested and received are when the request was sent and the answer came;
// date and age are the Date and Age fields of the answer, "" when absent. An
// Age that cannot be read is ignored; of several the first one counts
// (5.1).
func Age(date, age string, requested, received, now time.Time) time.Duration {
	var apparent time.Duration
	if d, ok := ParseDate(date); ok {
		apparent = max(0, received.Sub(d))
	}
	first, _, _ := NextItem(age)
	corrected := deltaSeconds(first) + max(0, received.Sub(requested))
	return max(apparent, corrected) + max(0, now.Sub(received))
}
