// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

func testStore() *model.KeyValueStore {
	return &model.KeyValueStore{
		ID: "a1b2", Name: "store", ARN: "arn:aws:cloudfront::123456789012:key-value-store/a1b2",
		Items: []model.KeyValue{{Key: "k", Value: "v"}, {Key: "j", Value: `{"a":[1]}`}, {Key: "é", Value: "ü"}},
	}
}

func TestE4KeyValueStore(t *testing.T) {
	for expr, want := range map[string]string{
		"await cf.kvs().get('k')":                                                                                    `"v"`,
		"await cf.kvs('a1b2').get('k', { format: 'string' })":                                                        `"v"`,
		"await cf.kvs().get('j', { format: 'json' })":                                                                `{"a":[1]}`,
		"(await cf.kvs().get('é', { format: 'bytes' })).toString()":                                                  `"ü"`,
		"[await cf.kvs().exists('k'), await cf.kvs().exists('x')]":                                                   `[true,false]`,
		"(await cf.kvs().meta()).keyCount":                                                                           `3`,
		"await cf.kvs().count()":                                                                                     `3`,
		"/^\\d{4}-.*Z$/.test((await cf.kvs().meta()).creationDateTime)":                                              `true`,
		"await cf.kvs().get('x').catch(function (e) { return e.name; })":                                             `"KeyNotFound"`,
		"await cf.kvs().get('k', { format: 'json' }).catch(function (e) { return e.name; })":                         `"SyntaxError"`,
		"await cf.kvs().get('k', { format: 'xml' }).catch(function (e) { return e.name; })":                          `"TypeError"`,
		"(function () { try { cf.kvs('other'); } catch (e) { return e.message.indexOf('not associated') > 0; } })()": `true`,
	} {
		if got := eval(t, v2, expr, testStore()); got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
	if got := eval(t, v2, "(function () { try { cf.kvs(); } catch (e) { return e.message; } })()"); got != `"no key value store is associated with the function"` {
		t.Error(got)
	}
	_, _, _, err := request(t, v2, "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler(event) {\n  await kvs.get('x');\n}", testStore())
	var e *Error
	if !errors.As(err, &e) || e.Kind != Execution || !strings.Contains(e.Message, "KeyNotFound") {
		t.Error(err)
	}
}

func TestE4StoreLimits(t *testing.T) {
	big := make([]model.KeyValue, 6000)
	for i := range big {
		big[i] = model.KeyValue{Key: fmt.Sprint(i), Value: strings.Repeat("x", 1000)}
	}
	for word, items := range map[string][]model.KeyValue{
		"1 to 512": {{Key: strings.Repeat("k", 513), Value: ""}},
		"0 bytes":  {{Key: "", Value: "x"}},
		"1025":     {{Key: "k", Value: strings.Repeat("x", 1024)}},
		"twice":    {{Key: "k", Value: "a"}, {Key: "k", Value: "b"}},
		"5242880":  big,
	} {
		_, err := Compile(nil, []*model.KeyValueStore{{Name: "s", Items: items}}, Options{})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	ok := []model.KeyValue{{Key: strings.Repeat("k", 512), Value: strings.Repeat("x", 512)}}
	if _, err := Compile(nil, []*model.KeyValueStore{{Name: "s", Items: ok}}, Options{}); err != nil {
		t.Error(err)
	}
}

func TestE4Association(t *testing.T) {
	fn := func(kind string, stores ...string) *model.EdgeFunction {
		return &model.EdgeFunction{Name: "f", Runtime: kind, Code: "function handler(e) {}", Stores: stores}
	}
	for word, f := range map[string]*model.EdgeFunction{
		"allows one":           fn(v2, "a", "b"),
		"needs runtime":        fn(v1, testStore().ARN),
		"is not in this stack": fn(v2, "arn:aws:cloudfront::1:key-value-store/none"),
	} {
		if _, err := Compile([]*model.EdgeFunction{f}, []*model.KeyValueStore{testStore()}, Options{}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
