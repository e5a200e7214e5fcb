// SPDX-License-Identifier: Apache-2.0

package vtl_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/forelane/forelane/internal/integration/vtl"
)

func ExampleTemplate_Render() {
	t, err := vtl.Parse(`#set($pet = $input.path('$'))
{"name": "$pet.name", "tags": [#foreach($t in $pet.tags)"$t"#if($foreach.hasNext), #end#end]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := t.Render(&vtl.Input{Body: `{"name": "Rex", "tags": ["big", "old"]}`})
	fmt.Println(out, err)
	// Output: {"name": "Rex", "tags": ["big", "old"]} <nil>
}

// The kinds of mapping that the developer guide works through: an album of
// photos, a news article, an invoice, an employee record, the whole request,
// and overrides. Data and wording are our own.
func TestA8WorkedExamples(t *testing.T) {
	for _, tt := range []struct{ name, template, body, want string }{
		{
			"photo album", `#set($root = $input.path('$'))
{
  "photos": [
#foreach($p in $root.album.photo)
    {
      "id": "$p.id",
      "by": "$p.first_name $p.last_name",
      "title": "$p.title",
      "public": $p.public,
      "friend": $p.friend
    }#if($foreach.hasNext),#end

#end
  ]
}`,
			`{"album":{"page":1,"photo":[{"id":"1","first_name":"Ada","last_name":"L","title":"One","public":true,"friend":false},
			  {"id":"2","first_name":"Bob","last_name":"M","title":"Two","public":true,"friend":true}]}}`,
			`{"photos":[{"id":"1","by":"Ada L","title":"One","public":true,"friend":false},{"id":"2","by":"Bob M","title":"Two","public":true,"friend":true}]}`,
		},
		{
			"news article", `#set($a = $input.path('$').articles)
[#foreach($x in $a){"headline": "$util.escapeJavaScript($x.title)", "paragraphs": [#foreach($p in $x.body)"$p"#if($foreach.hasNext), #end#end], "n": $foreach.count}#if($foreach.hasNext),#end#end]`,
			`{"articles":[{"title":"He said \"no\"","body":["a","b"]},{"title":"Plain","body":[]}]}`,
			`[{"headline":"He said \"no\"","paragraphs":["a","b"],"n":1},{"headline":"Plain","paragraphs":[],"n":2}]`,
		},
		{
			"sales invoice", `#set($i = $input.path('$'))
#set($sum = 0)
#foreach($l in $i.lines)
#set($sum = $sum + ($l.price * $l.qty))
#end
{"invoice": "$i.number", "customer": {"name": "$i.customer.name", "city": "$i.customer.address.city"},
 "lines": [#foreach($l in $i.lines){"item": "$l.item", "total": #set($t = $l.price * $l.qty)$t}#if($foreach.hasNext),#end#end], "sum": $sum}`,
			`{"number":"INV-7","customer":{"name":"C","address":{"city":"X"}},"lines":[{"item":"pen","price":2,"qty":10},{"item":"ink","price":7.5,"qty":2}]}`,
			`{"invoice":"INV-7","customer":{"name":"C","city":"X"},"lines":[{"item":"pen","total":20},{"item":"ink","total":15.0}],"sum":35.0}`,
		},
		{
			"employee record", `#set($e = $input.path('$.QueryResponse'))
{"max": $e.maxResults, "people": [#foreach($p in $e.Employee)
{"name": "$p.GivenName $p.FamilyName"#if($p.PrimaryPhone.FreeFormNumber != ""), "phone": "$p.PrimaryPhone.FreeFormNumber"#end, "active": $p.Active, "id": $p.Id}#if($foreach.hasNext),#end
#end]}`,
			`{"QueryResponse":{"maxResults":2,"Employee":[{"Id":1,"GivenName":"A","FamilyName":"B","Active":true,"PrimaryPhone":{"FreeFormNumber":"5"}},{"Id":2,"GivenName":"C","FamilyName":"D","Active":false}]}}`,
			`{"max":2,"people":[{"name":"A B","phone":"5","active":true,"id":1},{"name":"C D","active":false,"id":2}]}`,
		},
		{
			"method request passthrough", `#set($all = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $all.keySet())
    #set($params = $all.get($type))
"$type" : {
    #foreach($name in $params.keySet())
    "$name" : "$util.escapeJavaScript($params.get($name))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {"stage" : "$context.stage", "source-ip" : "$context.identity.sourceIp", "nobody" : "$context.identity.caller"}
}`,
			`{"a":[1,2,{"b":null}]}`,
			`{"body-json":{"a":[1,2,{"b":null}]},"params":{"path":{"id":"7"},"querystring":{"q":"x y","e":""},"header":{"Accept":"*/*"}},
			  "stage-variables":{"t":"v"},"context":{"stage":"prod","source-ip":"192.0.2.7","nobody":""}}`,
		},
		{
			"a map with define", `#define( $loop ){#foreach($k in $map.keySet())"$k": "$map.get($k)"#if( $foreach.hasNext ), #end#end}#end
#set( $map = $input.params().querystring ){"query": $loop, #set( $map = $input.params().path )"path": $loop}`,
			``, `{"query":{"q":"x y","e":""},"path":{"id":"7"}}`,
		},
		{
			"optional members", `#set($b = $input.path('$'))
{"id": "$b.id"#if($b.containsKey("note")), "note": "$b.note"#end#if("$!b.extra" != ""), "extra": "$b.extra"#end}`,
			`{"id":"1","note":"n"}`, `{"id":"1","note":"n"}`,
		},
		{
			"a batch of records", `{"Records": [#foreach($e in $input.path('$.records')){"Data": "$util.base64Encode($e.data)", "PartitionKey": "$e.key"}#if($foreach.hasNext),#end#end]}`,
			`{"records":[{"data":"x","key":"k1"},{"data":"y","key":"k2"}]}`, `{"Records":[{"Data":"eA==","PartitionKey":"k1"},{"Data":"eQ==","PartitionKey":"k2"}]}`,
		},
	} {
		tmpl, err := vtl.Parse(tt.template)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got, err := tmpl.Render(&vtl.Input{
			Body: tt.body, Path: []vtl.Pair{{Name: "id", Value: "7"}}, Query: []vtl.Pair{{Name: "q", Value: "x y"}, {Name: "e"}},
			Header: []vtl.Pair{{Name: "Accept", Value: "*/*"}}, Stage: map[string]string{"t": "v"}, Context: context{},
		})
		var a, b any
		if err != nil || json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(tt.want), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, got, tt.want)
		}
	}
}

