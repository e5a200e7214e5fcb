// SPDX-License-Identifier: Apache-2.0

// Patterns are ECMA 262's, as draft 4 says, and match anywhere in a text.
// Most are written in a subset that RE2 shares, but for the dot and the class
// \s, which are translated; they run on Go's engine in time linear in the
// text. All others (lookaround, back references, \u escapes, classes that the
// two read differently) run on a backtracking engine in ECMAScript mode under
// a time limit; what takes longer does not match.

package schema

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

const (
	patternTime = 50 * time.Millisecond // of one match
	bodyTime    = 2 * patternTime       // of all backtracking matches in one body
	// maxPattern is the longest pattern; maxBacktracked the longest text that
	// the backtracking engine is asked about.
	maxPattern     = 4096
	maxBacktracked = 64 << 10
)

type pattern struct {
	source string
	linear *regexp.Regexp
	other  *regexp2.Regexp
}

func compilePattern(expr string) (*pattern, error) {
	if len(expr) > maxPattern {
		return nil, fmt.Errorf("%.40q… is longer than %d bytes", expr, maxPattern)
	}
	p := &pattern{source: expr}
	if shared, ok := translate(expr); ok {
		if re, err := regexp.Compile(shared); err == nil {
			p.linear = re
			return p, nil
		}
	}
	re, err := regexp2.Compile(expr, regexp2.ECMAScript)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expr, err)
	}
	re.MatchTimeout = patternTime
	p.other = re
	return p, nil
}

// match asks about a text. What the backtracking engine takes is subtracted
// from left; with nothing left there is no match.
func (p *pattern) match(s string, left *time.Duration) bool {
	if p.linear != nil {
		return p.linear.MatchString(s)
	}
	if len(s) > maxBacktracked || *left <= 0 {
		return false
	}
	start := time.Now()
	ok, err := p.other.MatchString(s)
	if *left -= time.Since(start); err != nil {
		*left = 0
	}
	return err == nil && ok
}

// What the dot and \s are in ECMA 262, in RE2's words.
const (
	notLineEnd = `[^\n\r\x{2028}\x{2029}]`
	spaces     = `\t\n\v\f\r \x{a0}\x{feff}\x{2028}\x{2029}\p{Zs}`
)

// translate writes an expression of the shared subset for RE2.
func translate(expr string) (string, bool) {
	var b strings.Builder
	class := false
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		switch {
		case c == '\\':
			if i++; i == len(expr) {
				return "", false
			}
			if !translateEscape(&b, expr[i], class) {
				return "", false
			}
		case class && c == '[': // RE2 reads [: and the like as names of classes
			b.WriteString(`\[`)
		case c == '[':
			class = true
			b.WriteByte(c)
			if i+1 < len(expr) && expr[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
			if i+1 < len(expr) && expr[i+1] == ']' { // [] matches nothing in ECMA 262
				return "", false
			}
		case c == ']' && class:
			class = false
			b.WriteByte(c)
		case c == '.' && !class:
			b.WriteString(notLineEnd)
		case c == '(' && strings.HasPrefix(expr[i:], "(?") && !strings.HasPrefix(expr[i:], "(?:"):
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), !class
}

func translateEscape(b *strings.Builder, c byte, class bool) bool {
	switch {
	case c == 's' && class:
		b.WriteString(spaces)
	case c == 's':
		b.WriteString("[" + spaces + "]")
	case c == 'S' && !class:
		b.WriteString("[^" + spaces + "]")
	case strings.IndexByte("dDwWtnrfv", c) >= 0, c == 'b' && !class:
		b.WriteString(`\` + string(c))
	case c < 0x80 && !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'):
		b.WriteString(`\` + string(c)) // punctuation stands for itself in both
	default:
		return false
	}
	return true
}
