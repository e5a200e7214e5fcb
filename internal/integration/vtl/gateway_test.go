// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// variables is a $context for tests.
type variables map[string]string

func (v variables) ContextVar(name string) (string, bool) { s, ok := v[name]; return s, ok }
func (v variables) ContextNames() []string                { return slices.Sorted(maps.Keys(v)) }

func input(body string) *Input {
	return &Input{
		Body: body,
		Path: []Pair{{"id", "7"}, {"both", "from path"}},
		Query: []Pair{
			{"q", "a b"}, {"empty", ""}, {"both", "from query"}, {"quote", `it's "x"`},
		},
		Header: []Pair{{"Content-Type", "application/json"}, {"X-Version", "V1"}, {"both", "from header"}},
		Context: variables{
			"stage": "prod", "requestId": "r-1", "httpMethod": "POST", "identity.sourceIp": "192.0.2.7", "identity.userAgent": "curl/8",
			"authorizer.principalId": "me", "authorizer.claims.sub": "s-1", "resourcePath": "/pets/{id}",
		},
		Stage: map[string]string{"table": "t1", "host": "h.example"},
	}
}

const pets = `{"pets":[{"id":1,"type":"dog","price":249.99,"tags":["a","b"]},{"id":2,"type":"cat","price":124.5,"tags":[]},` +
	`{"id":3,"type":"fish","price":0.99}],"n":3,"ok":true,"none":null,"text":"say \"hi\"","big":12345678901234567890,` +
	`"nested":{"a":{"b":{"c":"deep"}},"list":[[1,2],[3]]},"unicode":"é😀","dotted.name":"d","url":"http://a/b"}`

