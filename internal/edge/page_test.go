// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/request.md, testdata/script/README.md and bench/results/crs-edge.txt")

// TestRequestPage compares docs/request.md with the step table.
func TestRequestPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# One request, hop by hop

This is the order of everything that happens to a viewer request at the edge. It is printed from the step table
(` + "`internal/edge/table.go`" + `); a test compares the two. Forward only, with two exceptions: a request that waited in vain
asks the cache again, and a range of an object too large to keep is asked for again as a range. A row that may block,
or begins what does, is where a request leaves its connection's goroutine; up to there a hit runs inline.

| # | hop | decides | leaves in the record | may block |
|---|---|---|---|---|
`)
	for i, r := range table() {
		blocks := ""
		if r.blocks {
			blocks = "yes"
		}
		fmt.Fprintf(&b, "| %d | %s (`edge/%s`) | %s | %s | %s |\n", i+1, r.name, r.file, r.decides, r.leaves, blocks)
	}
	b.WriteString(`
Before hop 1, package viewer has read the request: TLS, protocol, limits, true viewer address. Behind fetch stands
an ` + "`http.RoundTripper`" + `: the gateway, a bucket or a function URL of the same process, or the network, which is asked
on the same goroutine and without the maps of net/http (` + "`edge/border.go`" + `).

Shortcuts: a refusal (screen, behavior) goes on at page, so that custom error pages, policy headers and the log never
miss it; a redirect and a function's answer go on at headers; a hit goes from lookup to select, a cached error to
page. A viewer that leaves ends its request at finish. An origin that agrees to a WebSocket goes from response to
headers and upgrade.

A background refresh (request to finish, lease in hand) and the fetch of a custom error page (behavior to page) are
second Exchanges without a viewer: same table, same code.
`)
	compareFile(t, "../../docs/request.md", b.Bytes())
}

// TestScriptPage compares the page of the scripts' language with the commands.
func TestScriptPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Scenario scripts

A script is a txtar file: commands, one a line, then sections. Three actors: origins, the edge, viewers. The scripts
` + "`cache_ROW_what.txtar`" + `, ` + "`edge_ROW_what.txtar`" + ` (CloudFront's rules) and ` + "`rfcNNNN_SECTION_what.txtar`" + ` (the RFCs', a policy with Caching: RFC9111)
` + "`cache_ROW_what.txtar`" + ` (CloudFront's rules), ` + "`explain_what.txtar`" + ` and ` + "`rfcNNNN_SECTION_what.txtar`" + ` (the RFCs', a policy with Caching: RFC9111)
are run by ` + "`go test ./internal/edge -run TestScripts`" + ` in-process, under a fake clock that begins with the year 2000: a
day's TTL costs nothing. (Those of APIs, ` + "`A1_what.txtar`" + ` to ` + "`A25_what.txtar`" + `, have a language of their own: APIS.md;
those of whole nodes, ` + "`node_ROW_what.txtar`" + `, too: README-node.md.) ROW is the row of CloudFront's behaviour that the script holds us to. Single quotes hold
words together; # begins a remark.

| command | meaning |
|---|---|
`)
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		c := commands[name]
		args := c.args
		if args != "" {
			args = " " + args
		}
		fmt.Fprintf(&b, "| `%s%s` | %s |\n", name, args, c.doc)
	}
	b.WriteString(`
## Sections

` + "`config`" + ` changes the distribution, one noun a line, with KEY=VALUE words. Without it there is one origin ` + "`o`" + ` and a
default behavior for GET and HEAD with MinTTL 0, DefaultTTL a day and MaxTTL a year.

    behavior PATTERN KEY=VALUE…   before the default behavior, in order; takes its policy as it then is
    default [plain] KEY=VALUE…    the default behavior; plain: as in examples/plain-proxy
    origin NAME path=/p 'header=Name: value' attempts=N
    group NAME MEMBER MEMBER statuses=500,502
    error CODE page=/p status=N ttl=5s
    lambda EVENT SECTION [body] [behavior=PATTERN]
                                  a function of Lambda@Edge: the section is a Node.js module, which may call sleep(ms) and throttle()
    root NAME                     default root object
    alias HOST
    geo allow|block US,DE         geo restriction
    place ADDR country=US city=…  where an address is (country-name, region, region-name, postal, zone, latitude, longitude, metro, asn)
    version http2and3             HttpVersion of the distribution; HTTP/3 is on port 8443
    function viewer-request|viewer-response SECTION runtime=1.0 store=SECTION
                                  a CloudFront function of the default behavior, 2.0 if not said otherwise: SECTION is its code,
                                  and the store's lines are KEY VALUE. An origin that it makes is the script's by its first label

Host, Scheme, Proto (1.1, 2, 3: over TLS), From (an address), Sign (url 60s, cookies RESOURCE 60s) and Body among the
fields of a viewer say what they are called after.

The section ` + "`function`" + ` is a CloudFront function (runtime 2.0) at viewer-request of the default behavior, ` + "`acl`" + ` a template
whose last web ACL protects the distribution. The edge's debug token is ` + "`tell-me-why-it-was`" + `.

Keys of behaviors: target, min, default, max, ttl (durations); queries, headers, cookies (none, all, a,b, !a for all
but a); gzip, brotli, compress, legacy, signed (nobody: by keys that are not known), guard (safe, exact: of the whole distribution); methods (get, options, all), cached (options), viewer (https-only,
redirect-to-https); realtime (fields of a real-time log of all its requests); rules (RFC9111), vary (ignore, honour), heuristic (percent); orp-headers, orp-queries, orp-cookies (headers also allViewer, allViewerAnd:a,b); and for the
response headers policy cors, cors-override, credentials, custom, replace, remove, timing.

FAULT of an origin is no-name, connect-timeout, reset, write-reset, hangs-up, malformed or long-head.

Every other section is a reply of an origin: status line, fields, an empty line, the body. Fields of the runner:
` + "`Test-Chunked`" + ` hides the length, ` + "`Test-Break`" + ` breaks the body off after its text, ` + "`Test-Path: PATH SECTION`" + ` answers a path
from another section, ` + "`Test-Interim: STATUS LINK`" + ` sends an interim answer before,
` + "`Test-Echo`" + ` agrees to a WebSocket and sends everything back. A reply with an ETag answers 304 when it is asked for with that tag.
`)
	compareFile(t, "../../testdata/script/README.md", b.Bytes())
}

func compareFile(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the code; go test ./internal/edge -run 'TestRequestPage|TestScriptPage' -update rewrites it", file)
	}
}
