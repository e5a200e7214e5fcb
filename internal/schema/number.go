// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
)

// decimal is a number as written, normalised: 0.digits × 10^exp, the digits
// without zeros at either end; zero has none. 120 and 1.20e2 are the same.
// Nothing of it grows with the exponent.
type decimal struct {
	negative bool
	digits   string
	exp      int64
}

// maxExponent is where an exponent stops growing: no text is long enough for
// two numbers to be told apart beyond it.
const maxExponent = 1 << 40

// parseDecimal reads a JSON number.
func parseDecimal(b []byte) decimal {
	var d decimal
	b, d.negative = bytes.CutPrefix(b, []byte("-"))
	mantissa := string(b)
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		mantissa = string(b[:i])
		e, err := strconv.ParseInt(strings.TrimPrefix(string(b[i+1:]), "+"), 10, 64)
		if err != nil && e == 0 {
			e = maxExponent
		}
		d.exp = min(max(e, -maxExponent), maxExponent)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	d.exp += int64(len(whole))
	trimmed := strings.TrimLeft(digits, "0")
	d.exp -= int64(len(digits) - len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}
	}
	return d
}

// compare is -1, 0 or 1.
func (d *decimal) compare(o *decimal) int {
	switch {
	case d.digits == "" && o.digits == "":
		return 0
	case d.sign() != o.sign():
		if d.sign() < o.sign() {
			return -1
		}
		return 1
	}
	c := 0
	switch {
	case d.exp != o.exp:
		c = 1
		if d.exp < o.exp {
			c = -1
		}
	default:
		c = strings.Compare(d.digits, o.digits)
	}
	if d.negative {
		c = -c
	}
	return c
}

func (d *decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

func (d decimal) appendTo(b []byte) []byte {
	if d.digits == "" {
		return append(b, '0')
	}
	if d.negative {
		b = append(b, '-')
	}
	b = append(append(b, d.digits...), 'e')
	return strconv.AppendInt(b, d.exp, 10)
}

// maxMultipleDigits bounds the arithmetic of multipleOf.
const maxMultipleDigits = 2000

// multipleOf tells whether d is a whole multiple of m, which is above 0.
func (d *decimal) multipleOf(m *decimal) bool {
	if d.digits == "" {
		return true
	}
	// both as whole numbers of the smaller unit
	du, mu := d.exp-int64(len(d.digits)), m.exp-int64(len(m.digits))
	unit := min(du, mu)
	if int64(len(d.digits))+du-unit > maxMultipleDigits || int64(len(m.digits))+mu-unit > maxMultipleDigits {
		return false
	}
	a, ok := new(big.Int).SetString(d.digits+strings.Repeat("0", int(du-unit)), 10)
	b, ok2 := new(big.Int).SetString(m.digits+strings.Repeat("0", int(mu-unit)), 10)
	return ok && ok2 && a.Mod(a, b).Sign() == 0
}

// String writes the number in the shortest plain form that it has.
func (d *decimal) String() string {
	n := int64(len(d.digits))
	sign := ""
	if d.negative {
		sign = "-"
	}
	switch {
	case n == 0:
		return "0"
	case d.exp < -20 || d.exp > 40:
		return sign + "0." + d.digits + "e" + strconv.FormatInt(d.exp, 10)
	case d.exp >= n:
		return sign + d.digits + strings.Repeat("0", int(d.exp-n))
	case d.exp > 0:
		return sign + d.digits[:d.exp] + "." + d.digits[d.exp:]
	}
	return sign + "0." + strings.Repeat("0", int(-d.exp)) + d.digits
}
