// SPDX-License-Identifier: Apache-2.0

// Package bucket is an S3-like origin: the files of folders and zips and what
// was written over them, served as objects by the REST endpoint and by the
// website endpoint.
//
// The flow: (1) Open reads the bucket policy and opens its contents; (2)
// RoundTrip (REST) or Website takes a GET or HEAD, decides by the policy who
// may read, (3) finds the object: a written one, or one of the contents, later
// ones winning, (4) checks preconditions and range, and answers with S3's
// headers or its error bodies. Objects are written on the admin side (room
// s3api) into a store on disk (room store).
//
// A folder is read on each request, so an edited file is served at once; the
// edge keeps what it has cached, as CloudFront does. What was written hides the
// file of its key for good, and so does a deletion.
//
// What it does not do: no versions, no ACLs, and no writing at the endpoints,
// which answer 405. Symbolic links do not lead out of a folder; linked folders
// are read but not listed.
//
// Concurrency: a Bucket may be used by many at once.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// Caller is who asks. The zero Caller is anonymous.
type Caller struct {
	// Principals are names as package policy has them, such as
	// "Service:cloudfront.amazonaws.com".
	Principals []string
	// Context has condition keys in lower case: aws:sourcearn …
	Context map[string]string
}

type callerKey struct{}

// WithCaller tells the bucket who asks. Only code inside the process can say
// so; a request from outside is anonymous.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Bucket serves one bucket.
type Bucket struct {
	m        *model.Bucket
	doc      *policy.Document // nil: no policy
	written  *store.Store     // nil: nothing was, and nothing can be
	contents []content
	tags     tagCache
	log      *slog.Logger
	told     once
}

// content is an opened model.Content.
type content struct {
	prefix string
	fs     fs.FS
	names  []string // of a zip, sorted; nil: a folder
	close  func() error
}

// Open opens the contents of m, under what was written; nil: the bucket cannot
// be written to. A folder that does not exist is an error that names it. Log
// takes a line when a policy refuses the edge; nil drops it.
func Open(m *model.Bucket, written *store.Store, log *slog.Logger) (*Bucket, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Bucket{m: m, written: written, log: log}
	if m.PolicyJSON != "" {
		doc, err := policy.Parse(m.PolicyJSON)
		if err != nil {
			return nil, fmt.Errorf("bucket %s: %w", m.LogicalID, err)
		}
		b.doc = doc
	}
	for _, c := range m.Content {
		o, err := open(c)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("bucket %s: content: %w", m.LogicalID, err), b.Close())
		}
		b.contents = append(b.contents, o)
	}
	return b, nil
}

func open(c model.Content) (content, error) {
	prefix := strings.TrimPrefix(c.Prefix, "/")
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	if c.Zip != "" {
		z, err := openZip(c.Zip)
		if err != nil {
			return content{}, err
		}
		return content{prefix, z, zipNames(z), func() error { return nil }}, nil
	}
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return content{}, err
	}
	return content{prefix, root.FS(), nil, root.Close}, nil
}

// Close lets go of the folders.
func (b *Bucket) Close() error {
	var errs []error
	for _, c := range b.contents {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// Hosts are the names of the REST endpoint in AWS's forms, and of the website
// endpoint (S3 User Guide, "Virtual hosting", "Website endpoints").
func Hosts(m *model.Bucket, urlSuffix string) (rest, website []string) {
	n := m.Name
	rest = []string{
		n + ".s3." + urlSuffix, n + ".s3." + m.Region + "." + urlSuffix, n + ".s3-" + m.Region + "." + urlSuffix,
		n + ".s3.dualstack." + m.Region + "." + urlSuffix, n + ".s3.localhost",
	}
	website = []string{n + ".s3-website-" + m.Region + "." + urlSuffix, n + ".s3-website." + m.Region + "." + urlSuffix, n + ".s3-website.localhost"}
	return rest, website
}

// may decides whether the caller of rq may do action on key.
func (b *Bucket) may(rq *http.Request, action, key string) bool {
	caller, _ := rq.Context().Value(callerKey{}).(*Caller)
	if caller == nil {
		caller = &Caller{}
	}
	if len(caller.Principals) == 0 && b.m.BlockPublic {
		return false
	}
	if b.doc == nil {
		return false
	}
	resource := "arn:aws:s3:::" + b.m.Name
	if action != "s3:ListBucket" {
		resource += "/" + key
	}
	ctx := map[string]string{"aws:referer": rq.Header.Get("Referer"), "aws:useragent": rq.Header.Get("User-Agent")}
	if action == "s3:ListBucket" {
		for _, name := range []string{"prefix", "delimiter", "max-keys"} {
			if q := rq.URL.Query(); q.Has(name) {
				ctx["s3:"+name] = q.Get(name)
			}
		}
	}
	for k, v := range caller.Context {
		ctx[k] = v
	}
	return b.doc.Decide(&policy.Request{Action: action, Resource: resource, Principals: caller.Principals, Context: ctx}) == policy.Allow
}

// tellDenied says once for each caller why nothing is served: a missing
// policy is the commonest fault of such stacks.
func (b *Bucket) tellDenied(rq *http.Request) {
	caller, _ := rq.Context().Value(callerKey{}).(*Caller)
	if caller == nil {
		caller = &Caller{}
	}
	who := strings.Join(caller.Principals, ", ") + " " + caller.Context["aws:sourcearn"]
	if !b.told.first(who) {
		return
	}
	mend := "give the bucket a policy that allows s3:GetObject to cloudfront.amazonaws.com with AWS:SourceArn of the distribution"
	switch {
	case len(caller.Principals) == 0 && b.m.BlockPublic:
		mend = "the origin sends unsigned requests and public access is blocked: give the origin an OriginAccessControl"
	case b.doc != nil:
		mend = "no statement of the bucket policy allows it: compare Principal, Resource and Condition"
	}
	b.log.Warn("bucket refuses to serve", "bucket", b.m.LogicalID, "caller", strings.TrimSpace(who), "mend", mend)
}
