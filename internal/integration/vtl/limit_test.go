// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Hostile templates and bodies end within their budget, and say which.
func TestA8HostileTemplates(t *testing.T) {
	deepBody := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, tt := range []struct {
		name, template, body string
		want                 Kind
	}{
		{"nested loops", `#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#set($x = $a)#end#end#end`, "", TooManySteps},
		{"output", `#set($s = "` + strings.Repeat("x", 10000) + `")#foreach($a in [1..1000])#foreach($b in [1..1000])$s#end#end`, "", TooMuchOutput},
		{"doubling a string", `#set($s = "x")#foreach($a in [1..1000])#set($s = $s + $s)#end`, "", TooMuchMemory},
		{"doubling by interpolation", `#set($s = "x")#foreach($a in [1..1000])#set($s = "$s$s")#end`, "", TooMuchOutput},
		{"doubling by replace", `#set($s = "xx")#foreach($a in [1..1000])#set($s = $s.replace("x", "xx"))#end`, "", TooMuchMemory},
		{"doubling by replaceAll", `#set($s = "xx")#foreach($a in [1..1000])#set($s = $s.replaceAll("x", "xx"))#end`, "", TooMuchMemory},
		{"doubling by concat", `#set($s = "xx")#foreach($a in [1..1000])#set($s = $s.concat($s))#end`, "", TooMuchMemory},
		{"repeat", `$x.repeat(2000000000)#set($s = "abc")$s.repeat(2000000000)`, "", TooMuchMemory},
		{"doubling a list", `#set($l = [1])#foreach($a in [1..1000])#set($q = $l.addAll($l))#end`, "", TooMuchMemory},
		{"a list of itself twice", `#set($l = ["a"])#foreach($a in [1..60])#set($l = [$l, $l])#end$l`, "", TooMuchMemory},
		{"a list in itself", `#set($l = [])#set($q = $l.add($l))$l`, "", TooMuchMemory},
		{"a list in itself compared", `#set($l = [])#set($q = $l.add($l))#set($m = [])#set($q = $m.add($m))#if($l == $m)x#end`, "", TooDeep},
		{"comparing doubled lists", `#set($l = ["a"])#foreach($a in [1..60])#set($l = [$l, $l])#end#set($m = ["a"])#foreach($a in [1..60])#set($m = [$m, $m])#end#if($l == $m)x#end`, "", TooManySteps},
		{"a long range", `#set($r = [1..2000000000])`, "", TooMuchMemory},
		{"ranges of extremes", `#set($r = [-9223372036854775808..9223372036854775807])`, "", TooMuchMemory},
		{"a macro in itself", `#macro(m)x#m()#end#m()`, "", TooDeep},
		{"a macro of its own argument", `#macro(m $a)#m("$a$a")#end#m("x")`, "", TooDeep},
		{"a block in itself", `#define($d)$d#end$d`, "", TooDeep},
		{"a block in itself twice", `#define($d)$d$d#end$d`, "", TooDeep},
		{"a deep body", `$input.path('$')`, deepBody, TooDeep},
		{"deep scans", `#foreach($a in [1..1000])#foreach($b in [1..1000])#set($x = $input.path('$..*'))#end#end`, `{"a":[1,2,3,{"b":[1,2,3]}]}`, TooManySteps},
		{"deep scans of deep scans", `$input.path('$..*..*..*..*..*..*..*..*..*..*')`, `{"a":` + strings.Repeat("[", 60) + `1,2` + strings.Repeat("]", 60) + `}`, TooManySteps},
		{"filters in filters", `$input.path('$[?($[?($[?($[?(@ == $[0])])])])]')`, "[" + strings.Repeat("1,", 99) + "1]", TooManySteps},
		{"a backtracking expression", `#set($s = "` + strings.Repeat("a", 40) + `!")$s.matches("(?=a)(a+a?)+b")`, "", TooSlow},
		{"a long expression", `#set($p = "a")#foreach($i in [1..12])#set($p = $p + $p)#end$p.matches($p)`, "", Exception},
		{"a bad expression", `#set($s = "x")$s.split("(")`, "", Exception},
		{"bad JSON to parse", `$util.parseJson("{")`, "", Exception},
		{"beyond a string", `#set($s = "x")$s.substring(5)`, "", Exception},
		{"removing from a long list", `#set($l = [1..1000])#foreach($i in [1..200])#set($q = $l.addAll([1..1000]))#end#foreach($i in [1..1000])#foreach($j in [1..1000])#set($q = $l.remove(0))#end#end`, "", TooManySteps},
		{"searching a long list", `#set($l = [1..1000])#foreach($i in [1..1000])#foreach($j in [1..1000])#set($q = $l.contains(-1))#end#end`, "", TooManySteps},
	} {
		start := time.Now()
		in := input(tt.body)
		// A quarter of the limits that hold by themselves, to be quick; but for the
		// time: other limits come first, however slow the machine is.
		in.Limits = Limits{Steps: 500_000, Output: 2_500_000, Memory: 16 << 20, Time: time.Minute}
		_, err := render(tt.template, in)
		var e *Error
		if !errors.As(err, &e) || e.Kind != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %s", tt.name, took)
		}
	}
}

func TestA8TimeIsBounded(t *testing.T) {
	in := input("")
	in.Limits = Limits{Steps: 1 << 40, Time: time.Millisecond}
	_, err := render(`#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#set($x = $a)#end#end#end`, in)
	var e *Error
	if !errors.As(err, &e) || e.Kind != TooSlow {
		t.Error(err)
	}
}

func TestA8TemplatesThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name, template string
		want           Kind
	}{
		{"if without end", "#if(true)", Syntax},
		{"end without if", "#end", Syntax},
		{"foreach without in", "#foreach($x of $y)#end", Syntax},
		{"else twice", "#if(true)#else#else#end", Syntax},
		{"set a method", "#set($x.y() = 1)", Syntax},
		{"set without a value", "#set($x = )", Syntax},
		{"open list", "#set($x = [1, 2)", Syntax},
		{"open map", `#set($x = {"a": 1)`, Syntax},
		{"map without a colon", `#set($x = {"a" 1})`, Syntax},
		{"open arguments", `$x.y("a"`, Syntax},
		{"include", `#include("x")`, Syntax},
		{"parse", `#parse("x")`, Syntax},
		{"evaluate", `#evaluate("x")`, Syntax},
		{"a macro in a string", `#set($x = "#macro(a)b#end")`, Syntax},
		{"nested too deep", strings.Repeat("#if(true)", 200) + strings.Repeat("#end", 200), TooDeep},
		{"parentheses too deep", "#set($x = " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + ")", TooDeep},
		{"negations too deep", "#if(" + strings.Repeat("!", 5000) + "true)x#end", TooDeep},
		{"lists too deep", "#set($x = " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + ")", TooDeep},
		{"indices too deep", strings.Repeat("$a[", 5000) + "1" + strings.Repeat("]", 5000), TooDeep},
		{"too long", strings.Repeat("x", MaxSource+1), Syntax},
	} {
		var e *Error
		if _, err := Parse(tt.template); !errors.As(err, &e) || e.Kind != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := Parse("a\nb\n#set($x = )"); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("no line in %v", err)
	}
}

func TestA8ForeachEndsAfterAThousand(t *testing.T) {
	body := "[" + strings.Repeat("1,", 1499) + "1]"
	got, err := render(`#set($n = 0)#foreach($x in $input.path('$'))#set($n = $n + 1)#end$n`, input(body))
	if err != nil || got != "1000" {
		t.Errorf("%s rounds, %v", got, err)
	}
}
