// SPDX-License-Identifier: Apache-2.0

// Package base is the ground of the resource builders: the evaluated resources
// of a stack, readers of their properties, and where code comes from.
//
// The flow: package template evaluates every resource into a Resource and
// makes a Scope of them; each builder room takes the resources of its types
// from the Scope and puts nouns into Scope.Stack; errors go to the Sink with
// the place they are about.
//
// What it does not do: it knows no resource type. A Scope belongs to one
// goroutine.
package base

import (
	"net/netip"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// Resource is one evaluated resource.
type Resource struct {
	ID    string // logical id, prefixed when it is of a nested stack
	Type  string
	Pos   tree.Pos
	Dir   string // folder of the template; local paths are relative to it
	Props Value
	Meta  Value
	Ref   string // what Ref gives
	// DependsOn are logical ids, as the template has them in DependsOn.
	DependsOn []string
	// Partial says that its properties cannot be evaluated as a whole.
	Partial bool
	Att     func(string) string // what Fn::GetAtt gives, of a list the first; empty when there is no such attribute
	Report  *fidelity.Resource
}

// Note adds a verdict that depends on more than one property.
func (r *Resource) Note(at Value, v fidelity.Verdict, words string) {
	path, below := strings.CutPrefix(at.path, r.Props.path+".")
	if !below {
		path = strings.TrimPrefix(at.path, "Resources."+r.ID+".") // of Metadata
	}
	pos := at.Pos()
	if pos.Line == 0 {
		pos = r.Pos
	}
	r.Report.Add(fidelity.Note{Verdict: v, Path: path, Words: words, Pos: pos})
}

// Skip says that the resource is not built, and why; verdicts on its
// properties have no meaning then.
func (r *Resource) Skip(v fidelity.Verdict, words string) {
	n := 0
	for _, c := range r.Report.Counts {
		n += c
	}
	r.Report.Verdict, r.Report.Words, r.Report.Notes = v, words, nil
	r.Report.Counts = [4]int{}
	r.Report.Counts[v&3] = n
}

// Where is the place of the resource, as the model keeps it.
func (r *Resource) Where() string { return r.Pos.String() }

// Locator finds the file or folder behind an S3 location of a template.
type Locator interface {
	// Locate returns a path on this machine; ok is false when the location
	// belongs to no asset. owner is the logical id that names it.
	Locate(owner, bucket, key string) (path string, ok bool)
	// Read returns the bytes of a file that the template names.
	Read(path string) ([]byte, error)
	// Show is a path as messages name it.
	Show(path string) string
	// Kind tells what stands at a path.
	Kind(path string) PathKind
}

// PathKind is what stands at a path. The list is closed.
type PathKind uint8

// The kinds of paths.
const (
	NoPath PathKind = iota
	File
	Folder
)

// String is a word for messages.
func (k PathKind) String() string {
	switch k {
	case File:
		return "file"
	case Folder:
		return "folder"
	}
	return "nothing"
}

// Shared is what stacks of one assembly name of each other, by id or ARN. A
// stack finds what those before it have put in.
type Shared struct {
	Cache    map[string]*model.CachePolicy
	Request  map[string]*model.OriginRequestPolicy
	Response map[string]*model.ResponseHeadersPolicy
	Access   map[string]*model.OriginAccess
	OAI      map[string]string // canonical user id by identity
	Layers   map[string]model.Code
	Edge     map[string]*model.EdgeFunction
	Stores   map[string]*model.KeyValueStore
	// Keys are public keys in PEM, KeyGroups the ids of those of a group.
	Keys      map[string]string
	KeyGroups map[string][]string
	// TrustStores are those of viewer mTLS, by id.
	TrustStores map[string]*model.TrustStore

	// Of logs: real-time configurations by ARN, sources of deliveries by name,
	// their destinations by ARN.
	Realtime        map[string]*model.RealtimeLog
	LogSources      map[string]*Resource
	LogDestinations map[string]*Resource

	// Of web ACLs, by ARN.
	IPSets      map[string][]netip.Prefix
	PatternSets map[string][]string
	RuleGroups  map[string]*model.ACLRuleGroup
	WebACLs     map[string]*model.WebACL

	// Of DNS, by id; zones that no template makes by "name:" and theirs.
	Zones        map[string]*model.Zone
	HealthChecks map[string]*model.HealthCheck
	CIDRs        map[string]map[string][]netip.Prefix // locations of collections
	Fronts       map[string]bool                      // names of distributions and APIs that an alias may stand for

	// Policies are managed policies of IAM, by ARN.
	Policies map[string]*model.Identity

	// Functions are Lambda functions by name; Parameters are values of SSM.
	Functions  map[string]*model.Function
	Parameters map[string]string
}

// NewShared makes an empty Shared.
func NewShared() *Shared {
	return &Shared{
		Cache: map[string]*model.CachePolicy{}, Request: map[string]*model.OriginRequestPolicy{},
		Response: map[string]*model.ResponseHeadersPolicy{}, Access: map[string]*model.OriginAccess{},
		OAI: map[string]string{}, Layers: map[string]model.Code{},
		Edge: map[string]*model.EdgeFunction{}, Stores: map[string]*model.KeyValueStore{},
		Realtime: map[string]*model.RealtimeLog{}, LogSources: map[string]*Resource{}, LogDestinations: map[string]*Resource{},
		Keys: map[string]string{}, KeyGroups: map[string][]string{}, TrustStores: map[string]*model.TrustStore{},
		IPSets: map[string][]netip.Prefix{}, PatternSets: map[string][]string{},
		RuleGroups: map[string]*model.ACLRuleGroup{}, WebACLs: map[string]*model.WebACL{},
		Zones: map[string]*model.Zone{}, HealthChecks: map[string]*model.HealthCheck{},
		CIDRs: map[string]map[string][]netip.Prefix{}, Fronts: map[string]bool{},
		Policies:  map[string]*model.Identity{},
		Functions: map[string]*model.Function{}, Parameters: map[string]string{},
	}
}

// Scope is what builders read and fill.
type Scope struct {
	Stack     *model.Stack
	Resources []*Resource
	Shared    *Shared
	Assets    Locator
	Sink      *Sink
	// Buckets are folders given for buckets on the command line, by logical id.
	Buckets map[string]string
	// Lenient keeps going where a file of the project is missing.
	Lenient bool
}

// Of returns the resources of one type in order.
func (s *Scope) Of(typ string) []*Resource {
	var out []*Resource
	for _, r := range s.Resources {
		if r.Type == typ {
			out = append(out, r)
		}
	}
	return out
}

// Nearest returns a mend that names the likely candidate, or the fallback.
func Nearest(name string, candidates []string, fallback string) string {
	return fidelity.Nearest(name, candidates, fallback)
}
