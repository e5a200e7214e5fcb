// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// parseNumber reads an integer or a float as JSON and templates write them.
// What would lose digits is kept as text.
func parseNumber(s string) (any, bool) {
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, true
		}
		if len(s) > 1000 {
			return nil, false
		}
		if n, ok := new(big.Int).SetString(s, 10); ok {
			return decimal(n.String()), true
		}
		return nil, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, false
	}
	if len(s) > 18 && !strings.ContainsAny(s, "eE") {
		return decimal(s), true
	}
	return f, true
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64, decimal:
		return true
	}
	return false
}

func toFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case decimal:
		f, _ := strconv.ParseFloat(string(v), 64) // a number by construction; ±Inf when out of range
		return f
	}
	return math.NaN()
}

// toInt is intValue() and what an index takes.
func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		if v != v || v > math.MaxInt64 || v < math.MinInt64 {
			return 0, false
		}
		return int64(v), true
	}
	return 0, false
}

// compareNumbers is -1, 0 or 1.
func compareNumbers(a, b any) int {
	x, xInt := a.(int64)
	y, yInt := b.(int64)
	if xInt && yInt {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	f, g := toFloat(a), toFloat(b)
	switch {
	case f < g:
		return -1
	case f > g:
		return 1
	}
	return 0
}

// calculate does arithmetic; nil where Velocity has no result.
func calculate(op operator, a, b any) any {
	if !isNumber(a) || !isNumber(b) {
		return nil
	}
	x, xInt := a.(int64)
	y, yInt := b.(int64)
	if (op == opDiv || op == opMod) && toFloat(b) == 0 {
		return nil
	}
	if xInt && yInt {
		return calculateInt(op, x, y)
	}
	f, g := toFloat(a), toFloat(b)
	switch op {
	case opAdd:
		return f + g
	case opSub:
		return f - g
	case opMul:
		return f * g
	case opDiv:
		return f / g
	case opMod:
		return math.Mod(f, g)
	}
	return nil
}

func calculateInt(op operator, x, y int64) any {
	switch op {
	case opDiv:
		if x != math.MinInt64 || y != -1 {
			return x / y
		}
	case opMod:
		if y == -1 {
			return int64(0)
		}
		return x % y
	}
	a, b, out := big.NewInt(x), big.NewInt(y), new(big.Int)
	switch op {
	case opAdd:
		out.Add(a, b)
	case opSub:
		out.Sub(a, b)
	case opMul:
		out.Mul(a, b)
	case opDiv:
		out.Quo(a, b)
	default:
		return nil
	}
	if out.IsInt64() {
		return out.Int64()
	}
	return decimal(out.String())
}
