// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestInForce(t *testing.T) {
	at := func(k Kind, stage, key, value string) Entry {
		return Entry{Kind: k, Stack: "s", Stage: stage, Key: key, Value: []byte(value)}
	}
	for _, tt := range []struct {
		name, want string
		log        []Entry
	}{
		{"nothing", "", nil},
		{"the last deploy of a stage", "2", []Entry{at(Deploy, "prod", "", ""), at(Deploy, "prod", "", "")}},
		{"stages are apart", "1 2", []Entry{at(Deploy, "dev", "", ""), at(Deploy, "prod", "", "")}},
		{"a promote is a deploy", "2", []Entry{at(Deploy, "prod", "", ""), at(Promote, "prod", "", "")}},
		{"settings stay with a deploy", "2 3", []Entry{at(Deploy, "prod", "", ""), at(Set, "prod", "w", "5"), at(Deploy, "prod", "", "")}},
		{"the last of a setting", "3 4", []Entry{at(Set, "prod", "w", "5"), at(Deploy, "dev", "", ""), at(Set, "prod", "w", "6"), at(Set, "prod", "x", "6")}},
		{"an empty setting is none", "", []Entry{at(Set, "prod", "w", "5"), at(Set, "prod", "w", "")}},
		{"remove takes all of a stage", "1", []Entry{at(Deploy, "dev", "", ""), at(Deploy, "prod", "", ""), at(Set, "prod", "w", "5"), at(Remove, "prod", "", "")}},
		{"invalidations are in no force", "1", []Entry{at(Deploy, "prod", "", ""), invalidation("/a")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f inForce
			for i, e := range tt.log {
				e.Number = uint64(i + 1)
				f = f.with(e)
			}
			if tt.name == "the last of a setting" { // order of numbers
				tt.want = "2 3 4"
			}
			var got []string
			for _, e := range f {
				got = append(got, string('0'+rune(e.Number)))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%s, want %s", s, tt.want)
			}
		})
	}
}

func TestEntriesThatAreRefused(t *testing.T) {
	digest := Digest("sha256:" + strings.Repeat("a", 64))
	for _, tt := range []struct {
		name string
		e    Entry
		ok   bool
	}{
		{"a deploy", Entry{Kind: Deploy, Stack: "s", Bundle: digest}, true},
		{"a deploy without a stack", Entry{Kind: Deploy, Bundle: digest}, false},
		{"a deploy of a path", Entry{Kind: Deploy, Stack: "s", Bundle: "sha256:../../etc/passwd"}, false},
		{"a short digest", Entry{Kind: Deploy, Stack: "s", Bundle: digest[:20]}, false},
		{"a setting", Entry{Kind: Set, Stack: "s", Key: "k"}, true},
		{"a setting without a name", Entry{Kind: Set, Stack: "s"}, false},
		{"a long value", Entry{Kind: Set, Stack: "s", Key: "k", Value: make([]byte, maxValue+1)}, false},
		{"an invalidation of nothing", invalidation(), false},
		{"an invalidation of too much", invalidation(make([]string, maxPaths+1)...), false},
		{"no kind", Entry{Stack: "s"}, false},
		{"a kind to come", Entry{Kind: 99, Stack: "s"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.e.check(); (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
}

// FuzzDecode: whatever stands in the log, a node reads it as it was written, or
// not at all.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"number":1,"kind":"invalidate","invalidation":{"paths":["/a"]},"token":"x","at":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"number":2,"kind":"later","token":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(message{seq: 3, data: data})
		if err != nil {
			return
		}
		if e.Number == 0 || e.Token == "" || e.seq != 3 {
			t.Errorf("%+v", e)
		}
		b, err := json.Marshal(e)
		if err != nil {
			return // without a kind, or of a year that JSON has not
		}
		again, err := decode(message{seq: 3, data: b})
		if err != nil || again.Number != e.Number || again.Token != e.Token || again.Kind != e.Kind {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

func TestConfigThatIsRefused(t *testing.T) {
	secret := make([]byte, minSecret)
	for _, tt := range []struct {
		name string
		c    Config
		want string // of the error; "": it is right
	}{
		{"alone", Config{}, ""},
		{"three nodes", Config{Listen: "10.0.0.1:7", Routes: []string{"10.0.0.2:7"}, Secret: secret}, ""},
		{"no secret", Config{Listen: "127.0.0.1:7", Routes: []string{"127.0.0.1:8"}}, "secret"},
		{"a short secret", Config{Listen: "10.0.0.1:7", Routes: []string{"10.0.0.2:7"}, Secret: secret[1:]}, "secret"},
		{"no routes", Config{Listen: "10.0.0.1:7", Secret: secret}, "routes"},
		{"routes of nobody", Config{Routes: []string{"10.0.0.2:7"}}, "listen"},
		{"an address without a port", Config{Listen: "10.0.0.1", Routes: []string{"a:1"}, Secret: secret}, "address"},
		{"replicas of one that is alone", Config{Replicas: 3}, "replica"},
		{"an even number of replicas", Config{Listen: "10.0.0.1:7", Routes: []string{"a:1"}, Secret: secret, Replicas: 2}, "replicas"},
		{"a cluster over TLS", Config{URL: "tls://nats.example:4222"}, ""},
		{"a cluster on this machine", Config{URL: "nats://127.0.0.1:4222,nats://localhost:4223"}, ""},
		{"a cluster in clear", Config{URL: "nats://u:p@nats.example:4222"}, "tls://"},
		{"another scheme", Config{URL: "ws://127.0.0.1"}, "scheme"},
		{"both", Config{URL: "tls://a:1", Listen: "b:1"}, "either"},
		{"a name that is a subject", Config{Name: "a.b"}, "names"},
		{"a node that is a wildcard", Config{Node: "*"}, "names"},
		{"a tenure of nothing", Config{Tenure: time0}, "tenure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Dir = "x"
			err := tt.c.check()
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("want %q: %v", tt.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "u:p") {
				t.Errorf("a password in %v", err)
			}
		})
	}
}
