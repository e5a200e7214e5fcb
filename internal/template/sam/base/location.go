// SPDX-License-Identifier: Apache-2.0

package base

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Location is where an artifact or a definition is: an object of S3, or a file
// or folder of this machine.
type Location struct {
	Bucket, Key, Version *tree.Node // of S3; Version may be nil
	Local                *tree.Node // a path, as written; nil for S3
}

// Code writes the location as AWS::Lambda::Function wants its Code. A local
// one is its path, as in a template that was not packaged yet.
func (l Location) Code() *tree.Node {
	if l.Local != nil {
		return l.Local.Clone()
	}
	return Map("S3Bucket", l.Bucket, "S3Key", l.Key, "S3ObjectVersion", l.Version)
}

// Body writes the location as BodyS3Location of an API.
func (l Location) Body() *tree.Node {
	return Map("Bucket", l.Bucket, "Key", l.Key, "Version", l.Version)
}

var dynamicPath = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):[a-zA-Z0-9_.\-/]+(:\d+)?\}\}`)

// Location reads a location: s3://bucket/key with ?versionId=…, a map of Bucket,
// Key and Version, or a local path.
func (c *Context) Location(id string, n *tree.Node, prop string) (Location, error) {
	if n.IsIntrinsic() {
		r, err := c.Resolve(n)
		if err != nil {
			return Location{}, err
		}
		if r.IsString() {
			n = r
		}
	}
	if n.IsMap() {
		if !Truthy(n.Get("Bucket")) || !Truthy(n.Get("Key")) {
			return Location{}, Errorf(id, n, "%s must be a path, an s3:// address or a map of Bucket and Key", prop)
		}
		return Location{Bucket: n.Get("Bucket").Clone(), Key: n.Get("Key").Clone(), Version: n.Get("Version").Clone()}, nil
	}
	s, ok := n.Str()
	if !ok {
		return Location{}, Errorf(id, n, "%s must be a string or a map", prop)
	}
	if m := dynamicPath.FindString(s); strings.Contains(m, "/") || strings.HasPrefix(s, "{{") {
		return Location{}, Errorf(id, n, "%s cannot be a dynamic reference: write it as a map of Bucket and Key", prop)
	}
	scheme, _, remote := strings.Cut(s, "://")
	if !remote && s != "" {
		return Location{Local: n}, nil
	}
	u, err := url.Parse(s)
	if err != nil || scheme != "s3" || u.Host == "" || u.Path == "" || strings.ContainsAny(u.Host, "[]") {
		return Location{}, Errorf(id, n, "%s: %q is not of the form s3://bucket/key", prop, s)
	}
	mk := func(s string) *tree.Node { return &tree.Node{Kind: tree.String, Text: s, Pos: n.Pos} }
	path, _, _ := strings.Cut(strings.TrimPrefix(s, "s3://"), "?")
	path, _, _ = strings.Cut(path, "#")
	bucket, key, _ := strings.Cut(path, "/")
	l := Location{Bucket: mk(bucket), Key: mk(strings.TrimLeft(key, "/"))}
	if v := u.Query()["versionId"]; len(v) == 1 && v[0] != "" {
		l.Version = mk(v[0])
	}
	return l, nil
}