// Each case names one thing that templates do; what the developer guide shows
// for it is what is wanted.
func TestA8Input(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		{"body", `$input.body`, pets},
		{"json whole", `$input.json('$')`, pets},
		{"json part", `$input.json('$.pets[1]')`, `{"id":2,"type":"cat","price":124.5,"tags":[]}`},
		{"json string", `$input.json('$.text')`, `"say \"hi\""`},
		{"json number", `$input.json('$.n') $input.json('$.pets[0].price')`, `3 249.99`},
		{"json boolean", `$input.json('$.ok')`, `true`},
		{"json missing", `$input.json('$.nothing')`, `""`},
		{"json null", `$input.json('$.none')`, `""`},
		{"json list", `$input.json('$.pets[0].tags')`, `["a","b"]`},
		{"json by double quotes", `$input.json("$.n")`, `3`},
		{"json with spaces", `$input.json( '$.n' )`, `3`},
		{"json escaped", `$util.escapeJavaScript($input.json('$.pets[0].tags'))`, `[\"a\",\"b\"]`},
		{"path string", `"$input.path('$.text')"`, `"say "hi""`},
		{"path object", `$input.path('$.pets[0]')`, `{id=1, type=dog, price=249.99, tags=["a","b"]}`},
		{"path list", `$input.path('$.pets[0].tags')`, `["a","b"]`},
		{"path list of objects", `#set($x = $input.path('$.nested.list'))$x $x.size() $x[0][1]`, `[[1,2],[3]] 2 2`},
		{"path missing prints nothing", `[$input.path('$.nothing')][$input.path('$.nothing.at.all')]`, `[][]`},
		{"path null", `[$input.path('$.none')]`, `[]`},
		{"path missing equals nothing", `#if($input.path('$.nothing') == "")yes#end#if($input.path('$.nothing') == $null)yes#end`, `yesyes`},
		{"path missing is true", `#if($input.path('$.nothing'))yes#end`, `yes`},
		{"member", `#set($root = $input.path('$'))$root.nested.a.b.c $root.n`, `deep 3`},
		{"member missing", `#set($root = $input.path('$'))[$root.nothing][$root.nothing.more][$root.nested.x]`, `[][][]`},
		{"member by index", `#set($root = $input.path('$'))$root["dotted.name"] $root.pets[2].type $root.pets.get(1).type`, `d fish cat`},
		{"big number", `$input.path('$.big')`, `12345678901234567890`},
		{"arithmetic", `#set($n = $input.path('$.n') + 1)$n #set($p = $input.path('$.pets[1].price') * 2)$p`, `4249.0`},
		{"unicode", `$input.path('$.unicode') $input.json('$.unicode')`, `é😀 "é😀"`},
		{"length", `$input.path('$.pets').size() $input.path('$.pets.length()')`, `3 3`},
		{"method on the result", `$input.path('$.pets[0].type').toUpperCase()`, `DOG`},
		{"contains", `#if($input.path('$').toString().contains("dog"))found#end`, `found`},
		{"contains key", `#set($r = $input.path('$'))$r.containsKey("n") $r.containsKey("zz")`, `true false`},
		{"body attribute", `[$input.body.x]`, `[]`},
		{"param of path", `$input.params('id')`, `7`},
		{"param of query", `$input.params('q')`, `a b`},
		{"param of header", `$input.params('X-Version') $input.params('x-version')`, `V1 V1`},
		{"param order", `$input.params('both')`, `from path`},
		{"param missing", `[$input.params('nope')]#if($input.params('nope') == "")none#end`, `[]none`},
		{"param length", `#if($input.params('nope').length() == 0)none#end`, `none`},
		{"param tests", `#if($input.params('q') && $input.params('q') != "")yes#end`, `yes`},
		{"params group", `$input.params().querystring.q $input.params().path.id $input.params().header.get('X-Version')`, `a b 7 V1`},
		{"params printed", `$input.params().path`, `{id=7, both=from path}`},
		{"params keys", `#foreach($k in $input.params().keySet())$k #end`, `path querystring header `},
		{"params get", `$input.params().get('path').get('id')`, `7`},
		{"params loop", `#foreach($p in $input.params().path.keySet())"$p": "$input.params().path.get($p)"#if($foreach.hasNext), #end#end`, `"id": "7", "both": "from path"`},
		{"params as variable", `#set($p = $input.params())$p.path.id`, `7`},
		{"escaped param", `"$util.escapeJavaScript($input.params('quote'))"`, `"it\'s \"x\""`},
		{"escaped and mended", `"$util.escapeJavaScript($input.params('quote')).replaceAll("\\'", "'")"`, `"it's \"x\""`},
		{"unknown of input", `[$input.nothing][$input.nothing()]`, `[][]`},
	} {
		got, err := render(tt.template, input(pets))
		if err != nil || got != tt.want {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
}

func render(template string, in *Input) (string, error) {
	tmpl, err := Parse(template)
	if err != nil {
		return "", err
	}
	return tmpl.Render(in)
}

// What AWS's own answers were seen to be for bodies that are empty or no JSON.
func TestA8Bodies(t *testing.T) {
	const probe = `#set($r = $input.path("$.nope")){"b": $r, "n": $r.x, "null": #if($r == $null)1#{else}0#end, "empty": #if($r == "")1#{else}0#end}`
	for _, tt := range []struct{ name, body, template, want string }{
		{"empty body", "", `$input.body`, `{}`},
		{"empty body in a text", "", `Body=$input.body`, `Body={}`},
		{"empty body as JSON", "", `$input.json('$')`, `{}`},
		{"empty body, path", "", `[$input.path('$')]`, `[{}]`},
		{"empty body, missing", "", probe, `{"b": , "n": , "null": 1, "empty": 1}`},
		{"empty body, encoded", "", `$util.urlEncode($input.body)`, `%7B%7D`},
		{"attribute of the body, encoded", `{"some": "value"}`, `a=$util.urlEncode($input.body)&b=$util.urlEncode($input.body.x)`, `a=%7B%22some%22%3A+%22value%22%7D&b=`},
		{"text body", "some raw data", `$input.body`, `some raw data`},
		{"text body as JSON", "not json", `$input.json('$.message')`, `""`},
		{"text body, path", "not json", `[$input.path('$.x')]`, `[]`},
		{"string body", `"#foobar"`, `$input.json('$') $input.path('$')`, `"#foobar" #foobar`},
		{"number body", `42`, `$input.json('$') $input.path('$.x')`, `42 `},
		{"list body", `[{"a":1},{"a":2}]`, `$input.path('$') $input.path('$[1].a') $input.json('$[0]')`, `[{"a":1},{"a":2}] 2 {"a":1}`},
		{"object", `{"json":{"foo":"bar"}}`, `#set($r = $input.path("$.json"))$r`, `{foo=bar}`},
		{"list in an object", `{"json":{"foo":[{"nested":"bar"}]}}`, `#set($r = $input.path("$.json"))$r $r.toString()`, `{foo=[{"nested":"bar"}]} {foo=[{"nested":"bar"}]}`},
		{"object in a list", `{"json":[{"foo":"bar"}]}`, `#set($r = $input.path("$.json"))$r[0]`, `{foo=bar}`},
		{"object in an object", `{"a":{"b":{"c":1}}}`, `$input.path('$.a')`, `{b={c=1}}`},
		{"empty list", `{"json":{"l":[]}}`, `#set($r = $input.path("$.json.l")){"b": $r, "n": $r.nested, "null": #if($r == $null)1#{else}0#end}`, `{"b": [], "n": , "null": 0}`},
		{"floats", `{"a":1.0,"b":1e3,"c":-0.5,"d":1.5e-7,"e":100}`, `$input.path('$.a') $input.path('$.b') $input.path('$.c') $input.path('$.d') $input.path('$.e')`, `1.0 1000.0 -0.5 1.5E-7 100`},
		{"escapes", `{"a":"\u00e9\ud83d\ude00\n\t\/\\"}`, `$input.path('$.a')$input.json('$.a')`, "é😀\n\t/\\\"é😀\\n\\t/\\\\\""},
		{"twice the same name", `{"a":1,"a":2}`, `$input.json('$')`, `{"a":2}`},
		{"broken JSON is a text", `{"a":1,}`, `[$input.path('$.a')]$input.body`, `[]{"a":1,}`},
	} {
		got, err := render(tt.template, input(tt.body))
		if err != nil || got != tt.want {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestA8JSONPath(t *testing.T) {
	const store = `{"store":{"book":[{"c":"ref","t":"A","p":8.95},{"c":"fic","t":"B","p":12.99},{"c":"fic","t":"C","i":"x-1","p":8.99},` +
		`{"c":"fic","t":"D","i":"x-2","p":22.99}],"bike":{"color":"red","p":19.95}},"max":10,"we ird":{"a'b":1}}`
	for _, tt := range []struct{ path, want string }{
		{"$.store.bike", `{"color":"red","p":19.95}`},
		{"store.bike.color", `"red"`},
		{"$['store']['bike']['color']", `"red"`},
		{`$["store"].bike["color"]`, `"red"`},
		{"$.store.bike['color','p']", `["red",19.95]`},
		{"$.store.book[0].t", `"A"`},
		{"$.store.book[-1].t", `"D"`},
		{"$.store.book[9]", `""`},
		{"$.store.book[0,2].t", `["A","C"]`},
		{"$.store.book[1:3].t", `["B","C"]`},
		{"$.store.book[:2].t", `["A","B"]`},
		{"$.store.book[-2:].t", `["C","D"]`},
		{"$.store.book[::2].t", `["A","C"]`},
		{"$.store.book[*].t", `["A","B","C","D"]`},
		{"$.store.book.*.t", `["A","B","C","D"]`},
		{"$.store.*", `[[{"c":"ref","t":"A","p":8.95},{"c":"fic","t":"B","p":12.99},{"c":"fic","t":"C","i":"x-1","p":8.99},{"c":"fic","t":"D","i":"x-2","p":22.99}],{"color":"red","p":19.95}]`},
		{"$..t", `["A","B","C","D"]`},
		{"$..book[2].t", `["C"]`},
		{"$..['t']", `["A","B","C","D"]`},
		{"$..nothing", `[]`},
		{"$.store..p", `[8.95,12.99,8.99,22.99,19.95]`},
		{"$..book[?(@.i)].t", `["C","D"]`},
		{"$.store.book[?(@.p < 10)].t", `["A","C"]`},
		{"$.store.book[?(@.p <= $.max)].t", `["A","C"]`},
		{"$.store.book[?(@.c == 'fic' && @.p > 20)].t", `["D"]`},
		{"$.store.book[?(@.c == 'ref' || @.i == 'x-1')].t", `["A","C"]`},
		{"$.store.book[?(!@.i)].t", `["A","B"]`},
		{"$.store.book[?(!(@.p > 10))].t", `["A","C"]`},
		{"$.store.book[?(@.c != 'fic')].t", `["A"]`},
		{"$.store.book[?(@.i =~ /X-\\d/i)].t", `["C","D"]`},
		{"$.store.book[?(@.t in ['A','D'])].p", `[8.95,22.99]`},
		{"$.store.book[?(@.t nin ['A','D'])].t", `["B","C"]`},
		{"$.store.book.length()", `4`},
		{"$['we ird']['a\\'b']", `1`},
		{"$", store},
	} {
		got, err := render(`$input.json("`+strings.ReplaceAll(tt.path, `"`, `""`)+`")`, input(store))
		if err != nil || got != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.path, got, err, tt.want)
		}
	}
	for _, bad := range []string{"$.", "$[", "$[a]", "$.a[?(@.b", "$.a[?(@.b ==)]", "$[1", "$['a", "$x", "$[?(1 ? 2)]", "$.a b"} {
		var e *Error
		if _, err := render(`$input.json("`+bad+`")`, input(store)); !errors.As(err, &e) || e.Kind != Exception {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestA8UtilContextAndStage(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		{"escape", `$util.escapeJavaScript("it's ""q"" a/b é😀")`, `it\'s \"q\" a\/b \u00E9\uD83D\uDE00`},
		{"escape control", "$util.escapeJavaScript(\"a\nb\tc\")", `a\nb\tc`},
		{"escape nothing", `[$util.escapeJavaScript($nothing)]`, `[]`},
		{"escape a number", `$util.escapeJavaScript(5)`, `5`},
		{"parse", `#set($o = $util.parseJson('{"a":[1,{"b":"c"}]}'))$o.a[1].b $o.a.size() $o`, `c 2 {a=[1,{"b":"c"}]}`},
		{"parse list", `#foreach($x in $util.parseJson('[3,2,1]'))$x#end`, `321`},
		{"parse a member", `#set($b = $util.parseJson($input.path('$.inner')))$b.k`, `v`},
		{"base64", `$util.base64Encode("hé") $util.base64Decode("aMOp")`, `aMOp hé`},
		{"base64 without padding", `$util.base64Decode("YQ")`, `a`},
		{"url", `$util.urlEncode("a b&c=é*~/") $util.urlDecode("a+b%20%C3%A9")`, `a+b%26c%3D%C3%A9*%7E%2F a b é`},
		{"no such function", `[$util.nope("x")][$util.urlEncode()][$util]`, `[][][{}]`},
		{"context", `$context.stage $context.requestId $context.identity.sourceIp`, `prod r-1 192.0.2.7`},
		{"context formal", `${context.httpMethod}x`, `POSTx`},
		{"context missing", `[$context.nothing][$context.identity.nothing][$context.authorizer.claims.nothing]`, `[][][]`},
		{"context claims", `$context.authorizer.claims.sub $context.authorizer.principalId`, `s-1 me`},
		{"context get", `$context.get("stage") $context.identity.get("userAgent") $context.containsKey("nope")`, `prod curl/8 false`},
		{"context loop", `#foreach($k in $context.identity.keySet())$k=$context.identity.get($k);#end`, `sourceIp=192.0.2.7;userAgent=curl/8;`},
		{"context map", `#set($m = $context.authorizer)#foreach($k in $m.keySet())$k #end`, `claims principalId `},
		{"stage variables", `$stageVariables.table $stageVariables["host"] $stageVariables.get("table") [$stageVariables.none]`, `t1 h.example t1 []`},
		{"stage variables loop", `#foreach($k in $stageVariables.keySet())$k=$stageVariables.get($k)#if($foreach.hasNext),#end#end`, `host=h.example,table=t1`},
	} {
		got, err := render(tt.template, input(`{"inner":"{\"k\":\"v\"}"}`))
		if err != nil || got != tt.want {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
}
