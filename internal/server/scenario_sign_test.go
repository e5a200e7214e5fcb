// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/config"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/sigv4"
)

// scriptPrincipals are those of the section principals.yaml; nil: there is none.
func scriptPrincipals(t *testing.T, a *txtar.Archive) *principal.Set {
	t.Helper()
	for _, f := range a.Files {
		if f.Name != "principals.yaml" {
			continue
		}
		file := filepath.Join(t.TempDir(), f.Name)
		if err := os.WriteFile(file, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := config.ReadPrincipals(file)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	return nil
}

// directory binds the script's principals to its stack.
func directory(set *principal.Set, st *model.Stack) *principal.Directory {
	return principal.NewDirectory([]*model.Stack{st}, func() *principal.Set { return set })
}

// sent is what is kept of a signed request.
type sent struct {
	target string
	fields []httpmsg.Field
}

// sign signs a request as its field Sign says, WHO [presigned] [badly] [keep=NAME].
func (p *play) sign(rq *httpmsg.Request) {
	how := rq.Header.Get("Sign")
	if how == "" {
		return
	}
	rq.Header.Del("Sign")
	p.signAs(rq, how)
	if _, name, ok := strings.Cut(how, "keep="); ok {
		p.sent[name] = sent{rq.Path + "?" + rq.Query, slices.Clone(rq.Header.Fields())}
	}
}

// again sends a kept request once more, as it was signed.
func (p *play) again(name string) *answered {
	one := p.sent[name]
	a := []string{strings.TrimSuffix(one.target, "?")}
	for _, f := range one.fields {
		a = append(a, f.Name+": "+f.Value)
	}
	return p.send(a)
}

// signAs signs for the API's host, and with the path of the origin in front when
// an edge puts it there.
func (p *play) signAs(rq *httpmsg.Request, how string) {
	words := strings.Fields(how)
	var who *principal.Principal
	for _, one := range p.signers.All() {
		if strings.HasSuffix(one.ARN, "/"+words[0]) {
			who = one
		}
	}
	if who == nil {
		p.t.Fatalf("no principal %s", words[0])
	}
	credentials := who.Credentials
	options := strings.Join(words[1:], " ")
	if strings.Contains(options, "badly") {
		credentials.SecretAccessKey += "!"
	}
	now, empty := time.Now().UTC(), sha256.Sum256(nil)
	date, host, path := now.Format(sigv4.TimeFormat), p.host, p.originPath+rq.Path
	if rq.Host == p.host {
		path = rq.Path
	}
	in := &sigv4.Request{Method: rq.Method, Path: path, Query: rq.Query, PayloadHash: hex.EncodeToString(empty[:]), Time: now, Fields: []sigv4.Field{{Name: "Host", Value: host}}}
	scope := sigv4.Scope{Region: "us-east-1", Service: "execute-api"}
	if strings.Contains(options, "presigned") {
		q, err := url.ParseQuery(rq.Query)
		if err != nil {
			p.t.Fatal(err)
		}
		q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
		q.Set("X-Amz-Credential", credentials.AccessKeyID+"/"+date[:8]+"/us-east-1/execute-api/aws4_request")
		q.Set("X-Amz-Date", date)
		q.Set("X-Amz-SignedHeaders", "host")
		if credentials.SessionToken != "" {
			q.Set("X-Amz-Security-Token", credentials.SessionToken)
		}
		in.Query = q.Encode()
		_, signature, _ := strings.Cut(sigv4.Sign(in, &credentials, scope), "Signature=")
		rq.Query = in.Query + "&X-Amz-Signature=" + signature
		return
	}
	fields := []sigv4.Field{{Name: "X-Amz-Date", Value: date}}
	if credentials.SessionToken != "" {
		fields = append(fields, sigv4.Field{Name: "X-Amz-Security-Token", Value: credentials.SessionToken})
	}
	for _, f := range fields {
		rq.Header.Add(f.Name, f.Value)
	}
	in.Fields = append(in.Fields, fields...)
	rq.Header.Add("Authorization", sigv4.Sign(in, &credentials, scope))
}
