// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Web ACLs beside nginx with libmodsecurity. Both shields have the OWASP Core
// Rule Set at paranoia 1 (Forelane by two of AWS's managed groups, nginx as
// Debian configures it); each server also runs without, so that the difference
// is seen.

const modsecurity = `SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecAuditEngine Off
SecRequestBodyLimit 13107200
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
Include /etc/modsecurity/crs/crs-setup.conf
Include /usr/share/modsecurity-crs/rules/*.conf
`

const modsecurityModule = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"

// withoutQuery makes nginx's key that of bench/shield.yaml.
const withoutQuery = "proxy_cache_key $uri; "

func shieldStarters() []starter {
	return []starter{
		{"forelane", func(ctx context.Context, b *bench) (*peer, error) {
			text, err := os.ReadFile("bench/shield.yaml")
			if err != nil {
				return nil, err
			}
			file := filepath.Join(b.dir, "open.yaml")
			open := strings.Replace(string(text), "        WebACLId: !GetAtt Shield.Arn\n", "", 1)
			if err := os.WriteFile(file, []byte(open), 0o644); err != nil {
				return nil, err
			}
			return b.forelane(ctx, "forelane", file)
		}},
		{"forelane-acl", func(ctx context.Context, b *bench) (*peer, error) {
			return b.forelane(ctx, "forelane-acl", "bench/shield.yaml")
		}},
		{"nginx", func(ctx context.Context, b *bench) (*peer, error) {
			return b.nginx(ctx, "nginx", "MODULE", "", "RULES", "", "CACHEKEY", withoutQuery)
		}},
		{"nginx-modsecurity", func(ctx context.Context, b *bench) (*peer, error) {
			file := filepath.Join(b.dir, "modsecurity.conf")
			if err := os.WriteFile(file, []byte(modsecurity), 0o644); err != nil {
				return nil, err
			}
			return b.nginx(ctx, "nginx-modsecurity", "MODULE", "load_module "+modsecurityModule+";\n",
				"RULES", "modsecurity on; modsecurity_rules_file "+file+";", "CACHEKEY", withoutQuery)
		}},
	}
}

// What a browser sends, so that a shield has headers to look at.
var browser = []string{
	"-H", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
	"-H", "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "-H", "Accept-Language: en-GB,en;q=0.5",
	"-H", "Cookie: session=3f9a41c07be24d; theme=dark", "-H", "Referer: http://bench.localhost/start",
}

// newScript asks for a search that nobody asked for before.
const newScript = `local n = 0
function request()
  n = n + 1
  return wrk.format("GET", "/1k?page=2&q=red+shoes+ROUND-" .. n)
end
`

// postScript sends 2 KB of JSON, never twice the same.
const postScript = `local n = 0
local items = {}
for i = 1, 24 do items[i] = '{"sku":"item-' .. i .. '","name":"A pair of shoes, size 42","quantity":' .. i .. '}' end
local rest = table.concat(items, ",")
wrk.headers["Content-Type"] = "application/json"
function request()
  n = n + 1
  return wrk.format("POST", "/miss/order", nil, '{"order":"ROUND-' .. n .. '","note":"leave it at number ' .. n .. '","items":[' .. rest .. ']}')
end
`

func (b *bench) shieldCases() []*benchCase {
	return []*benchCase{
		{name: "acl-repeated", about: "Hit, 1 KB, the same GET again and again (16 connections)", hits: true, run: b.wrk(false, pathSmall+"?page=2&q=red+shoes", browser...)},
		{name: "acl-new", about: "Hit, 1 KB, a GET with a new argument each time (16 connections)", hits: true, run: b.scripted("new.lua", newScript)},
		{name: "acl-post", about: "POST of 2 KB of JSON, new each time, to the origin (16 connections)", run: b.scripted("post.lua", postScript), warm: postOnce},
	}
}

// scripted makes a case that runs wrk with a script. ROUND keeps rounds apart.
func (b *bench) scripted(name, script string) func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, round int) (load, error) {
		file := filepath.Join(b.dir, name)
		text := strings.ReplaceAll(script, "ROUND", string(rune('a'+round))+p.name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return load{}, err
		}
		return b.wrk(false, "/", append([]string{"-s", file}, browser...)...)(ctx, p, round)
	}
}

// postOnce sends what the bodies of postScript have in common: what follows
// measures a shield that has seen the shop's orders before.
func postOnce(ctx context.Context, p *peer) error {
	var items []string
	for i := range 24 {
		items = append(items, fmt.Sprintf(`{"sku":"item-%d","name":"A pair of shoes, size 42","quantity":%d}`, i+1, i+1))
	}
	body := `{"order":"0","note":"none","items":[` + strings.Join(items, ",") + `]}`
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.plain+pathMiss, strings.NewReader(body))
	if err != nil {
		return err
	}
	rq.Host = viewerHost
	rq.Header.Set("Content-Type", "application/json")
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	if rs.StatusCode != http.StatusOK {
		return fmt.Errorf("a POST was answered with %d", rs.StatusCode)
	}
	_, err = io.Copy(io.Discard, rs.Body)
	return err
}
