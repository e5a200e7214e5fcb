// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/sigv4"
)

const (
	aliceKey   = "AKIAALICEALICEALICE1"
	bobKey     = "AKIABOBBOBBOBBOBBOB1"
	sessionKey = "ASIASESSIONSESSION12"
	farKey     = "AKIAFARFARFARFARFAR1"
	endedKey   = "ASIAENDEDENDEDENDED1"
	aliceARN   = "arn:aws:iam::123456789012:user/staff/alice"
)

func secretOf(key string) string { return "secret of " + key }

// knownSigners are alice (may do GET on everything), bob (nothing), a session of
// the role R (everything), far of another account (everything) and ended, whose
// credentials are.
func knownSigners(t testing.TB) Signers {
	t.Helper()
	doc := func(text string) []*policy.Document {
		d, err := policy.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return []*policy.Document{d}
	}
	const all = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["execute-api:*","lambda:*"],"Resource":"*"}}`
	list := []*principal.Principal{
		{ARN: aliceARN, ID: "AIDAALICE", Policies: doc(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:us-east-1:123456789012:*/*/GET/*"},
			{"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":"*"},
			{"Effect":"Deny","Action":"*","Resource":"*/secret*"}]}`)},
		{ARN: "arn:aws:iam::123456789012:user/bob"},
		{ARN: "arn:aws:sts::123456789012:assumed-role/R/s1", Policies: doc(all)},
		{ARN: "arn:aws:iam::210987654321:user/far", Policies: doc(all)},
		{ARN: "arn:aws:sts::123456789012:assumed-role/R/s2", Policies: doc(all), Expires: time.Now().Add(-time.Minute)},
	}
	for i, key := range []string{aliceKey, bobKey, sessionKey, farKey, endedKey} {
		p := list[i]
		if p.AccessKeyID, p.SecretAccessKey = key, secretOf(key); key[:4] == "ASIA" {
			p.SessionToken = "token of " + key
		}
		if property, err := p.Check(); err != nil {
			t.Fatal(property, err)
		}
	}
	set := principal.New(list)
	return principal.NewDirectory(nil, func() *principal.Set { return set })
}

// signing is how a request is signed.
type signing struct {
	key, secret, token string // empty secret, token: those of the key
	service, region    string
	at                 time.Time
	presigned          bool
	expires            string
}

func (s signing) defaults() signing {
	if s.secret == "" {
		s.secret = secretOf(s.key)
	}
	if s.token == "" && strings.HasPrefix(s.key, "ASIA") {
		s.token = "token of " + s.key
	}
	if s.service == "" {
		s.service = "execute-api"
	}
	if s.region == "" {
		s.region = "us-east-1"
	}
	if s.at.IsZero() {
		s.at = time.Now()
	}
	return s
}

// request makes a signed request.
func (s signing) request(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	s = s.defaults()
	rq, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		rq.Body, rq.ContentLength = nil, 0
	}
	hash, date := sha256.Sum256([]byte(body)), s.at.UTC().Format(sigv4.TimeFormat)
	in := &sigv4.Request{Method: method, Path: rq.URL.EscapedPath(), PayloadHash: hex.EncodeToString(hash[:]), Time: s.at}
	if in.Path == "" {
		in.Path = "/"
	}
	credentials, scope := &sigv4.Credentials{AccessKeyID: s.key, SecretAccessKey: s.secret}, sigv4.Scope{Region: s.region, Service: s.service}
	in.Fields = []sigv4.Field{{Name: "Host", Value: rq.URL.Host}}
	if !s.presigned {
		for name, value := range map[string]string{"X-Amz-Date": date, "X-Amz-Security-Token": s.token, "X-Kind": "test"} {
			if value != "" {
				rq.Header.Set(name, value)
				in.Fields = append(in.Fields, sigv4.Field{Name: name, Value: value})
			}
		}
		in.Query = rq.URL.RawQuery
		rq.Header.Set("Authorization", sigv4.Sign(in, credentials, scope))
		return rq
	}
	q := rq.URL.Query()
	for name, value := range map[string]string{
		"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Date": date, "X-Amz-SignedHeaders": "host", "X-Amz-Security-Token": s.token, "X-Amz-Expires": s.expires,
		"X-Amz-Credential": s.key + "/" + date[:8] + "/" + s.region + "/" + s.service + "/aws4_request",
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	in.Query = q.Encode()
	_, signature, _ := strings.Cut(sigv4.Sign(in, credentials, scope), "Signature=")
	rq.URL.RawQuery = in.Query + "&X-Amz-Signature=" + signature
	return rq
}

