// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/model"
)

func TestS1ListingAtTheRESTEndpoint(t *testing.T) {
	files := map[string]string{"a.txt": "x", "a/b": "", "a0": ""}
	list := strings.Replace(edgeRead, "LIST", `,"s3:ListBucket"`, 1)
	b := site(t, model.Bucket{PolicyJSON: list}, files)
	rs, body := ask(t, b, edge, "GET", "/?list-type=2&delimiter=/")
	for _, want := range []string{
		`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>site</Name>`, "<KeyCount>3</KeyCount>",
		"<Key>a.txt</Key>", "<Size>1</Size>", "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%d %s lacks %s", rs.StatusCode, body, want)
		}
	}
	if rs, _ := ask(t, site(t, model.Bucket{PolicyJSON: publicRead}, files), nil, "GET", "/?list-type=2"); rs.StatusCode != 403 {
		t.Errorf("without ListBucket: %d", rs.StatusCode)
	}
}

// TestListingIsInTheOrderOfBytes compares the walk of folders with a sorted
// list, from every place.
func TestListingIsInTheOrderOfBytes(t *testing.T) {
	keys := []string{"a", "a!", "a.b/c", "a0", "b/a/a/a", "b/a.a", "b/a0", "b0", "é/x", "z/"}
	files := map[string]string{}
	for _, k := range keys {
		if !strings.HasSuffix(k, "/") {
			files[k] = k
		}
	}
	b := site(t, model.Bucket{}, files)
	var sorted []string
	for k := range files {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	for _, from := range append(slices.Clone(keys), "", "a/", "b/", "b/a", "b/a/", "b/a/a/b", "b/b", "zz", "b/a\x00") {
		got, err := b.List(ListQuery{From: from, Max: 100})
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, e := range got.Entries {
			have = append(have, e.Key)
		}
		i, _ := slices.BinarySearch(sorted, from)
		if !slices.Equal(have, sorted[i:]) {
			t.Errorf("from %q: %q, want %q", from, have, sorted[i:])
		}
	}
}

func TestWebsiteRoutingRules(t *testing.T) {
	text := func(s string) *string { return &s }
	w := site(t, model.Bucket{PolicyJSON: publicRead, Website: &model.Website{Index: "index.html", Error: "index.html", Rules: []model.RoutingRule{
		{KeyPrefix: "docs/", KeyPrefixWith: text("documents/")},
		{KeyPrefix: "old", Host: "old.example", Protocol: "https", Status: 302},
		{KeyPrefix: "gone/", Error: 403, Key: text("removed.html"), Status: 307},
		{KeyPrefix: "app/", Error: 404, KeyPrefixWith: text("#!/")},
	}}}, map[string]string{"index.html": "home", "docs/a": "there", "app/real": "real"}).Website()
	for _, tt := range []struct {
		path     string
		status   int
		location string
	}{
		{"/docs/a?x=1", 301, "http://site.s3.amazonaws.com/documents/a?x=1"},
		{"/older", 302, "https://old.example/older"},
		{"/app/none", 301, "http://site.s3.amazonaws.com/%23%21/none"},
		{"/app/real", 200, ""},
		{"/gone/x", 404, ""}, // the rule is for 403
		{"/", 200, ""},
	} {
		rs, _ := ask(t, w, nil, "GET", tt.path)
		if rs.StatusCode != tt.status || strings.ReplaceAll(rs.Header.Get("Location"), "!", "%21") != tt.location {
			t.Errorf("%s: %d %s", tt.path, rs.StatusCode, rs.Header.Get("Location"))
		}
	}
}

func TestObjectThatRedirects(t *testing.T) {
	s := store.New(filepath.Join(t.TempDir(), "b"), nil)
	b, err := Open(&model.Bucket{Name: "site", PolicyJSON: publicRead, Website: &model.Website{Index: "i"}}, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Draft("k")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(&store.Object{Key: "k", Fields: []store.Field{{Name: RedirectField, Value: "/l"}}}, nil); err != nil {
		t.Fatal(err)
	}
	if rs, _ := ask(t, b.Website(), nil, "GET", "/k"); rs.StatusCode != 301 || rs.Header.Get("Location") != "/l" {
		t.Errorf("%d %v", rs.StatusCode, rs.Header)
	}
	if rs, _ := ask(t, b, nil, "GET", "/k"); rs.StatusCode != 200 || rs.Header.Get(RedirectField) != "/l" {
		t.Errorf("%d %v", rs.StatusCode, rs.Header)
	}
	if rs, body := ask(t, b, nil, "PUT", "/k"); rs.StatusCode != 403 {
		t.Errorf("written at the endpoint: %d %s", rs.StatusCode, body)
	}
}
