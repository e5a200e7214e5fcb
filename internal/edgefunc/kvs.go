// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/model"
)

// Quotas of key value stores (CloudFront Developer Guide, "Quotas on
// CloudFront KeyValueStore").
const (
	maxKey   = 512
	maxPair  = 1 << 10
	maxStore = 5 << 20
)

// store is a key value store, read-only.
type store struct {
	id, name, arn string
	items         map[string]string
	loaded        time.Time
}

func newStore(m *model.KeyValueStore) (*store, error) {
	s := &store{id: m.ID, name: m.Name, arn: m.ARN, items: make(map[string]string, len(m.Items)), loaded: time.Now()}
	total := 0
	for _, it := range m.Items {
		_, twice := s.items[it.Key]
		switch {
		case it.Key == "" || len(it.Key) > maxKey:
			return nil, fmt.Errorf("key %.40q has %d bytes; CloudFront allows 1 to %d", it.Key, len(it.Key), maxKey)
		case len(it.Key)+len(it.Value) > maxPair:
			return nil, fmt.Errorf("key %.40q and its value have %d bytes; CloudFront allows %d", it.Key, len(it.Key)+len(it.Value), maxPair)
		case twice:
			return nil, fmt.Errorf("key %.40q is given twice", it.Key)
		}
		s.items[it.Key] = it.Value
		total += len(it.Key) + len(it.Value)
	}
	if total > maxStore {
		return nil, fmt.Errorf("the items have %d bytes; CloudFront allows %d", total, maxStore)
	}
	return s, nil
}

// kvsOpen is cf.kvs(id). Without an id it is the store of the function.
func (m *machine) kvsOpen(call goja.FunctionCall) goja.Value {
	id := call.Argument(0).String()
	st := m.fn.store
	switch {
	case st == nil:
		panic(m.failed("KvsError", "no key value store is associated with the function"))
	case id != "" && id != st.id && id != st.name && id != st.arn:
		panic(m.failed("KvsError", fmt.Sprintf("key value store %q is not associated with the function", id)))
	}
	return m.vm.ToValue(st.id)
}

func (m *machine) kvsGet(call goja.FunctionCall) goja.Value {
	key, format := call.Argument(1).String(), call.Argument(2).String()
	value, ok := m.fn.store.items[key]
	if !ok {
		return m.rejected(m.failed("KeyNotFound", fmt.Sprintf("key %q is not in the key value store", key)))
	}
	switch format {
	case "string":
		return m.resolved(m.vm.ToValue(value))
	case "bytes":
		return m.resolved(m.vm.ToValue(m.vm.NewArrayBuffer([]byte(value))))
	case "json":
		if !json.Valid([]byte(value)) {
			return m.rejected(m.failed("SyntaxError", fmt.Sprintf("the value of key %q is not JSON", key)))
		}
		parse, _ := goja.AssertFunction(m.vm.Get("JSON").(*goja.Object).Get("parse"))
		v, err := parse(goja.Undefined(), m.vm.ToValue(value))
		if err != nil {
			return m.rejected(m.failed("SyntaxError", err.Error()))
		}
		return m.resolved(v)
	}
	return m.rejected(m.failed("TypeError", fmt.Sprintf("format %q is not string, json or bytes", format)))
}

func (m *machine) kvsExists(call goja.FunctionCall) goja.Value {
	_, ok := m.fn.store.items[call.Argument(1).String()]
	return m.resolved(m.vm.ToValue(ok))
}

func (m *machine) kvsMeta(goja.FunctionCall) goja.Value {
	st := m.fn.store
	o := m.vm.NewObject()
	at := st.loaded.UTC().Format("2006-01-02T15:04:05.000Z")
	_ = o.Set("creationDateTime", at)
	_ = o.Set("lastUpdatedDateTime", at)
	_ = o.Set("keyCount", len(st.items))
	return m.resolved(o)
}

func (m *machine) resolved(v goja.Value) goja.Value {
	p, resolve, _ := m.vm.NewPromise()
	_ = resolve(v)
	return m.vm.ToValue(p)
}

func (m *machine) rejected(v goja.Value) goja.Value {
	p, _, reject := m.vm.NewPromise()
	_ = reject(v)
	return m.vm.ToValue(p)
}

// failed is a JavaScript Error with a name.
func (m *machine) failed(name, message string) goja.Value {
	o, err := m.vm.New(m.vm.Get("Error"), m.vm.ToValue(message))
	if err != nil {
		return m.vm.NewGoError(err)
	}
	_ = o.Set("name", name)
	return o
}
