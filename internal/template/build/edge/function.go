// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// Limits of CloudFront Functions and key value stores.
const (
	maxFunctionCode = 10 << 10
	maxKey          = 512
	maxItem         = 1 << 10
	maxStore        = 5 << 20
)

func (b *builder) function(r *base.Resource) *model.EdgeFunction {
	c := r.Props.Get("FunctionConfig")
	f := &model.EdgeFunction{
		LogicalID: r.ID, Name: r.Props.Get("Name").Text(), ARN: r.Att("FunctionARN"), Pos: r.Where(),
		Comment: c.Get("Comment").Text(), Runtime: c.Get("Runtime").Text(), Code: r.Props.Get("FunctionCode").Text(),
	}
	if f.ARN == "" {
		f.ARN = r.Ref
	}
	if len(f.Code) > maxFunctionCode {
		r.Props.Get("FunctionCode").Fail("make it smaller, or move data to a key value store", "the code has %d bytes; CloudFront takes %d", len(f.Code), maxFunctionCode)
	}
	stores := c.Get("KeyValueStoreAssociations").List()
	for _, v := range stores {
		f.Stores = append(f.Stores, v.Get("KeyValueStoreARN").Text())
	}
	if len(stores) > 1 {
		stores[1].Fail("keep one", "a function has at most one key value store")
	}
	if len(stores) > 0 && f.Runtime == "cloudfront-js-1.0" {
		c.Get("Runtime").Fail("use cloudfront-js-2.0", "key value stores need cloudfront-js-2.0")
	}
	return f
}

func (b *builder) keyValueStore(r *base.Resource) *model.KeyValueStore {
	s := &model.KeyValueStore{LogicalID: r.ID, ID: r.Att("Id"), Name: r.Props.Get("Name").Text(), ARN: r.Att("Arn"), Pos: r.Where()}
	at, path := b.storeSource(r)
	if path == "" {
		return s
	}
	text, err := b.Assets.Read(path)
	if err != nil {
		if !b.Lenient {
			at.Fail("check the path", "the items of the store cannot be read: %v", err)
		}
		return s
	}
	items, err := parseItems(text)
	if err != nil {
		at.Fail(`write {"data": [{"key": "k", "value": "v"}]}`, "%s: %v", filepath.Base(path), err)
		return s
	}
	s.Items = items
	total := 0
	for _, it := range items {
		total += len(it.Key) + len(it.Value)
		if len(it.Key) > maxKey || len(it.Key)+len(it.Value) > maxItem {
			at.Fail("make it smaller", "item %.40q has %d bytes; a key has at most %d, key and value %d", it.Key, len(it.Key)+len(it.Value), maxKey, maxItem)
			return s
		}
	}
	if total > maxStore {
		at.Fail("make it smaller", "the store has %d bytes; the limit is %d", total, maxStore)
	}
	return s
}

// storeSource finds the file of items: Metadata.Forelane.Content, or the
// ImportSource when its object is an asset.
func (b *builder) storeSource(r *base.Resource) (base.Value, string) {
	if v := r.Meta.Get("Forelane", "Content"); v.Text() != "" {
		return v, filepath.Join(r.Dir, filepath.FromSlash(v.Text()))
	}
	v := r.Props.Get("ImportSource", "SourceArn")
	if v.Text() == "" {
		return v, ""
	}
	location := v.Text()[strings.LastIndex(v.Text(), ":")+1:]
	bucket, key, _ := strings.Cut(location, "/")
	path, ok := b.Assets.Locate(r.ID, bucket, key)
	if !ok {
		r.Note(v, fidelity.Unsupported, "the object is not in this project: the store is empty; name a file in Metadata.Forelane.Content")
	}
	return v, path
}

// parseItems reads CloudFront's import format, or a plain JSON object.
func parseItems(text []byte) ([]model.KeyValue, error) {
	var doc struct {
		Data []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &doc); err == nil && doc.Data != nil {
		items := make([]model.KeyValue, len(doc.Data))
		for i, d := range doc.Data {
			items[i] = model.KeyValue{Key: d.Key, Value: d.Value}
		}
		return items, nil
	}
	var plain map[string]string
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, fmt.Errorf("no items: %w", err)
	}
	items := make([]model.KeyValue, 0, len(plain))
	for k, v := range plain {
		items = append(items, model.KeyValue{Key: k, Value: v})
	}
	sort.Slice(items, func(i, j int) bool { return items[i].Key < items[j].Key })
	return items, nil
}