type context struct{}

func (context) ContextVar(name string) (string, bool) {
	v, ok := map[string]string{"stage": "prod", "identity.sourceIp": "192.0.2.7"}[name]
	return v, ok
}

func (context) ContextNames() []string { return []string{"identity.sourceIp", "stage"} }

func TestA8Overrides(t *testing.T) {
	request := `#set($context.requestOverride.path.item = $input.path('$.id'))
#set($context.requestOverride.header.X-One = "1")
#set($context.requestOverride.header["X-Two"] = ["a", "b"])
#set($context.requestOverride.querystring.q = $input.params('q'))
#set($q = $context.requestOverride.querystring.put("n", 5))
[$context.requestOverride.header.X-One][$context.requestOverride.header.X-None]`
	response := `#set($in = $input.path('$'))
#if($in.toString().contains("broken"))
#set($context.responseOverride.status = 400)
#set($context.responseOverride.header.X-Why = $context.requestOverride.path.item)
#end
{}`
	o := &vtl.Overrides{}
	for _, step := range []struct{ template, body, want string }{{request, `{"id":"i-1"}`, "[1][]"}, {response, `{"e":"broken"}`, "{}"}} {
		tmpl, err := vtl.Parse(step.template)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tmpl.Render(&vtl.Input{Body: step.body, Query: []vtl.Pair{{Name: "q", Value: "v"}}, Overrides: o})
		if err != nil || got != step.want {
			t.Errorf("%q (%v), want %q", got, err, step.want)
		}
	}
	if got, want := fmt.Sprint(o.Request("header"), o.Request("querystring"), o.Request("path"), o.ResponseHeader(), o.Status()),
		"[{X-One [1]} {X-Two [a b]}] [{q [v]} {n [5]}] [{item [i-1]}] [{X-Why [i-1]}] 400"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for value, want := range map[string]int{`"400"`: 0, `99`: 0, `600`: 0, `201`: 201, `$nothing`: 0, `400.0`: 0} {
		o := &vtl.Overrides{}
		tmpl, err := vtl.Parse(`#set($context.responseOverride.status = ` + value + `)`)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.Render(&vtl.Input{Overrides: o}); err != nil || o.Status() != want {
			t.Errorf("status %s: %d (%v), want %d", value, o.Status(), err, want)
		}
	}
}
