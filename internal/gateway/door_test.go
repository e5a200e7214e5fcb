// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/ed25519"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/signature"
)

const (
	allowEverybody = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}}`
	onlyByOne      = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"},
		{"Effect":"Deny","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}]}`
	onlyTheVPC = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-9"}}}}`
	privateIPs = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*","Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}}}`
)

func TestA23PrivateAPI(t *testing.T) {
	const suffix = ".execute-api.us-east-1.amazonaws.com"
	own, front := "restrestre"+suffix, "vpce-1-abc.execute-api.us-east-1.vpce.amazonaws.com"
	for _, tt := range []struct {
		name     string
		policy   string
		host     string
		via      string // as the listener says; empty: a public one
		endpoint string // its policy
		field    string
		status   int
	}{
		{"by its own name", allowEverybody, own, "vpce-1", "", "", 200},
		{"by its name at the endpoint", allowEverybody, "restrestre-vpce-1" + suffix, "vpce-1", "", "", 200},
		{"by the endpoint's name", allowEverybody, front, "vpce-1", "", "X-Apigw-Api-Id: restrestre", 200},
		{"by the endpoint's name alone", allowEverybody, front, "vpce-1", "", "", 403},
		{"by the endpoint's name, another API", allowEverybody, front, "vpce-1", "", "X-Apigw-Api-Id: abcdefghij", 403},
		{"from outside", allowEverybody, own, "", "", "", 403},
		{"from outside, by the name at the endpoint", allowEverybody, "restrestre-vpce-1" + suffix, "", "", "", 403},
		{"from outside, by the endpoint's name", allowEverybody, front, "", "", "X-Apigw-Api-Id: restrestre", 403},
		{"a public API by an endpoint", allowEverybody, "abcdefghij" + suffix, "vpce-1", "", "", 403},
		{"no resource policy", "", own, "vpce-1", "", "", 403},
		{"only by one endpoint, this", onlyByOne, own, "vpce-1", "", "", 200},
		{"only by one endpoint, another", onlyByOne, own, "vpce-2", "", "", 403},
		{"only of a VPC, this", onlyTheVPC, own, "vpce-1", "", "", 200},
		{"only of a VPC, one that is not known", onlyTheVPC, own, "vpce-2", "", "", 403},
		{"private addresses", privateIPs, own, "vpce-1", "", "", 200},
		{"the endpoint's policy allows it", allowEverybody, own, "vpce-1", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:*","Resource":"arn:aws:execute-api:us-east-1:*:restrestre/*"}}`, "", 200},
		{"the endpoint's policy does not", allowEverybody, own, "vpce-1", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:*","Resource":"arn:aws:execute-api:us-east-1:*:other/*"}}`, "", 403},
		{"the endpoint's policy cannot be read", allowEverybody, own, "vpce-1", `{}`, "", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := restAPI(newRoute("GET /", lambda("")))
			api.Endpoint, api.EndpointIDs, api.ResourcePolicyJSON = "PRIVATE", []string{"vpce-1"}, tt.policy
			r := &rig{t: t, fn: &fake{}}
			st := stackOf(httpAPI(newRoute("$default", lambda("2.0"))), api)
			st.Endpoints = []*model.Endpoint{{LogicalID: "E", ID: "vpce-1", VPC: "vpc-9", Hosts: []string{front}, PolicyJSON: tt.endpoint}}
			g, err := Compile(st, Deps{Invoke: r.fn, Log: func(rec *Record) { r.records = append(r.records, rec) }})
			if err != nil {
				t.Fatal(err)
			}
			c := Caller{SourceIP: netip.MustParseAddr("10.1.2.3")}
			if tt.via != "" {
				c = g.Via(c, tt.host, tt.via)
			}
			req, err := http.NewRequestWithContext(WithCaller(t.Context(), c), "GET", "https://"+tt.host+"/prod", nil)
			if err != nil {
				t.Fatal(err)
			}
			if name, value, ok := strings.Cut(tt.field, ": "); ok {
				req.Header.Set(name, value)
			}
			resp, err := g.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status || (r.fn.last != nil) != (tt.status == 200) {
				t.Fatalf("%d, invoked %v: %v", resp.StatusCode, r.fn.last != nil, r.records[0].Detail)
			}
			if tt.status == 200 && !strings.Contains(string(r.fn.last.Payload), `"vpceId":"vpce-1"`) {
				t.Errorf("the event does not tell the endpoint: %s", r.fn.last.Payload)
			}
		})
	}
}

func TestViaChooses(t *testing.T) {
	api := restAPI(newRoute("GET /", lambda("")))
	api.Endpoint, api.EndpointIDs = "PRIVATE", []string{"vpce-1", "vpce-2"}
	g, err := Compile(stackOf(api), Deps{Invoke: &fake{}})
	if err != nil {
		t.Fatal(err)
	}
	const suffix = ".execute-api.us-east-1.amazonaws.com"
	for _, tt := range []struct{ host, id, want string }{
		{"restrestre-vpce-2" + suffix, "", "vpce-2"},
		{"restrestre-vpce-1" + suffix, "vpce-2", "vpce-2"},
		{"restrestre" + suffix, "", ""},
		{"restrestre" + suffix, "vpce-7", "vpce-7"},
	} {
		if c := g.Via(Caller{}, tt.host, tt.id); c.Endpoint != tt.want {
			t.Errorf("%s, %q: %q, want %q", tt.host, tt.id, c.Endpoint, tt.want)
		}
	}
	if !g.Private("RESTRESTRE-vpce-1"+suffix+":443") || g.Private("other"+suffix) {
		t.Error("Private")
	}
}

// TestDemandedHeader: either value, once, before a route is looked for; the
// function does not see it.
func TestDemandedHeader(t *testing.T) {
	for _, tt := range []struct {
		name   string
		path   string
		fields []string
		status int
	}{
		{"none", "/prod", nil, 403},
		{"the new value", "/prod", []string{"X-Secret: new-value-new-value"}, 200},
		{"the old value", "/prod", []string{"X-Secret: old-value-old-value"}, 200},
		{"another value", "/prod", []string{"X-Secret: new-value-new-valuE"}, 403},
		{"both", "/prod", []string{"X-Secret: new-value-new-value", "X-Secret: old-value-old-value"}, 403},
		{"none, no such route", "/prod/none", nil, 403},
		{"no such route", "/prod/none", []string{"X-Secret: new-value-new-value"}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := httpAPI(newRoute("GET /", lambda("2.0")))
			api.Stages = []*model.Stage{{Name: "prod"}}
			api.Demand = &model.Demand{Header: "x-secret", Values: []string{"new-value-new-value", "old-value-old-value"}}
			r := newRig(t, api)
			resp, body := r.do("GET", httpHost+tt.path, "", tt.fields...)
			if resp.StatusCode != tt.status || tt.status == 403 && body != `{"message":"Forbidden"}` {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, r.records[0].Detail)
			}
			if tt.status == 403 && r.records[0].Reason != ReasonUnproven {
				t.Errorf("reason %v", r.records[0].Reason)
			}
			if r.fn.last != nil && strings.Contains(string(r.fn.last.Payload), "value-new") {
				t.Errorf("the function sees the secret: %s", r.fn.last.Payload)
			}
		})
	}
}

// TestDemandedSignature: by each kind of key, of this very request, and of now.
func TestDemandedSignature(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("0123456789abcdef")
	shared := signature.Key{ID: "a", Secret: secret}
	ed := signature.Key{ID: "b", Private: private}
	for _, tt := range []struct {
		name   string
		key    signature.Key
		path   string // that is signed
		age    time.Duration
		status int
	}{
		{"by HMAC", shared, "/prod/", 0, 200},
		{"by Ed25519", ed, "/prod/", 0, 200},
		{"of another path", shared, "/prod/x", 0, 403},
		{"old", ed, "/prod/", 2 * time.Minute, 403},
		{"by a key that is not known", signature.Key{ID: "c", Secret: secret}, "/prod/", 0, 403},
		{"by another key", signature.Key{ID: "a", Secret: []byte("another-another-")}, "/prod/", 0, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := restAPI(newRoute("GET /", lambda("")))
			for _, s := range api.Stages {
				s.Demand = &model.Demand{Keys: []model.SignatureKey{{ID: "a", Secret: secret}, {ID: "b", Public: public}}, MaxAge: time.Minute}
			}
			r := newRig(t, api)
			m := &signature.Message{Method: "GET", Scheme: "https", Authority: strings.TrimPrefix(restHost, "https://"), Path: tt.path, Query: "q=1"}
			input, value, err := signature.Sign(m, &tt.key, signature.Params{Components: signedParts(), Created: time.Now().Add(-tt.age).Unix()})
			if err != nil {
				t.Fatal(err)
			}
			resp, body := r.do("GET", restHost+"/prod/?q=1", "", "Signature-Input: "+input, "Signature: "+value)
			if resp.StatusCode != tt.status {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, r.records[0].Detail)
			}
			if r.fn.last != nil && strings.Contains(string(r.fn.last.Payload), "Signature") {
				t.Errorf("the function sees the signature: %s", r.fn.last.Payload)
			}
		})
	}
}
