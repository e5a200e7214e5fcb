// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"
)

const exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var gatewayScope = Scope{"us-east-1", "execute-api"}

// botocoreVectors are requests that botocore 1.43.11 signed (SigV4Auth,
// SigV4QueryAuth) at the time that they say, in both forms.
func botocoreVectors(t *testing.T) (ins []*Incoming, bodies [][]byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Method, Path, Query, Body string
		Headers                   map[string]string
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		body, err := hex.DecodeString(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		in := &Incoming{Method: v.Method, Host: "abc123.execute-api.us-east-1.amazonaws.com", Path: v.Path, Query: v.Query, Header: map[string][]string{}, Length: int64(len(body))}
		for name, value := range v.Headers {
			in.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
		}
		ins, bodies = append(ins, in), append(bodies, body)
	}
	return ins, bodies
}

func TestA13BotocoreSigns(t *testing.T) {
	ins, bodies := botocoreVectors(t)
	forms := map[bool]int{}
	for i, in := range ins {
		p, err := Present(in)
		if err != nil {
			t.Errorf("vector %d: %v", i, err)
			continue
		}
		forms[p.Presigned]++
		if err := p.Fits(gatewayScope, p.Time); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
		if err := p.Verify(in, sha256.Sum256(bodies[i]), exampleSecret); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
		if err := p.Verify(in, sha256.Sum256(append(bodies[i], '!')), exampleSecret); err == nil {
			t.Errorf("vector %d: another body passes", i)
		}
	}
	if forms[true] < 8 || forms[false] < 8 {
		t.Errorf("too few vectors of a form: %v", forms)
	}
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// presigned makes a request in the query form: what Sign says of a request
// whose query has all but the signature.
func presigned(expires string) *Incoming {
	query := "a=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260102%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-SignedHeaders=host"
	if expires != "" {
		query += "&X-Amz-Expires=" + expires
	}
	auth := Sign(&Request{Method: "GET", Path: "/prod/me", Query: query, Fields: []Field{{"Host", "h"}}, PayloadHash: Empty, Time: at}, &Credentials{AccessKeyID: "AK", SecretAccessKey: "s"}, gatewayScope)
	_, signature, _ := strings.Cut(auth, "Signature=")
	return &Incoming{Method: "GET", Host: "h", Path: "/prod/me", Query: query + "&X-Amz-Signature=" + signature, Header: map[string][]string{}}
}

func inHeader() *Incoming {
	in := &Incoming{Method: "GET", Host: "h", Path: "/prod/me", Query: "a=1", Header: map[string][]string{"X-Amz-Date": {"20260102T030405Z"}, "X-Amz-Cf-Id": {"of the edge"}}}
	in.Header["Authorization"] = []string{Sign(&Request{
		Method: "GET", Path: "/prod/me", Query: "a=1", Fields: []Field{{"Host", "h"}, {"X-Amz-Date", "20260102T030405Z"}}, PayloadHash: Empty, Time: at,
	}, &Credentials{AccessKeyID: "AK", SecretAccessKey: "s"}, gatewayScope)}
	return in
}

func TestA13PresentedSignatures(t *testing.T) {
	auth := func(old, now string) func(*Incoming) {
		return func(in *Incoming) {
			in.Header["Authorization"][0] = strings.ReplaceAll(in.Header["Authorization"][0], old, now)
		}
	}
	query := func(old, now string) func(*Incoming) {
		return func(in *Incoming) { in.Query = strings.ReplaceAll(in.Query, old, now) }
	}
	field := func(name string, values ...string) func(*Incoming) {
		return func(in *Incoming) { in.Header[name] = values }
	}
	for _, tt := range []struct {
		name   string
		in     *Incoming
		change func(*Incoming)
		scope  Scope
		after  time.Duration
		want   string // "": it passes
	}{
		{"header", inHeader(), nil, gatewayScope, 0, ""},
		{"query", presigned(""), nil, gatewayScope, 0, ""},
		{"no signature", inHeader(), func(in *Incoming) { delete(in.Header, "Authorization") }, gatewayScope, 0, "MissingAuthenticationTokenException: Missing Authentication Token"},
		{"a token of another kind", inHeader(), field("Authorization", "Bearer x"), gatewayScope, 0, "IncompleteSignatureException: Invalid key=value pair"},
		{"two fields", inHeader(), func(in *Incoming) { in.Header["Authorization"] = append(in.Header["Authorization"], "x") }, gatewayScope, 0, "signed more than once"},
		{"both forms", presigned(""), field("Authorization", inHeader().Header["Authorization"]...), gatewayScope, 0, "signed more than once"},
		{"no date", inHeader(), field("X-Amz-Date"), gatewayScope, 0, "existence of one 'X-Amz-Date'"},
		{"two dates", inHeader(), field("X-Amz-Date", "20260102T030405Z", "20260102T030405Z"), gatewayScope, 0, "existence of one 'X-Amz-Date'"},
		{"a bad date", inHeader(), field("X-Amz-Date", "yesterday"), gatewayScope, 0, "Date must be in ISO-8601 'basic format'. Got 'yesterday'"},
		{"another day in the scope", inHeader(), auth("/20260102/", "/20260103/"), gatewayScope, 0, "Date in Credential scope does not match"},
		{"no signature in the field", inHeader(), auth("Signature=", "Sign="), gatewayScope, 0, "requires 'Signature' parameter"},
		{"a parameter twice", inHeader(), auth("Signature=", "Signature=00, Signature="), gatewayScope, 0, "once each"},
		{"a short credential", inHeader(), auth("/execute-api", ""), gatewayScope, 0, "exactly 5 slash-delimited"},
		{"host is not signed", inHeader(), auth("host;", ""), gatewayScope, 0, "'Host' or ':authority' must be"},
		{"the date is not signed", inHeader(), auth(";x-amz-date", ""), gatewayScope, 0, "'X-Amz-Date' must be"},
		{"the token is not signed", inHeader(), field("X-Amz-Security-Token", "t"), gatewayScope, 0, "'X-Amz-Security-Token' must be"},
		{"names out of order", inHeader(), auth("host;x-amz-date", "x-amz-date;host"), gatewayScope, 0, "in order"},
		{"another service", inHeader(), nil, Scope{"us-east-1", "lambda"}, 0, "correct service: 'lambda'"},
		{"another region", inHeader(), nil, Scope{"eu-west-1", "execute-api"}, 0, "valid region"},
		{"five minutes old", inHeader(), nil, gatewayScope, Life, ""},
		{"older", inHeader(), nil, gatewayScope, Life + time.Second, "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)"},
		{"not yet", inHeader(), nil, gatewayScope, -Life - time.Second, "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T025904Z + 5 min.)"},
		{"another path", inHeader(), func(in *Incoming) { in.Path = "/prod/you" }, gatewayScope, 0, "The request signature we calculated does not match"},
		{"a broken signature", inHeader(), auth("Signature=", "Signature=0"), gatewayScope, 0, "does not match"},
		{"presigned: another parameter", presigned(""), query("a=1", "a=2"), gatewayScope, 0, "does not match"},
		{"presigned: one more", presigned(""), query("a=1", "a=1&b=1"), gatewayScope, 0, "does not match"},
		{"presigned: a parameter twice", presigned(""), query("a=1&", "a=1&X%2DAmz-Date=20260102T030405Z&"), gatewayScope, 0, "is there more than once"},
		{"presigned: another algorithm", presigned(""), query("HMAC-SHA256&", "ECDSA-P256-SHA256&"), gatewayScope, 0, "Unsupported AWS 'algorithm'"},
		{"presigned: no credential", presigned(""), query("X-Amz-Credential", "Credential"), gatewayScope, 0, "must include 'X-Amz-Credential'"},
		{"presigned for an hour: five minutes", presigned("3600"), nil, gatewayScope, Life + time.Second, "Signature expired"},
		{"presigned for a minute", presigned("60"), nil, gatewayScope, time.Minute, ""},
		{"presigned for a minute: later", presigned("60"), nil, gatewayScope, time.Minute + time.Second, "Signature expired"},
		{"presigned for too long", presigned("604801"), nil, gatewayScope, 0, "less than a week"},
		{"presigned for less than nothing", presigned("-1"), nil, gatewayScope, 0, "non-negative"},
		{"presigned for a word", presigned("ever"), nil, gatewayScope, 0, "should be a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change != nil {
				tt.change(tt.in)
			}
			p, err := Present(tt.in)
			if err == nil {
				err = p.Fits(tt.scope, at.Add(tt.after))
			}
			if err == nil {
				err = p.Verify(tt.in, sha256.Sum256(nil), "s")
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMismatchShowsWhatWasSigned: the message has what AWS's has, and the plain
// one, which is logged, has nothing of the request.
func TestMismatchShowsWhatWasSigned(t *testing.T) {
	in := inHeader()
	p, err := Present(in)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Verify(in, sha256.Sum256(nil), "another")
	f, ok := errors.AsType[*Fault](err)
	if !ok {
		t.Fatal(err)
	}
	want := "\n\nThe Canonical String for this request should have been\n'GET\n/prod/me\na=1\nhost:h\nx-amz-date:20260102T030405Z\n\nhost;x-amz-date\n" + Empty +
		"'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20260102T030405Z\n20260102/us-east-1/execute-api/aws4_request\n"
	if !strings.Contains(f.Message, want) {
		t.Errorf("message %s", f.Message)
	}
	if strings.Contains(f.Plain(), "prod") || f.Kind != Mismatched {
		t.Errorf("plain message %s of %s", f.Plain(), f.Kind)
	}
}

func FuzzPresent(f *testing.F) {
	f.Add(inHeader().Header["Authorization"][0], "a=1", "20260102T030405Z")
	f.Add("", presigned("60").Query, "")
	f.Fuzz(func(t *testing.T, authorization, query, date string) {
		in := &Incoming{Method: "GET", Host: "h", Path: "/", Query: query, Header: map[string][]string{}}
		for name, v := range map[string]string{"Authorization": authorization, "X-Amz-Date": date} {
			if v != "" {
				in.Header[name] = []string{v}
			}
		}
		p, err := Present(in)
		if err != nil {
			if _, ok := errors.AsType[*Fault](err); !ok {
				t.Fatalf("%T is no fault", err)
			}
			return
		}
		if p.AccessKeyID == "" || p.Signature == "" || p.Time.IsZero() {
			t.Errorf("%+v", p)
		}
		if p.Verify(in, sha256.Sum256([]byte("no such body")), fmt.Sprint(t)) == nil {
			t.Error("a signature by nobody passes")
		}
	})
}
