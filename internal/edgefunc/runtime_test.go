// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func TestE3Values(t *testing.T) {
	both := []string{v1, v2}
	for _, tt := range []struct {
		kinds      []string
		expr, want string
	}{
		{both, "require('crypto').createHash('md5').update('a').update('b').digest('hex')", `"187ef4436122d1cc2f40dc2b92f0eba0"`},
		{both, "require('crypto').createHash('sha1').update('abc').digest('base64')", `"qZk+NkcGgWq6PiVxeFDCbJzQ2J0="`},
		{both, "require('crypto').createHash('sha256').update('abc').digest('base64url')", `"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"`},
		{both, "require('crypto').createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('hex')", `"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"`},
		{both, "require('querystring').parse('name=value&abc=xyz&abc=123&e=%C3%A9+f&bad=%ff')", `{"name":"value","abc":["xyz","123"],"e":"é f","bad":"\ufffd"}`},
		{both, "require('querystring').stringify({ name: 'value', abc: ['xyz', '123'], anotherName: '', \"it's\": '~!' })", `"name=value&abc=xyz&abc=123&anotherName=&it's=~!"`},
		{both, "Object.keys(require('querystring').parse('a;b:1', ';', ':'))", `["a","b"]`},
		{both, "'abc'.padStart(5, '-') + 'x'.repeat(3) + `${1 + 1}` + 2 ** 3", `"--abcxxx28"`},
		{both, "((a, ...b) => b.length)(1, 2, 3)", `2`},
		{both, "Object.entries({ a: 1 }).concat([[1, 2].includes(2)])", `[["a",1],true]`},
		{both, "/(?<y>\\d{4})/.exec('in 2026').groups.y", `"2026"`},
		{both, "this === undefined || this === null", `true`},
		{both, "[typeof setTimeout, typeof fetch, typeof XMLHttpRequest, typeof process, typeof Map, typeof Proxy, typeof Reflect]", `["undefined","undefined","undefined","undefined","undefined","undefined","undefined"]`},
		{both, "(function () { try { eval('1'); } catch (e) { return e.name; } })()", `"EvalError"`},
		{both, "(function () { try { new Function('return 1')(); } catch (e) { return e.name; } })()", `"EvalError"`},
		{both, "(function () { try { (function () {}).constructor('return 1')(); } catch (e) { return e.name; } })()", `"EvalError"`},
		{both, "(function () { try { require('fs'); } catch (e) { return e.message; } })()", `"Cannot find module \"fs\""`},
		{both, "(function () { var a = Date.now(), s = 0; for (var i = 0; i < 1000; i++) s += i; return Date.now() - a; })()", `0`},
		{both, "(function () { var e = new TypeError('x'); e.name = 'Mine'; e.message = 'y'; var o = {}; o.toString = function () { return 'z'; }; return e + o; })()", `"Mine: yz"`},
		{both, "[typeof globalThis, MemoryError.name, new MemoryError('m') instanceof Error]", `["object","MemoryError",true]`},

		{[]string{v1}, "String.bytesFrom('aGk=', 'base64') + 'é'.toUTF8().length + 'Ã©'.fromUTF8() + '\\u0100'.toBytes()", `"hi2énull"`},
		{[]string{v1}, "typeof Buffer", `"undefined"`},

		{[]string{v2}, "[typeof ''.toUTF8, typeof String.bytesFrom]", `["undefined","undefined"]`},
		{[]string{v2}, "crypto.createHash('md5').update('ab').digest().toString('hex')", `"187ef4436122d1cc2f40dc2b92f0eba0"`},
		{[]string{v2}, "Buffer.isBuffer(crypto.createHmac('sha1', Buffer.from('k')).update(Buffer.from('v')).digest())", `true`},
		{[]string{v2}, "[Buffer.from('héllo').toString('base64'), Buffer.from('aMOpbGxv', 'base64').toString(), Buffer.from('-_8', 'base64url').toString('hex'), Buffer.from('6869', 'hex').toString('latin1')]", `["aMOpbGxv","héllo","fbff","hi"]`},
		{[]string{v2}, "[Buffer.concat([Buffer.from('a'), Buffer.alloc(2, 'b')]).toString(), Buffer.byteLength('é'), Buffer.from([1, 2, 3]).slice(1).toJSON(), Buffer.from('abc').indexOf('c'), Buffer.from('a').equals(Buffer.from('a'))]", `["abb",2,{"type":"Buffer","data":[2,3]},2,true]`},
		{[]string{v2}, "(function () { const b = Buffer.alloc(8); b.writeUInt32BE(0xdeadbeef, 0); b.writeInt16LE(-2, 4); b.writeUIntBE(0x0102, 6, 2); return [b.readUInt32BE(0), b.readInt16LE(4), b.readUIntBE(6, 2), b.toString('hex')]; })()", `[3735928559,-2,258,"deadbeeffeff0102"]`},
		{[]string{v2}, "[atob('aGk='), btoa('hi'), new TextDecoder().decode(new TextEncoder().encode('é')), 'aXbX'.replaceAll('X', '-')]", `["hi","aGk=","é","a-b-"]`},
		{[]string{v2}, "await Promise.all([1, Promise.resolve(2)])", `[1,2]`},
		{[]string{v2}, "querystring.escape('a b&c')", `"a%20b%26c"`},
		{[]string{v2}, "cf.edgeLocation", `{"name":"LCL","serverIp":"192.0.2.1","region":"eu-west-1"}`},
	} {
		for _, kind := range tt.kinds {
			if got := eval(t, kind, tt.expr); !jsonEqual(got, tt.want) {
				t.Errorf("%s %s\n got %s\nwant %s", kind, tt.expr, got, tt.want)
			}
		}
	}
}

