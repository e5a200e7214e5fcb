// SPDX-License-Identifier: Apache-2.0

// Package store builds buckets and what fills them from evaluated resources.
//
// The flow: buckets, then their policies, then the bucket deployments of CDK,
// whose assets become content of the bucket they name. Content comes from the
// command line, from Metadata.Forelane.Content, and from deployments, in this
// order; what comes later wins.
//
// What it does not do: it reads no object. It runs in one goroutine.
package store

import (
	"path/filepath"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

type builder struct{ *base.Scope }

// Build puts the buckets into s.Stack.
func Build(s *base.Scope) {
	b := builder{s}
	for _, r := range s.Of("AWS::S3::Bucket") {
		s.Stack.Buckets = append(s.Stack.Buckets, b.bucket(r))
	}
	for _, r := range s.Of("AWS::S3::BucketPolicy") {
		v := r.Props.Get("Bucket")
		bucket := s.Stack.Bucket(v.Text())
		if bucket == nil {
			r.Note(v, fidelity.Unsupported, "the bucket is not of this stack: the policy is not applied")
			continue
		}
		bucket.PolicyJSON = r.Props.Get("PolicyDocument").JSON()
	}
	for _, r := range s.Of("Custom::CDKBucketDeployment") {
		b.deployment(r)
	}
}

func (b builder) bucket(r *base.Resource) *model.Bucket {
	n := &model.Bucket{LogicalID: r.ID, Name: r.Ref, Region: b.Stack.Region, Pos: r.Where()}
	name := r.Props.Get("BucketName")
	made := strings.HasPrefix(name.Text(), b.Stack.Name+"-") // not the user's own words
	if name.Exists() && !made && !validName(name.Text()) {
		name.Fail("use 3 to 63 small letters, digits, dots and hyphens", "%q is no bucket name", name.Text())
	}
	if dir := b.Buckets[r.ID]; dir != "" {
		n.Content = append(n.Content, model.Content{Dir: dir})
	}
	b.content(r, n)
	block := r.Props.Get("PublicAccessBlockConfiguration")
	n.BlockPublic = !block.Exists() || block.Get("BlockPublicPolicy").Bool() || block.Get("RestrictPublicBuckets").Bool()
	if w := r.Props.Get("WebsiteConfiguration"); w.Exists() {
		n.Website = website(w)
	}
	return n
}

// content reads Metadata.Forelane.Content: a path, a list of paths, or maps
// {Dir: path, Prefix: keys}.
func (b builder) content(r *base.Resource, n *model.Bucket) {
	for _, v := range r.Meta.Get("Forelane", "Content").List() {
		path, prefix := v.Text(), ""
		if v.Node().IsMap() {
			path, prefix = v.Get("Dir").Text(), v.Get("Prefix").Text()
		}
		if path == "" {
			v.Fail("write Content: ./site", "Content names a folder or a zip")
			continue
		}
		if path = filepath.FromSlash(path); !filepath.IsAbs(path) {
			path = filepath.Join(r.Dir, path)
		}
		b.add(n, v, path, prefix)
	}
}

// add puts a folder or zip into a bucket.
func (b builder) add(n *model.Bucket, v base.Value, path, prefix string) {
	c := model.Content{Prefix: strings.TrimPrefix(prefix, "/")}
	switch b.Assets.Kind(path) {
	case base.Folder:
		c.Dir = path
	case base.File:
		if !strings.EqualFold(filepath.Ext(path), ".zip") {
			v.Fail("name a folder or a zip", "%s is neither", path)
			return
		}
		c.Zip = path
	default:
		if !b.Lenient {
			v.Fail("make the folder, or correct the path: it is relative to the template's folder", "there is no file or folder %s", path)
		}
		return
	}
	n.Content = append(n.Content, c)
}

func website(w base.Value) *model.Website {
	site := &model.Website{
		Index: w.Get("IndexDocument").Text(), Error: w.Get("ErrorDocument").Text(),
		RedirectAll: w.Get("RedirectAllRequestsTo", "HostName").Text(), RedirectTLS: w.Get("RedirectAllRequestsTo", "Protocol").Text(),
	}
	if site.RedirectAll != "" && (site.Index != "" || site.Error != "") {
		w.Get("RedirectAllRequestsTo").Fail("remove the other settings", "a website that redirects all requests has no documents")
	}
	for _, v := range w.Get("RoutingRules").List() {
		site.Rules = append(site.Rules, routingRule(v))
	}
	return site
}

func routingRule(v base.Value) model.RoutingRule {
	to, when := v.Get("RedirectRule"), v.Get("RoutingRuleCondition")
	r := model.RoutingRule{
		KeyPrefix: when.Get("KeyPrefixEquals").Text(), Error: when.Get("HttpErrorCodeReturnedEquals").Int(0),
		Host: to.Get("HostName").Text(), Protocol: to.Get("Protocol").Text(), Status: to.Get("HttpRedirectCode").Int(301),
	}
	if r.Status < 301 || r.Status > 308 || r.Status == 304 || r.Status == 306 {
		to.Get("HttpRedirectCode").Fail("use 301, 302, 303, 307 or 308", "%d is no redirect", r.Status)
	}
	if k := to.Get("ReplaceKeyWith"); k.Exists() {
		text := k.Text()
		r.Key = &text
	}
	if k := to.Get("ReplaceKeyPrefixWith"); k.Exists() {
		text := k.Text()
		r.KeyPrefixWith = &text
	}
	if r.Key != nil && r.KeyPrefixWith != nil {
		to.Fail("keep one", "ReplaceKeyWith and ReplaceKeyPrefixWith exclude each other")
	}
	return r
}

// deployment puts the assets of a CDK BucketDeployment into its bucket.
func (b builder) deployment(r *base.Resource) {
	dest := r.Props.Get("DestinationBucketName")
	bucket := b.Stack.Bucket(dest.Text())
	if bucket == nil {
		r.Note(dest, fidelity.Unsupported, "the bucket is not of this stack: nothing is copied")
		return
	}
	keys := r.Props.Get("SourceObjectKeys").Texts()
	for i, src := range r.Props.Get("SourceBucketNames").Texts() {
		if i >= len(keys) {
			break
		}
		path, ok := b.Assets.Locate(r.ID, src, keys[i])
		if !ok {
			r.Note(r.Props.Get("SourceObjectKeys"), fidelity.Unsupported, "asset "+keys[i]+" is not in this project: nothing is copied")
			continue
		}
		b.add(bucket, r.Props, path, r.Props.Get("DestinationBucketKeyPrefix").Text())
	}
}

// validName is the grammar of bucket names.
func validName(s string) bool {
	if len(s) < 3 || len(s) > 63 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		edge := i == 0 || i == len(s)-1
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (edge || c != '-' && c != '.') {
			return false
		}
	}
	return !strings.Contains(s, "..")
}
