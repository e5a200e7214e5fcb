// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"strconv"
	"strings"
)

// call calls a method. nil is void, null, or that there is no such method:
// from outside all three print nothing.
func (r *renderer) call(v any, name string, args []any) (any, error) {
	if o, ok := v.(object); ok {
		result, _, err := o.call(r, name, args)
		return result, err
	}
	switch name {
	case "toString":
		if len(args) == 0 {
			return r.text(v)
		}
	case "equals":
		if len(args) == 1 {
			return r.same(v, args[0])
		}
	}
	switch v := v.(type) {
	case string:
		return r.callString(v, name, args)
	case *list:
		return r.callList(v, name, args)
	case *dict:
		return r.callDict(v, name, args)
	case *entry:
		switch name {
		case "getKey":
			return v.key, nil
		case "getValue":
			return v.value, nil
		}
	case bool:
		return callBool(v, name, args), nil
	case int64, float64, decimal:
		return r.callNumber(v, name, args)
	case *loop:
		if rest, ok := strings.CutPrefix(name, "get"); ok && rest != "" && len(args) == 0 {
			return v.property(strings.ToLower(rest[:1]) + rest[1:]), nil
		}
		return v.property(name), nil
	}
	return nil, nil
}

func callBool(v bool, name string, args []any) any {
	switch {
	case name == "booleanValue" && len(args) == 0:
		return v
	case (name == "parseBoolean" || name == "valueOf") && len(args) == 1:
		return strings.EqualFold(toText(args[0]), "true")
	}
	return nil
}

func (r *renderer) callNumber(v any, name string, args []any) (any, error) {
	if len(args) == 0 {
		switch name {
		case "intValue", "longValue":
			if n, ok := toInt(v); ok {
				return n, nil
			}
			return int64(toFloat(v)), nil
		case "doubleValue", "floatValue":
			return toFloat(v), nil
		case "hashCode":
			n, _ := toInt(v)
			return n, nil
		}
		return nil, nil
	}
	switch name {
	case "compareTo", "compare":
		other := args[len(args)-1]
		if len(args) == 2 {
			v = args[0]
		}
		if isNumber(v) && isNumber(other) {
			return int64(compareNumbers(v, other)), nil
		}
	case "parseInt", "parseLong", "valueOf":
		s := strings.TrimSpace(toText(args[0]))
		if _, float := v.(float64); float && name == "valueOf" {
			return r.parseFloat(s)
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, r.fail(Exception, "%s(%q): not a number", name, clip(s))
		}
		return n, nil
	case "parseDouble", "parseFloat":
		return r.parseFloat(strings.TrimSpace(toText(args[0])))
	case "abs", "max", "min":
		return callMath(name, args), nil
	}
	return nil, nil
}

func (r *renderer) parseFloat(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, r.fail(Exception, "%q is not a number", clip(s))
	}
	return f, nil
}

func callMath(name string, args []any) any {
	for _, a := range args {
		if !isNumber(a) {
			return nil
		}
	}
	switch {
	case name == "abs":
		if compareNumbers(args[0], int64(0)) < 0 {
			return calculate(opSub, int64(0), args[0])
		}
		return args[0]
	case len(args) != 2:
		return nil
	case (compareNumbers(args[0], args[1]) < 0) == (name == "min"):
		return args[0]
	}
	return args[1]
}
