// SPDX-License-Identifier: Apache-2.0

package function

import (
	"strings"
	"testing"
)

func TestPythonInline(t *testing.T) {
	s, b := service(t, nil, python("hello", `
def handler(event, context):
    print("seen", event["name"])
    return {"hello": event["name"], "id": len(context.aws_request_id)}
`))
	for range 3 {
		want(t, invoke(t, s, "hello", `{"name":"Zoë"}`), `{"hello": "Zoë", "id": 36}`)
	}
	text := b.text()
	if strings.Count(text, "START RequestId: ") != 3 || strings.Count(text, "Init Duration") != 1 {
		t.Errorf("log:\n%s", text)
	}
	t.Log(text)
}

func TestNodeInline(t *testing.T) {
	s, b := service(t, nil, node("hello", `
exports.handler = async (event, context) => { console.log('seen', event.name); return {hello: event.name} }
`))
	for range 3 {
		want(t, invoke(t, s, "hello", `{"name":"Zoë"}`), `{"hello":"Zoë"}`)
	}
	t.Log(b.text())
}
