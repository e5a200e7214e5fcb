// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// partText is the representation of these tests: longer than the store keeps.
var partText = strings.Repeat("0123456789", 30)

// ranged answers ranges of partText under tag.
func ranged(tag *string, fields ...string) func(*http.Request) (*http.Response, error) {
	return func(rq *http.Request) (*http.Response, error) {
		size := int64(len(partText))
		spans, kind := httpspec.ParseRange(rq.Header.Get("Range"), size, nil)
		if kind != httpspec.RangeSatisfiable || len(spans) > 1 {
			return answer(200, partText, append(fields, "Etag", *tag)...), nil
		}
		s := spans[0]
		cr := string(httpspec.AppendContentRange(nil, s, size))
		return answer(206, partText[s.First:s.Last+1], append(fields, "Etag", *tag, "Content-Range", cr)...), nil
	}
}

// TestF15Parts: ranges of an object that is too large to be stored.
func TestF15Parts(t *testing.T) {
	const fresh = "max-age=60"
	type ask struct {
		rng, tag string // "" keeps the tag
		hit      bool
		wait     time.Duration
		field    string // of the request, Name: value
	}
	for _, tt := range []struct {
		name    string
		control string
		asks    []ask
	}{
		{"the same and inside", fresh, []ask{{rng: "10-99"}, {rng: "10-99", hit: true}, {rng: "20-29", hit: true}, {rng: "99-99", hit: true}, {rng: "9-10"}}},
		{"suffix and open end", fresh, []ask{{rng: "250-"}, {rng: "-50", hit: true}, {rng: "-1", hit: true}, {rng: "299-", hit: true}, {rng: "-51"}}},
		{"combined behind", fresh, []ask{{rng: "0-49"}, {rng: "40-79"}, {rng: "0-79", hit: true}}},
		{"combined in front", fresh, []ask{{rng: "40-79"}, {rng: "0-39"}, {rng: "0-79", hit: true}}},
		{"combined around", fresh, []ask{{rng: "40-79"}, {rng: "0-119"}, {rng: "5-119", hit: true}}},
		{"combined within, stale", fresh, []ask{{rng: "0-99"}, {rng: "10-19", wait: 2 * time.Minute}, {rng: "0-99", hit: true}}},
		{"apart: the new one", fresh, []ask{{rng: "0-9"}, {rng: "20-29"}, {rng: "20-29", hit: true}, {rng: "0-9"}}},
		{"too much together", fresh, []ask{{rng: "0-149"}, {rng: "100-249"}, {rng: "100-249", hit: true}, {rng: "0-9"}}},
		{"another tag", fresh, []ask{{rng: "0-49"}, {rng: "50-99", tag: `"v2"`}, {rng: "50-99", hit: true}, {rng: "0-9"}}},
		{"a weak tag is not combined", fresh, []ask{{rng: "0-49", tag: `W/"v1"`}, {rng: "50-99"}, {rng: "50-99", hit: true}, {rng: "0-9"}}},
		{"stale", fresh, []ask{{rng: "0-49"}, {rng: "0-49", wait: time.Minute}, {rng: "0-49", hit: true}}},
		{"no-store", "no-store", []ask{{rng: "0-49"}, {rng: "0-49"}}},
		{"private", "private, max-age=60", []ask{{rng: "0-49"}, {rng: "0-49"}}},
		{"If-Range of it", fresh, []ask{{rng: "0-49"}, {rng: "0-9", field: `If-Range: "v1"`, hit: true}, {rng: "0-9", field: `If-Range: "v0"`}}},
		{"a precondition", fresh, []ask{{rng: "0-49"}, {rng: "0-9", field: `If-None-Match: "v0"`}}},
		{"several ranges", fresh, []ask{{rng: "0-49"}, {rng: "0-9,20-29"}}},
	} {
		for _, rules := range []model.CachingRules{model.CloudFrontRules, model.RFC9111Rules} {
			bubble(t, func(t *testing.T, w *world) {
				w.cache = cache.New(cache.Config{ObjectLimit: 200})
				w.behavior().Cache.Rules = rules
				tag := `"v1"`
				w.reply = ranged(&tag, "Cache-Control", tt.control)
				for i, a := range tt.asks {
					pass(a.wait)
					if a.tag != "" {
						tag = a.tag
					}
					fields := []string{"Range", "bytes=" + a.rng}
					if name, value, ok := strings.Cut(a.field, ": "); ok {
						fields = append(fields, name, value)
					}
					v := w.do("/a", fields...)
					w.wg.Wait()
					spans, _ := httpspec.ParseRange("bytes="+a.rng, int64(len(partText)), nil)
					if len(spans) == 1 {
						s := spans[0]
						want := fmt.Sprintf("bytes %d-%d/%d", s.First, s.Last, len(partText))
						if v.status != 206 || v.String() != partText[s.First:s.Last+1] || v.header.Get("Content-Range") != want {
							t.Errorf("%s, %s, %d: %d %q %s", tt.name, rules, i, v.status, v, v.header.Get("Content-Range"))
						}
					}
					if hit := w.lastRecord().Result.Type == record.Hit; hit != a.hit {
						t.Errorf("%s, %s, %d: hit %v, want %v (%+v)", tt.name, rules, i, hit, a.hit, w.lastRecord().Cache)
					}
				}
			})
		}
	}
}

// TestRFC9110_14_4PartsThatLie: a 206 is not kept when its length is not that
// of its Content-Range, or when the size of the whole is not said.
func TestRFC9110_14_4PartsThatLie(t *testing.T) {
	for _, cr := range []string{"bytes 4-9/10000", "bytes 5-9/*", "bytes 9-5/10000", "lines 5-9/10000", ""} {
		bubble(t, func(t *testing.T, w *world) {
			w.cache = cache.New(cache.Config{ObjectLimit: 200})
			tag := `"v1"`
			whole := ranged(&tag)
			w.reply = func(rq *http.Request) (*http.Response, error) {
				if rq.Header.Get("Range") == "" {
					return whole(rq)
				}
				return answer(206, "56789", "Cache-Control", "max-age=60", "Content-Range", cr), nil
			}
			for range 2 {
				w.do("/a", "Range", "bytes=5-9")
				w.wg.Wait()
				if w.lastRecord().Result.Type == record.Hit {
					t.Errorf("%q was kept", cr)
				}
			}
		})
	}
}

// TestF19PartsAreDropped: by invalidations, and by what changes the target.
func TestF19PartsAreDropped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.cache = cache.New(cache.Config{ObjectLimit: 200})
		b := w.behavior()
		b.Cache.Rules, b.Allowed = model.RFC9111Rules, []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
		tag := `"v1"`
		w.reply = ranged(&tag, "Cache-Control", "max-age=60")
		hit := func() bool {
			w.do("/a", "Range", "bytes=0-9")
			w.wg.Wait()
			return w.lastRecord().Result.Type == record.Hit
		}
		if hit() || !hit() {
			t.Error("not kept")
		}
		w.cache.Invalidate(w.dist.ID, []cache.Path{{Text: "/a"}})
		if hit() || !hit() {
			t.Error("after an invalidation")
		}
		rq := request("/a")
		rq.Method = "DELETE"
		w.edge.Serve(t.Context(), rq, &viewer{})
		w.wg.Wait()
		if hit() || !hit() {
			t.Error("after DELETE")
		}
	})
}