func jsonEqual(a, b string) bool {
	return a == b || strings.ReplaceAll(a, `\ufffd`, "\ufffd") == strings.ReplaceAll(b, `\ufffd`, "\ufffd")
}

func TestE3Imports(t *testing.T) {
	for _, head := range []string{
		"import crypto from 'crypto';", "import crypto from \"crypto\"\n", "import { createHash } from 'crypto'; const crypto = { createHash };",
		"import { createHash as h } from 'crypto'; const crypto = { createHash: h };", "import * as crypto from 'crypto';",
		"// import x from 'y'\nconst a = \"import b from 'c'\";\nimport crypto from 'crypto';", "import cf, { kvs } from 'cloudfront';\nimport\n  crypto\n  from 'crypto';",
		"import 'crypto';\nconst crypto = require('crypto');",
	} {
		_, rs, _, err := request(t, v2, head+"\nfunction handler(event) { return { statusCode: 200, body: crypto.createHash('md5').update('ab').digest('hex') }; }")
		if err != nil || text(t, rs) != "187ef4436122d1cc2f40dc2b92f0eba0" {
			t.Errorf("%s: %v", head, err)
		}
	}
}

func TestE3AsyncHandlers(t *testing.T) {
	rq, _, _, err := request(t, v2, "async function handler(event) { const r = event.request; r.uri = await Promise.resolve('/a'); return r; }")
	if err != nil || rq.Path != "/a" {
		t.Error(rq.Path, err)
	}
	for code, word := range map[string]string{
		"async function handler(event) { throw new Error('boom'); }":               "Error: boom",
		"async function handler(event) { await new Promise(function () {}); }":     "never settled",
		"async function handler(event) { await Promise.reject('why'); return 1; }": "why",
	} {
		_, _, _, err := request(t, v2, code)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Execution || e.Kind.Status() != 503 || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestE2CompileErrors(t *testing.T) {
	for _, tt := range []struct{ kind, code, word string }{
		{v1, "", "no code"},
		{v1, "function handler(event) {\n  return }}", "2:11"},
		{v1, "function handler(event) {\n  const a = 1; }", "2:3: const and let need runtime cloudfront-js-2.0"},
		{v1, "async function handler(event) {}", "1:1: async functions need"},
		{v1, "import cf from 'cloudfront';", "1:1"},
		{v2, "class A {}\nfunction handler(e) {}", "1:1: classes are not supported"},
		{v2, "function* g() {}", "generators"},
		{v2, "import fs from 'fs';\nfunction handler(e) {}", `1:1: module "fs" does not exist`},
		{v2, "const a = 1;\nconst a = 2;", "2:7"},
		{v2, "})(); (function () {", "1:1"},
		{v2, "return 1", "1:"},
		{v1, strings.Repeat(" ", 10<<10) + "function handler(e) {}", "10240"},
		{"cloudfront-js-3.0", "x", "runtime"},
	} {
		_, err := Compile([]*model.EdgeFunction{{Name: "fn", Pos: "t.yaml:3:5", Runtime: tt.kind, Code: tt.code}}, nil, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.word) || !strings.Contains(err.Error(), "fn (t.yaml:3:5)") {
			t.Errorf("%.40q: %v", tt.code, err)
		}
	}
}

func TestE2ExecutionErrorsHaveAPlace(t *testing.T) {
	for _, kind := range []string{v1, v2} {
		_, _, _, err := request(t, kind, "function handler(event) {\n  var x;\n  return x.y.z;\n}")
		var e *Error
		if !errors.As(err, &e) || e.Kind != Execution || e.Line != 3 || e.Column == 0 || !strings.Contains(e.Message, "TypeError") {
			t.Errorf("%#v", err)
		}
	}
	_, _, _, err := request(t, v1, "var a = 1;")
	if err == nil || !strings.Contains(err.Error(), "no function called handler") {
		t.Error(err)
	}
	_, _, _, err = request(t, v1, "function handler(e) { x = 1; return e.request; }")
	if err == nil || !strings.Contains(err.Error(), "ReferenceError") {
		t.Errorf("code is strict: %v", err)
	}
}

func TestE2NothingOutlivesARun(t *testing.T) {
	for name, code := range map[string]string{
		"top-level variable": "var n = 0; function handler(event) { n++; return { statusCode: 200, body: String(n) }; }",
		"built-in object":    "function handler(event) { var n = 0; try { Math.n = (Math.n || 0) + 1; n = Math.n; } catch (e) { n = 1; } return { statusCode: 200, body: String(n) }; }",
		"console":            "function handler(event) { var n = 1; try { console.n = (console.n || 0) + 1; n = console.n; } catch (e) {} return { statusCode: 200, body: String(n) }; }",
		"module":             "function handler(event) { var c = require('crypto'), n = 1; try { c.n = (c.n || 0) + 1; n = c.n; } catch (e) {} return { statusCode: 200, body: String(n) }; }",
		"prototype":          "function handler(event) { var p = String.prototype; p.n = (p.n || 0) + 1; return { statusCode: 200, body: String(p.n) }; }",
		"hidden prototype":   "function handler(event) { var p = [].constructor, n = 1; try { p.n = (p.n || 0) + 1; n = p.n; } catch (e) {} return { statusCode: 200, body: String(n) }; }",
		"global":             "function handler(event) { globalThis.n = (globalThis.n || 0) + 1; return { statusCode: 200, body: String(globalThis.n) }; }",
		"this of a callback": "function handler(event) { var g = (function () { return this; })() || {}; var n = 1; try { g.n = (g.n || 0) + 1; n = g.n; } catch (e) {} return { statusCode: 200, body: String(n) }; }",
		"regular expression": "var r = /a/g; function handler(event) { var n = r.lastIndex + 1; r.test('aa'); return { statusCode: 200, body: String(n) }; }",
		"request prototype":  "function handler(event) { var o = Object.getPrototypeOf(event.request), n = 1; try { o.n = (o.n || 0) + 1; n = o.n; } catch (e) {} return { statusCode: 200, body: String(n) }; }",
	} {
		t.Run(name, func(t *testing.T) {
			f := compileOne(t, v2, code, Options{Machines: 1})
			for range 3 {
				rs, _, err := f.ViewerRequest(context.Background(), testEvent(), testRequest())
				if err != nil {
					t.Fatal(err)
				}
				if got := text(t, rs); got != "1" {
					t.Fatalf("run sees %s", got)
				}
			}
		})
	}
}

func TestE3CodeMayChangeBuiltIns(t *testing.T) {
	for code, fresh := range map[string]bool{
		"String.prototype.x = function () { return 'y'; }; function handler(e) { return { statusCode: 200, body: ''.x() }; }":                               true,
		"globalThis.x = 'y'; function handler(e) { return { statusCode: 200, body: x }; }":                                                                  true,
		"Math.x = 'y'; function handler(e) { return { statusCode: 200, body: Math.x }; }":                                                                   true,
		"function handler(e) { return { statusCode: 200, body: Object.prototype.hasOwnProperty.call({ y: 1 }, 'y') ? 'y' : '' }; }":                         false,
		"function P() {} P.prototype.x = function () { return 'y'; }; function handler(e) { return { statusCode: 200, body: new P().x() }; }":               false,
		"var o = Object.create({ x: 'y' }); o.toString = function () { return this.x; }; function handler(e) { return { statusCode: 200, body: '' + o }; }": false,
	} {
		f := compileOne(t, v2, code, Options{})
		for range 2 {
			rs, _, err := f.ViewerRequest(context.Background(), testEvent(), testRequest())
			if err != nil || text(t, rs) != "y" {
				t.Errorf("%s: %v", code, err)
			}
		}
		if f.fresh.Load() != fresh {
			t.Errorf("%s: fresh is not %v", code, fresh)
		}
	}
}

func TestE2FunctionsDoNotSeeEachOther(t *testing.T) {
	a := &model.EdgeFunction{Name: "a", ARN: "a", Runtime: v2, Code: "function handler(e) { try { Array.leak = 1; } catch (x) {} throw new Error('stop'); }"}
	b := &model.EdgeFunction{Name: "b", ARN: "b", Runtime: v2, Code: "function handler(e) { return { statusCode: 200, body: String(Array.leak) }; }"}
	set, err := Compile([]*model.EdgeFunction{a, b}, nil, Options{Machines: 1})
	if err != nil {
		t.Fatal(err)
	}
	fa, _ := set.Function("a")
	fb, _ := set.Function("arn:aws:cloudfront::1:function/b")
	if _, _, err := fa.ViewerRequest(context.Background(), testEvent(), testRequest()); err == nil {
		t.Fatal("a does not fail")
	}
	rs, _, err := fb.ViewerRequest(context.Background(), testEvent(), testRequest())
	if err != nil || text(t, rs) != "undefined" {
		t.Error(err)
	}
}

func TestE2FrozenGlobalsStandEverywhere(t *testing.T) {
	p, err := compilePrograms()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []kind{js10, js20} {
		m, err := newMachine(k, p, false)
		if err != nil {
			t.Fatal(err)
		}
		v, err := m.vm.RunString(`(function () {
			var seen = [], bad = [], todo = [[globalThis, 'globalThis']];
			while (todo.length) {
				var o = todo.pop(), x = o[0];
				if (x === null || typeof x !== 'object' && typeof x !== 'function' || seen.indexOf(x) >= 0) continue;
				seen.push(x);
				if (!Object.isFrozen(x)) bad.push(o[1]);
				Object.getOwnPropertyNames(x).concat(Object.getOwnPropertySymbols(x)).forEach(function (k) {
					var d = Object.getOwnPropertyDescriptor(x, k), at = o[1] + '.' + String(k);
					[d.value, d.get, d.set].forEach(function (y) { todo.push([y, at]); });
				});
				todo.push([Object.getPrototypeOf(x), o[1] + '.__proto__']);
			}
			return seen.length + ' ' + bad.join(' ');
		})()`)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		var rest string
		_, _ = fmt.Sscan(v.String(), &n, &rest)
		if n < 300 || rest != "" {
			t.Errorf("%d objects, not frozen: %s", n, rest)
		}
	}
}

func TestE2LimitsStopARun(t *testing.T) {
	for name, body := range map[string]string{
		"endless loop":      "for (;;) {}",
		"repeat":            "'x'.repeat(1e10)",
		"repeat, hidden":    "var s = 'x'; s['rep' + 'eat'](1e10)",
		"padStart":          "'x'.padStart(1e9)",
		"array":             "new Array(1e9).join('x')",
		"array by length":   "var a = []; a.length = 4e9; a.indexOf(1)",
		"array by spread":   "var a = []; a.length = 4e9; [...a]",
		"array by call":     "var o = { length: 9007199254740991 }; [].indexOf.call(o, 1)",
		"array from":        "Array.from({ length: 1e9 })",
		"apply":             "Math.max.apply(null, { length: 1e9 })",
		"typed array":       "new Uint8Array(1e10)",
		"typed array proto": "new ([].constructor)(1e9).fill(0)",
		"buffer":            "Buffer.alloc(1e10)",
		"join":              "var s = 'x'.repeat(1e6), a = []; for (var i = 0; i < 1000; i++) a.push(s); a.join('')",
		"replace":           "'x'.repeat(1e5).replace(/x/g, 'y'.repeat(1e5))",
		"doubling":          "var s = 'xxxxxxxxxxxxxxxx'; for (;;) { s += s; }",
		"stringify":         "var a = 'x'; for (var i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a)",
		"promises":          "(function f() { Promise.resolve().then(f); })(); return event.request",
	} {
		t.Run(name, func(t *testing.T) {
			f := compileOne(t, v2, "function handler(event) { "+body+"; return event.request; }", Options{Timeout: 100 * time.Millisecond})
			_, out, err := f.ViewerRequest(context.Background(), testEvent(), testRequest())
			var e *Error
			if !errors.As(err, &e) || e.Kind != Throttled || e.Kind.Status() != 503 || out.Utilization != 100 && out.Elapsed > time.Millisecond {
				t.Fatalf("%v %+v", err, out)
			}
			if out.Elapsed > 5*time.Second {
				t.Errorf("it took %v", out.Elapsed)
			}
		})
	}
	_, _, _, err := request(t, v1, "function f() { return f() + 1; } function handler(event) { return f(); }")
	var e *Error
	if !errors.As(err, &e) || e.Kind != Execution {
		t.Errorf("endless recursion: %v", err)
	}
}

func TestE2LogsAreCut(t *testing.T) {
	var lines []Line
	f := compileOne(t, v2, `function handler(event) {
		console.log('one', 'two'); console.log({ a: [1] }); console.log(new Error('e')); console.log(undefined);
		for (var i = 0; i < 20; i++) console.log('x'.repeat(1000)); return event.request; }`, Options{Log: func(l Line) { lines = append(lines, l) }})
	if _, _, err := f.ViewerRequest(context.Background(), testEvent(), testRequest()); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, l := range lines {
		total += len(l.Text)
	}
	if lines[0] != (Line{"f", "EXAMPLEid==", "one"}) || lines[1].Text != `{"a":[1]}` || !strings.HasPrefix(lines[2].Text, "Error: e") || lines[3].Text != "undefined" {
		t.Errorf("%q", lines[:4])
	}
	if total > 10<<10+64 || len(lines) > 16 {
		t.Errorf("%d bytes in %d lines", total, len(lines))
	}
}

func TestConcurrentRuns(t *testing.T) {
	f := compileOne(t, v2, "function handler(event) { var r = event.request; r.uri += r.querystring.n.value; return r; }", Options{Machines: 2})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 20 {
				rq := testRequest()
				rq.Query = fmt.Sprintf("n=%d", i)
				if _, _, err := f.ViewerRequest(context.Background(), testEvent(), rq); err != nil || rq.Path != fmt.Sprintf("/media/%d", i) {
					t.Errorf("%s %v", rq.Path, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestWaitingForAMachineEndsWithTheContext(t *testing.T) {
	f := compileOne(t, v1, "function handler(e) { return e.request; }", Options{Machines: 1})
	m, err := f.pool.get(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := f.ViewerRequest(ctx, testEvent(), testRequest()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	f.pool.put(m, true)
}
