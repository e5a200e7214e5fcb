// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/gateway/stagecache"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/webacl"
)

// scriptRows are the rows of API Gateway's behaviour that scripts hold us to
// here; those with authorizers behind an edge are in package server.
var scriptRows = []string{
	"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A15", "A16", "A17", "A18", "A19", "A20", "A21", "A22", "A25", "A28",
}

const scriptDir = "../../testdata/script/"

// TestScripts runs testdata/script/ROW_*.txtar: a CloudFormation or SAM template,
// the gateway that is compiled from it under a fake clock, and functions and
// targets that the script speaks for.
func TestScripts(t *testing.T) {
	authorizertest.Key(0) // made outside of the bubbles
	for _, row := range scriptRows {
		files, err := filepath.Glob(scriptDir + row + "_*.txtar")
		if err != nil || len(files) == 0 {
			t.Errorf("no scripts of row %s (%v)", row, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { runScript(t, file) })
			})
		}
	}
}

// script is a running scenario.
type script struct {
	t    *testing.T
	file string
	line int
	text map[string]string // sections

	stack   *model.Stack
	g       *gateway.Gateway
	limits  *gateway.Limits
	caches  *stagecache.Node
	ids     *strings.Replacer // {LogicalID} -> id
	chances []float64
	functions
	targets

	resp   *http.Response
	body   string
	took   time.Duration // until its head
	pieces []string      // of the body, as they came
	cut    bool          // the body ended with an error
	record *gateway.Record
	caller gateway.Caller
}

func runScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	s := &script{
		t: t, file: filepath.Base(file), text: map[string]string{}, limits: gateway.NewLimits(), caches: &stagecache.Node{},
		caller: gateway.Caller{SourceIP: netip.MustParseAddr("192.0.2.7")},
	}
	s.answers = map[string]payload{}
	for _, f := range a.Files {
		s.text[f.Name] = string(f.Data)
	}
	s.apply([]string{"template"})
	for i, line := range strings.Split(string(a.Comment), "\n") {
		s.line = i + 1
		args := scriptWords(line)
		if len(args) == 0 {
			continue
		}
		c, ok := scriptCommands[args[0]]
		if !ok {
			s.fatalf("unknown command %q", args[0])
		}
		if args[0] != "request" && args[0] != "burst" && args[0] != "load" { // these do it themselves
			for i := range args {
				args[i] = s.ids.Replace(args[i])
			}
		}
		c.run(s, args[1:])
	}
}

// apply compiles a section as the stack; what was used of limits and what is
// cached stays.
func (s *script) apply(a []string) {
	if len(a) == 0 {
		a = []string{"template"}
	}
	path := filepath.Join(s.t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(s.text[a[0]]), 0o600); err != nil {
		s.fatalf("%v", err)
	}
	r, err := template.Load(s.t.Context(), path, template.Options{StackName: "script"})
	if err != nil {
		s.fatalf("%v", err)
	}
	s.stack = r[0].Stack
	var ids []string
	for _, api := range s.stack.APIs {
		ids = append(ids, "{"+api.LogicalID+"}", api.ID)
	}
	for _, k := range s.stack.APIKeys {
		ids = append(ids, "{"+k.LogicalID+"}", k.ID)
	}
	ids = append(ids, "{token}", authorizertest.Sign(authorizertest.Key(0), authorizertest.Header,
		fmt.Sprintf(`{"iss":"https://issuer.example","aud":"app","sub":"alice","scope":"read","exp":%d}`, time.Now().Unix()+3600)))
	s.ids = strings.NewReplacer(ids...)
	shields, err := webacl.Compile(s.stack.WebACLs, webacl.Options{})
	if err != nil {
		s.fatalf("%v", err)
	}
	s.g, err = gateway.Compile(s.stack, gateway.Deps{
		WebACL: func(arn string) gateway.Shield {
			if a := shields.ACL(arn); a != nil {
				return a
			}
			return nil
		},
		Issuers: authorizer.NewIssuers(authorizer.IssuerOptions{Client: authorizertest.New("https://issuer.example")}),
		Invoke:  &s.functions, Client: &s.targets, Chance: s.throw, Limits: s.limits, Caches: s.caches,
		Service: func(u *model.ServiceURI) http.RoundTripper {
			if u.Service == "swf" {
				return nil
			}
			return &s.targets
		},
		Log:      func(r *gateway.Record) { s.record = r },
		KeyValue: func(k *model.APIKey) string { return "made-up-value-of-" + k.LogicalID },
	})
	if err != nil {
		s.fatalf("%v", err)
	}
}

func (s *script) throw() float64 {
	if len(s.chances) == 0 {
		s.errorf("the dice are thrown, and the script says nothing about it")
		return 0
	}
	f := s.chances[0]
	s.chances = s.chances[1:]
	return f
}

func (s *script) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// scriptWords splits a line at white space; single quotes hold words together (two
// of them are one), # begins a remark.
func scriptWords(line string) []string {
	var out []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || line[0] == '#' {
			return out
		}
		var b strings.Builder
		quoted := false
		i := 0
		for ; i < len(line) && (quoted || line[i] != ' ' && line[i] != '\t'); i++ {
			switch {
			case line[i] != '\'':
				b.WriteByte(line[i])
			case quoted && i+1 < len(line) && line[i+1] == '\'':
				b.WriteByte('\'')
				i++
			default:
				quoted = !quoted
			}
		}
		out, line = append(out, b.String()), line[i:]
	}
}

// TestScriptPage compares testdata/script/APIS.md with the language.
func TestScriptPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Scenario scripts of APIs

A script ` + "`ROW_what.txtar`" + ` of the rows A1 to A28 is a txtar file: commands, one a line, then sections. The section ` + "`template`" + `
is a CloudFormation or SAM template; the gateway that is compiled from it runs in-process, under a fake clock that begins
with the year 2000, a Saturday. They are run by ` + "`go test ./internal/gateway -run TestScripts`" + `.

Single quotes hold words together, two of them inside are one; # begins a remark; {Name} is the id of an API or API key,
{token} a token of alice for the audience app, by https://issuer.example.
A wanted text may end in *. A function answers its own name until the script says something else, a target "target"; an
API key without a value has ` + "`made-up-value-of-NAME`" + `. AWS services are targets too, all but swf, which has no endpoint. Each throw of dice is said before (` + "`chance`" + `).

| command | meaning |
|---|---|
`)
	for _, name := range slices.Sorted(maps.Keys(scriptCommands)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimSpace(name+" "+scriptCommands[name].args), scriptCommands[name].doc)
	}
	const page = scriptDir + "APIS.md"
	if os.Getenv("UPDATE_SCRIPT_PAGE") != "" {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s differs from the code; UPDATE_SCRIPT_PAGE=1 go test ./internal/gateway -run TestScriptPage rewrites it (%v)", page, err)
	}
}