// ask sends a request as a caller from 192.0.2.7.
func (r *rig) ask(rq *http.Request) (*http.Response, string) {
	r.t.Helper()
	r.fn.last = nil
	resp, err := r.g.RoundTrip(rq.WithContext(WithCaller(r.t.Context(), Caller{SourceIP: netip.MustParseAddr("192.0.2.7")})))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return resp, b.String()
		}
	}
}

// iamRig is a rig whose routes all want signatures.
func iamRig(t testing.TB, apis ...*model.API) *rig {
	t.Helper()
	for _, m := range apis {
		for _, route := range m.Routes {
			route.Authorization = "AWS_IAM"
		}
	}
	r := &rig{t: t, fn: &fake{}}
	g, err := Compile(stackOf(apis...), Deps{Invoke: r.fn, Signers: knownSigners(t), Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	if notes := g.Notes(); len(notes) > 0 {
		t.Error(notes)
	}
	r.g = g
	return r
}

func anyREST() *model.API { return restAPI(newRoute("ANY /{proxy+}", lambda(""))) }

func TestA13Signatures(t *testing.T) {
	const (
		invalid = `{"message":"The security token included in the request is invalid."}`
		arn     = "arn:aws:execute-api:us-east-1:********9012:restrestre/prod/"
	)
	now := time.Now()
	denied := func(who, method, path, why string) string {
		return `{"Message":"User: ` + who + ` is not authorized to perform: execute-api:Invoke on resource: ` + arn + method + path + why + `"}`
	}
	for _, tt := range []struct {
		name         string
		s            signing
		method, path string
		change       func(*http.Request)
		status       int
		errorType    string
		body         string // a beginning
		reason       Reason
	}{
		{"header", signing{key: aliceKey}, "GET", "/me?b=2&a=1%202", nil, 200, "", "ok", ReasonNone},
		{"presigned", signing{key: aliceKey, presigned: true}, "GET", "/me?b=2&a=1%202", nil, 200, "", "ok", ReasonNone},
		{"session", signing{key: sessionKey}, "PUT", "/me", nil, 200, "", "ok", ReasonNone},
		{"session, presigned", signing{key: sessionKey, presigned: true, expires: "60"}, "DELETE", "/me", nil, 200, "", "ok", ReasonNone},
		{"an encoded path", signing{key: aliceKey}, "GET", "/a%20b/c%2Fd", nil, 200, "", "ok", ReasonNone},
		{"not signed", signing{key: aliceKey}, "GET", "/me", func(rq *http.Request) { rq.Header.Del("Authorization") }, 403, "MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`, ReasonUnsigned},
		{"a bearer token", signing{key: aliceKey}, "GET", "/me", func(rq *http.Request) { rq.Header.Set("Authorization", "Bearer x") }, 403, "IncompleteSignatureException", `{"message":"Invalid key=value pair`, ReasonIncomplete},
		{"an unknown key", signing{key: "AKIANOBODYNOBODYNOBO"}, "GET", "/me", nil, 403, "UnrecognizedClientException", invalid, ReasonUnknownKey},
		{"another secret", signing{key: aliceKey, secret: secretOf(bobKey)}, "GET", "/me", nil, 403, "InvalidSignatureException", `{"message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'GET\n/prod/me\n\n`, ReasonSignature},
		{"another session token", signing{key: sessionKey, token: "other"}, "GET", "/me", nil, 403, "UnrecognizedClientException", invalid, ReasonUnknownKey},
		{"a token that nobody gave", signing{key: aliceKey, token: "other"}, "GET", "/me", nil, 403, "UnrecognizedClientException", invalid, ReasonUnknownKey},
		{"ended credentials", signing{key: endedKey}, "GET", "/me", nil, 403, "ExpiredTokenException", `{"message":"The security token included in the request is expired"}`, ReasonCredentials},
		{"an old signature", signing{key: aliceKey, at: now.Add(-6 * time.Minute)}, "GET", "/me", nil, 403, "InvalidSignatureException", `{"message":"Signature expired: `, ReasonSignature},
		{"one of the future", signing{key: aliceKey, at: now.Add(6 * time.Minute)}, "GET", "/me", nil, 403, "InvalidSignatureException", `{"message":"Signature not yet current: `, ReasonSignature},
		{"another region", signing{key: aliceKey, region: "eu-west-1"}, "GET", "/me", nil, 403, "InvalidSignatureException", `{"message":"Credential should be scoped to a valid region. "}`, ReasonSignature},
		{"another service", signing{key: aliceKey, service: "lambda"}, "GET", "/me", nil, 403, "InvalidSignatureException", `{"message":"Credential should be scoped to correct service: 'execute-api'. "}`, ReasonSignature},
		{"a method that is not allowed", signing{key: aliceKey}, "PUT", "/me", nil, 403, "AccessDeniedException", denied(aliceARN, "PUT", "/me", " because no identity-based policy allows the execute-api:Invoke action"), ReasonNotAllowed},
		{"a path that is denied", signing{key: aliceKey}, "GET", "/secret", nil, 403, "AccessDeniedException", denied(aliceARN, "GET", "/secret", " with an explicit deny"), ReasonNotAllowed},
		{"denied under its other name", signing{key: aliceKey}, "GET", "/%73ecret", nil, 403, "AccessDeniedException", denied(aliceARN, "GET", "/secret", " with an explicit deny"), ReasonNotAllowed},
		{"nobody's friend", signing{key: bobKey}, "GET", "/me", nil, 403, "AccessDeniedException", denied("arn:aws:iam::123456789012:user/bob", "GET", "/me", " because no identity-based policy allows the execute-api:Invoke action"), ReasonNotAllowed},
		{"another account", signing{key: farKey}, "GET", "/me", nil, 403, "AccessDeniedException", denied("arn:aws:iam::210987654321:user/far", "GET", "/me", ""), ReasonNotAllowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rest, h := iamRig(t, anyREST()), iamRig(t, httpAPI(newRoute("$default", lambda("2.0"))))
			rq := tt.s.request(t, tt.method, restHost+"/prod"+tt.path, "")
			if tt.change != nil {
				tt.change(rq)
			}
			resp, body := rest.ask(rq)
			if resp.StatusCode != tt.status || resp.Header.Get("X-Amzn-Errortype") != tt.errorType || !strings.HasPrefix(body, tt.body) {
				t.Errorf("REST: %d %s %s", resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"), body)
			}
			if rec := rest.records[0]; rec.Reason != tt.reason || rec.Detail != nil && strings.Contains(rec.Detail.Error(), "token of") {
				t.Errorf("REST: %s: %v", rec.Reason, rec.Detail)
			}
			if (rest.fn.last != nil) != (tt.status == 200) || resp.Header.Get(IdentityField) != "*" {
				t.Errorf("invoked %t, identity %q", rest.fn.last != nil, resp.Header.Get(IdentityField))
			}
			rq = tt.s.request(t, tt.method, httpHost+tt.path, "")
			if tt.change != nil {
				tt.change(rq)
			}
			resp, body = h.ask(rq)
			want := "ok"
			if tt.status == 403 {
				want = `{"message":"Forbidden"}`
			}
			if resp.StatusCode != tt.status || body != want || h.records[0].Reason != tt.reason || (h.fn.last != nil) != (tt.status == 200) {
				t.Errorf("HTTP API: %d %s %v", resp.StatusCode, body, h.records[0].Reason)
			}
		})
	}
}

// TestA13BodiesAreSigned: the hash is that of the body, of whatever length it
// says it has, and no field takes its place.
func TestA13BodiesAreSigned(t *testing.T) {
	r := iamRig(t, anyREST())
	for _, tt := range []struct {
		name, body, unsigned string
		length               int64 // 0: that of the body
		status               int
	}{
		{"signed", `{"a":1}`, "", 0, 200},
		{"of unknown length", `{"a":1}`, "", -1, 200},
		{"none", "", "", 0, 200},
		{"another", `{"a":2}`, "", 0, 403},
		{"taken away", "", "", 0, 403},
		{"unsigned", `{"a":2}`, sigv4.Unsigned, 0, 403},
		{"with another's hash", `{"a":2}`, sigv4.Empty, 0, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			what := `{"a":1}`
			if tt.name == "none" {
				what = ""
			}
			rq := signing{key: sessionKey}.request(t, "POST", restHost+"/prod/items", what)
			if tt.body != what {
				sent, err := http.NewRequest("POST", restHost, strings.NewReader(tt.body))
				if err != nil {
					t.Fatal(err)
				}
				rq.Body, rq.ContentLength = sent.Body, sent.ContentLength
			}
			if tt.length != 0 {
				rq.ContentLength = tt.length
			}
			if tt.unsigned != "" {
				rq.Header.Set("X-Amz-Content-Sha256", tt.unsigned)
			}
			resp, body := r.ask(rq)
			if resp.StatusCode != tt.status {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if tt.status == 200 && what != "" && event[events.APIGatewayProxyRequest](r).Body != what {
				t.Errorf("the function got %s", r.fn.last.Payload)
			}
		})
	}
}

// TestA13WhatASignerLeaves: events, variables, access logs and phases.
func TestA13WhatASignerLeaves(t *testing.T) {
	const variables = "identity.accessKey identity.accountId identity.caller identity.user identity.userArn authenticate.status authenticate.error authorize.status authorize.error authorizer.status error.responseType"
	rest, h, old := anyREST(), httpAPI(newRoute("$default", lambda("2.0"))), httpAPI(newRoute("$default", lambda("1.0")))
	rest.Stages[0].AccessFormat, rest.Stages[0].AccessLogARN = formatOf("requestId", variables), "arn:aws:logs:us-east-1:123456789012:log-group:l"
	r := iamRig(t, rest)
	r.ask(signing{key: aliceKey}.request(t, "GET", restHost+"/prod/me", ""))
	e := event[events.APIGatewayProxyRequest](r)
	id := e.RequestContext.Identity
	if id.AccessKey != aliceKey || id.AccountID != "123456789012" || id.Caller != "AIDAALICE" || id.User != "AIDAALICE" || id.UserArn != aliceARN {
		t.Errorf("identity %+v", id)
	}
	if e.Headers["Authorization"] != "" || e.Headers["X-Amz-Date"] == "" {
		t.Errorf("fields %v", e.Headers)
	}
	for name, want := range map[string]string{
		"identity.accessKey": aliceKey, "identity.accountId": "123456789012", "identity.caller": "AIDAALICE", "identity.user": "AIDAALICE", "identity.userArn": aliceARN,
		"authenticate.status": "200", "authenticate.error": "-", "authorize.status": "200", "authorizer.status": "-",
	} {
		if got := loggedLine(r)[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	r.ask(signing{key: bobKey}.request(t, "GET", restHost+"/prod/me", ""))
	if got := loggedLine(r); got["authenticate.status"] != "200" || got["authorize.status"] != "403" || got["authorize.error"] != notAuthorized || got["error.responseType"] != "ACCESS_DENIED" {
		t.Errorf("not allowed: %v", got)
	}
	r.ask(signing{key: bobKey, secret: "another secret altogether"}.request(t, "GET", restHost+"/prod/me", ""))
	if got := loggedLine(r); got["authenticate.status"] != "403" || got["authenticate.error"] != sigv4.Mismatch || got["authorize.status"] != "-" || got["identity.user"] != "-" || got["error.responseType"] != "INVALID_SIGNATURE" {
		t.Errorf("wrong signature: %v", got)
	}
	r = iamRig(t, h)
	r.ask(signing{key: sessionKey}.request(t, "GET", httpHost+"/me", ""))
	iam := event[events.APIGatewayV2HTTPRequest](r).RequestContext.Authorizer.IAM
	if iam == nil || iam.AccessKey != sessionKey || iam.AccountID != "123456789012" || !strings.HasSuffix(iam.CallerID, ":s1") || !strings.HasPrefix(iam.UserID, "AROA") ||
		iam.UserARN != "arn:aws:sts::123456789012:assumed-role/R/s1" || !strings.Contains(string(r.fn.last.Payload), `"cognitoIdentity":null,"principalOrgId":null`) {
		t.Errorf("payload 2.0: %s", r.fn.last.Payload)
	}
	r = iamRig(t, old)
	r.ask(signing{key: aliceKey}.request(t, "GET", httpHost+"/me", ""))
	if id := event[events.APIGatewayProxyRequest](r).RequestContext.Identity; id.UserArn != aliceARN || id.AccessKey != aliceKey {
		t.Errorf("payload 1.0: %+v", id)
	}
}

// TestA14SignersAndResourcePolicies follows tables A and B of the Developer
// Guide: same account, either allows; another account, both must.
func TestA14SignersAndResourcePolicies(t *testing.T) {
	statement := func(effect, who string) string {
		return `{"Effect":"` + effect + `","Principal":` + who + `,"Action":"execute-api:Invoke","Resource":"execute-api:/*"}`
	}
	aws := func(arn string) string { return `{"AWS":"` + arn + `"}` }
	const bob, far = "arn:aws:iam::123456789012:user/bob", "arn:aws:iam::210987654321:user/far"
	for _, tt := range []struct {
		name, key, policy string
		status            int
	}{
		{"identity allows, resource names another", aliceKey, statement("Allow", aws(bob)), 200},
		{"identity allows, resource says nothing", aliceKey, "", 200},
		{"identity allows, resource denies", aliceKey, statement("Deny", aws(aliceARN)), 403},
		{"identity allows, resource denies the account", aliceKey, statement("Deny", aws("arn:aws:iam::123456789012:root")), 403},
		{"identity allows, resource denies all but bob", aliceKey, `{"Effect":"Deny","NotPrincipal":{"AWS":["` + bob + `","arn:aws:iam::123456789012:root"]},"Action":"*","Resource":"*"}`, 403},
		{"identity says nothing, resource names the user", bobKey, statement("Allow", aws(bob)), 200},
		{"identity says nothing, resource names everybody", bobKey, statement("Allow", `"*"`), 200},
		{"identity says nothing, resource names the account", bobKey, statement("Allow", aws("arn:aws:iam::123456789012:root")), 403},
		{"identity says nothing, resource names the account by number", bobKey, statement("Allow", aws("123456789012")), 403},
		{"identity says nothing, resource names another", bobKey, statement("Allow", aws(aliceARN)), 403},
		{"identity says nothing, resource allows all but bob", bobKey, `{"Effect":"Allow","NotPrincipal":{"AWS":"` + bob + `"},"Action":"*","Resource":"*"}`, 403},
		{"a session by its role", sessionKey, statement("Deny", aws("arn:aws:iam::123456789012:role/R")), 403},
		{"another account, named", farKey, statement("Allow", aws(far)), 200},
		{"another account, as an account", farKey, statement("Allow", aws("arn:aws:iam::210987654321:root")), 200},
		{"another account, not named", farKey, statement("Allow", aws(bob)), 403},
		{"another account, no policy", farKey, "", 403},
		{"another account, denied", farKey, statement("Allow", `"*"`) + "," + statement("Deny", aws(far)), 403},
		{"by a condition on the signer", bobKey, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/b*"}}}`, 200},
		{"by a condition on another", bobKey, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"alice"}}}`, 403},
		{"unreadable", aliceKey, "?", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := anyREST()
			if tt.policy != "" {
				api.ResourcePolicyJSON = `{"Version":"2012-10-17","Statement":[` + tt.policy + `]}`
			}
			for _, route := range api.Routes {
				route.Authorization = "AWS_IAM"
			}
			r := &rig{t: t, fn: &fake{}}
			g, err := Compile(stackOf(api), Deps{Invoke: r.fn, Signers: knownSigners(t), Log: func(rec *Record) { r.records = append(r.records, rec) }})
			if err != nil {
				t.Fatal(err)
			}
			r.g = g
			if resp, body := r.ask(signing{key: tt.key}.request(t, "GET", restHost+"/prod/me", "")); resp.StatusCode != tt.status {
				t.Errorf("%d %s: %v", resp.StatusCode, body, r.records[0].Detail)
			}
		})
	}
}

// TestA20SignaturesHaveGatewayResponses: each refusal has the type that AWS
// names.
func TestA20SignaturesHaveGatewayResponses(t *testing.T) {
	api := anyREST()
	for _, typ := range []string{"INVALID_SIGNATURE", "EXPIRED_TOKEN", "MISSING_AUTHENTICATION_TOKEN", "ACCESS_DENIED"} {
		api.GatewayResponses = append(api.GatewayResponses, model.GatewayResponse{Type: typ, Templates: map[string]string{"text/plain": typ + ": $context.error.message"}})
	}
	r := iamRig(t, api)
	for want, s := range map[string]signing{
		"INVALID_SIGNATURE: The request signature": {key: aliceKey, secret: "another secret altogether"},
		"INVALID_SIGNATURE: The security token":    {key: "AKIANOBODYNOBODYNOBO"},
		"EXPIRED_TOKEN: The security":              {key: endedKey},
		"ACCESS_DENIED: User: arn:aws:iam:":        {key: bobKey},
	} {
		if _, body := r.ask(s.request(t, "GET", restHost+"/prod/me", "")); !strings.HasPrefix(body, want) {
			t.Errorf("%s, want %s", body, want)
		}
	}
	if _, body := r.do("GET", restHost+"/prod/me", ""); body != "MISSING_AUTHENTICATION_TOKEN: Missing Authentication Token" {
		t.Error(body)
	}
}

func TestL9SignedFunctionURL(t *testing.T) {
	allow := func(principal, action string) model.Permission {
		return model.Permission{Principal: principal, Action: action}
	}
	both := func(principal string) []model.Permission {
		return []model.Permission{allow(principal, "lambda:InvokeFunctionUrl"), allow(principal, "lambda:InvokeFunction")}
	}
	iam := []model.Permission{{Principal: "123456789012", Action: "lambda:InvokeFunctionUrl", AuthType: "AWS_IAM"}, {Principal: "arn:aws:iam::123456789012:user/bob", Action: "lambda:InvokeFunctionUrl", AuthType: "AWS_IAM"}, {Principal: "arn:aws:iam::123456789012:user/bob", Action: "lambda:InvokeFunction", ViaURL: true}}
	for _, tt := range []struct {
		name, key   string
		permissions []model.Permission
		service     string
		status      int
		errorType   string
	}{
		{"both actions", sessionKey, nil, "lambda", 200, ""},
		{"one of the two", aliceKey, nil, "lambda", 403, "AccessDeniedException"},
		{"the other one by the function", aliceKey, []model.Permission{allow("*", "lambda:InvokeFunction")}, "lambda", 200, ""},
		{"nothing", bobKey, nil, "lambda", 403, "AccessDeniedException"},
		{"by the function alone", bobKey, iam, "lambda", 200, ""},
		{"for another authorization", bobKey, []model.Permission{{Principal: "*", Action: "lambda:InvokeFunctionUrl", AuthType: "NONE"}, allow("*", "lambda:InvokeFunction")}, "lambda", 403, "AccessDeniedException"},
		{"for the account", bobKey, both("123456789012"), "lambda", 403, "AccessDeniedException"},
		{"for a service", bobKey, both("apigateway.amazonaws.com"), "lambda", 403, "AccessDeniedException"},
		{"for an alias", bobKey, []model.Permission{{Qualifier: "live", Principal: "*", Action: "lambda:*"}}, "lambda", 403, "AccessDeniedException"},
		{"another account", farKey, nil, "lambda", 403, "AccessDeniedException"},
		{"another account, permitted", farKey, both("210987654321"), "lambda", 200, ""},
		{"signed for an API", sessionKey, nil, "execute-api", 403, "InvalidSignatureException"},
		{"an unknown key", "AKIANOBODYNOBODYNOBO", nil, "lambda", 403, "UnrecognizedClientException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &rig{t: t, fn: &fake{}}
			s := stackOf()
			s.Functions = []*model.Function{{
				Name: "fn", ARN: "arn:aws:lambda:us-east-1:123456789012:function:fn", Permissions: tt.permissions, Pos: "t.yaml:1:1",
				URLs: []*model.FunctionURL{{AuthType: "AWS_IAM", Host: "u1.lambda-url.us-east-1.on.aws", LogicalID: "FnUrl"}},
			}}
			f, err := CompileFunctionURLs(s, Deps{Invoke: r.fn, Signers: knownSigners(t), Log: func(rec *Record) { r.records = append(r.records, rec) }})
			if err != nil || len(f.Notes()) > 0 {
				t.Fatal(err, f.Notes())
			}
			r.g = f
			resp, body := r.ask(signing{key: tt.key, service: tt.service}.request(t, "POST", urlHost+"/a", "body"))
			if resp.StatusCode != tt.status || resp.Header.Get("X-Amzn-Errortype") != tt.errorType || resp.Header.Get(IdentityField) != "*" {
				t.Fatalf("%d %v %s: %v", resp.StatusCode, resp.Header, body, r.records[0].Detail)
			}
			if tt.status != 200 {
				return
			}
			e := event[events.LambdaFunctionURLRequest](r)
			if e.RequestContext.Authorizer == nil || e.RequestContext.Authorizer.IAM.AccessKey != tt.key || e.RequestContext.AccountID != "123456789012" || e.Body != "Ym9keQ==" {
				t.Errorf("event %s", r.fn.last.Payload)
			}
		})
	}
}

// TestA13WithoutPrincipals: a signature is refused as long as nobody is known,
// and the operator is told what to do.
func TestA13WithoutPrincipals(t *testing.T) {
	h, rest := httpAPI(newRoute("GET /", lambda("2.0"))), restAPI(newRoute("GET /", lambda("")))
	h.Routes[0].Authorization, rest.Routes[0].Authorization = "AWS_IAM", "AWS_IAM"
	r := newRig(t, h, rest)
	for _, target := range []string{httpHost + "/", restHost + "/prod"} {
		for _, s := range []signing{{key: aliceKey}, {key: aliceKey, presigned: true}} {
			if resp, _ := r.ask(s.request(t, "GET", target, "")); resp.StatusCode != 403 || r.fn.last != nil {
				t.Errorf("%s: %d", target, resp.StatusCode)
			}
		}
	}
	notes := r.g.(*Gateway).Notes()
	if len(notes) == 0 || !strings.Contains(notes[0], "--principals FILE") {
		t.Errorf("notes %v", notes)
	}
}
