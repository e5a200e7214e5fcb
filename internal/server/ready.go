// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
)

// Ready is what a node serves: the ready event of `forelane up --json` and the
// answer of the admin side's status.
type Ready struct {
	Event         string              `json:"event"`
	Stack         string              `json:"stack"` // names joined by commas when there are several
	HTTP          string              `json:"http"`
	HTTPS         string              `json:"https"`
	HTTP3         string              `json:"http3"` // UDP; empty: off
	Admin         string              `json:"admin"`
	Tunnel        string              `json:"tunnel"`        // TCP and UDP; empty: off
	Endpoint      string              `json:"endpoint"`      // of private APIs; empty: off
	DNS           string              `json:"dns,omitempty"` // UDP and TCP; empty: off
	Zones         []string            `json:"zones,omitempty"`
	Distributions []ReadyDistribution `json:"distributions"`
	APIs          []ReadyAPI          `json:"apis"`
	APIKeys       []ReadyAPIKey       `json:"apiKeys"`
	Private       []ReadyPrivate      `json:"privateOrigins"`
	Functions     []ReadyFunction     `json:"functions"`
	Buckets       []ReadyBucket       `json:"buckets"`
	Outputs       map[string]string   `json:"outputs"`
}

// ReadyDistribution is a distribution and where it answers.
type ReadyDistribution struct {
	LogicalID  string   `json:"logicalId"`
	ID         string   `json:"id"`
	DomainName string   `json:"domainName"`
	Aliases    []string `json:"aliases"`
	URLs       []string `json:"urls"`
	// Staging is that of a staging distribution, and Deployment what a primary
	// one hands over to its own.
	Staging    bool             `json:"staging,omitempty"`
	Deployment *ReadyDeployment `json:"deployment,omitempty"`
	// Promoted tells that the distribution runs another configuration than the
	// template gives it.
	Promoted *ReadyPromotion `json:"promoted,omitempty"`
}

// ReadyDeployment is a continuous deployment policy.
type ReadyDeployment struct {
	Staging string  `json:"staging"` // id
	Enabled bool    `json:"enabled"`
	Header  string  `json:"header,omitempty"` // and its value
	Weight  float64 `json:"weight,omitempty"`
}

// ReadyPromotion is the promotion of a staging distribution's configuration.
type ReadyPromotion struct {
	From    string    `json:"from"` // logical id
	At      time.Time `json:"at"`
	Differs string    `json:"differs"` // in words
}

// ReadyAPI is an API and where it answers without an edge.
type ReadyAPI struct {
	LogicalID string   `json:"logicalId"`
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Stages    []string `json:"stages"`
	URLs      []string `json:"urls"`
	Domains   []string `json:"domains,omitempty"` // custom domains with the paths of their mappings
}

// ReadyPrivate is a private origin. Without agents requests to it fail.
type ReadyPrivate struct {
	Names  []string `json:"names"` // by which agents serve it, the most exact first
	Users  []string `json:"usedBy"`
	Agents int      `json:"agents"` // connections of agents that serve it
}

// ReadyAPIKey is an API key. Value is one that this node has made up; those of
// the template are not told.
type ReadyAPIKey struct {
	LogicalID string   `json:"logicalId"`
	ID        string   `json:"id"`
	Enabled   bool     `json:"enabled"`
	Plans     []string `json:"plans"` // logical ids of usage plans
	Value     string   `json:"value,omitempty"`
}

// ReadyFunction is a function; URLs are its function URLs.
type ReadyFunction struct {
	LogicalID string   `json:"logicalId"`
	Name      string   `json:"name"`
	ARN       string   `json:"arn"`
	Runtime   string   `json:"runtime"`
	State     string   `json:"state"`
	Why       string   `json:"why,omitempty"` // of a state that is not ready
	URLs      []string `json:"urls"`
}

// ReadyBucket is a bucket and what fills it.
type ReadyBucket struct {
	LogicalID string   `json:"logicalId"`
	Name      string   `json:"name"`
	Content   []string `json:"content"`
}

// Ready describes the current revision.
func (s *Server) Ready() *Ready {
	r := &Ready{
		Event: "ready", HTTP: s.Addr("http"), HTTPS: s.Addr("https"), HTTP3: s.Addr("http3"), Admin: s.Addr("admin"), Tunnel: s.Addr("tunnel"), Endpoint: s.Addr("endpoint"), DNS: s.Addr("dns"), Private: []ReadyPrivate{}, Outputs: map[string]string{},
		Distributions: []ReadyDistribution{}, APIs: []ReadyAPI{}, APIKeys: []ReadyAPIKey{}, Functions: []ReadyFunction{}, Buckets: []ReadyBucket{},
	}
	snap := s.pin()
	if snap == nil {
		return r
	}
	defer snap.release()
	r.Zones = snap.zones.Names()
	var names []string
	for _, st := range snap.stacks {
		names = append(names, st.Name)
		s.describe(r, st, len(snap.stacks) > 1)
	}
	r.Stack = strings.Join(names, ",")
	for _, p := range snap.private.list() {
		rp := ReadyPrivate{Names: p.names, Users: p.users}
		if s.hub != nil {
			rp.Agents = s.hub.Serving(p.names...)
		}
		r.Private = append(r.Private, rp)
	}
	return r
}

func (s *Server) describe(r *Ready, st *model.Stack, several bool) {
	live := 0
	for _, d := range st.Distributions {
		if d.Enabled && !d.Staging {
			live++
		}
	}
	for _, d := range st.Distributions {
		rd := ReadyDistribution{LogicalID: d.LogicalID, ID: d.ID, DomainName: d.DomainName, Aliases: append([]string{}, d.Aliases...), URLs: []string{}}
		if d.Enabled && !d.Staging && !s.o.NoEdge {
			rd.URLs = r.urls(edge.LocalHost(st.Name, d, live == 1))
		}
		rd.Staging, rd.Promoted = d.Staging, s.promotionOf(d.ID)
		if p := d.Deployment; p != nil {
			rd.Deployment = &ReadyDeployment{Staging: p.Staging, Enabled: p.Enabled, Weight: p.Weight}
			if p.Header != "" {
				rd.Deployment.Header = p.Header + ": " + p.Value
			}
		}
		r.Distributions = append(r.Distributions, rd)
	}
	for _, a := range st.APIs {
		ra := ReadyAPI{LogicalID: a.LogicalID, ID: a.ID, Kind: a.Kind.String(), Stages: []string{}, URLs: []string{}}
		for _, stage := range a.Stages {
			ra.Stages = append(ra.Stages, stage.Name)
			for _, u := range s.urlsBehind(r, a.ID+".execute-api.localhost") {
				if stage.Name != "$default" {
					u += stage.Name + "/"
				}
				ra.URLs = append(ra.URLs, u)
			}
		}
		for _, d := range st.Domains {
			for _, m := range d.Mappings {
				if m.APIID == a.ID {
					ra.Domains = append(ra.Domains, d.Name+"/"+m.Path)
				}
			}
		}
		r.APIs = append(r.APIs, ra)
	}
	s.describeKeys(r, st)
	s.describeFunctions(r, st)
	for _, b := range st.Buckets {
		rb := ReadyBucket{LogicalID: b.LogicalID, Name: b.Name, Content: []string{}}
		for _, c := range b.Content {
			rb.Content = append(rb.Content, c.Dir+c.Zip)
		}
		r.Buckets = append(r.Buckets, rb)
	}
	for _, o := range st.Outputs {
		key := o.Name
		if several {
			key = st.Name + "." + o.Name
		}
		r.Outputs[key] = o.Value
	}
}

// urlsBehind are the urls of a host that a gateway answers for; none where
// that is another node's.
func (s *Server) urlsBehind(r *Ready, host string) []string {
	if s.o.NoGateway {
		return nil
	}
	return r.urls(host)
}

// urls are the addresses of a host on the listeners there are.
func (r *Ready) urls(host string) []string {
	urls := []string{}
	for _, l := range []struct{ scheme, addr string }{{"http", r.HTTP}, {"https", r.HTTPS}} {
		if _, port, err := net.SplitHostPort(l.addr); err == nil {
			urls = append(urls, l.scheme+"://"+host+":"+port+"/")
		}
	}
	return urls
}

func (s *Server) describeKeys(r *Ready, st *model.Stack) {
	for _, k := range st.APIKeys {
		rk := ReadyAPIKey{LogicalID: k.LogicalID, ID: k.ID, Enabled: k.Enabled, Plans: []string{}}
		for _, p := range st.UsagePlans {
			if slices.Contains(p.Keys, k.ID) {
				rk.Plans = append(rk.Plans, p.LogicalID)
			}
		}
		if k.Value == "" {
			rk.Value = s.keyValue(st.Name, k)
		}
		r.APIKeys = append(r.APIKeys, rk)
	}
}

func (s *Server) describeFunctions(r *Ready, st *model.Stack) {
	states := map[string]function.Status{}
	for _, state := range s.funcs.Status() {
		states[state.Name] = state
	}
	for _, f := range st.Functions {
		rf := ReadyFunction{LogicalID: f.LogicalID, Name: f.Name, ARN: f.ARN, Runtime: f.Runtime, URLs: []string{}}
		rf.State, rf.Why = states[f.Name].State.String(), states[f.Name].Trouble
		if s.o.NoGateway {
			rf.State, rf.Why = "elsewhere", "this node runs no functions"
		}
		for _, u := range f.URLs {
			label, _, _ := strings.Cut(u.Host, ".")
			rf.URLs = append(rf.URLs, s.urlsBehind(r, label+".lambda-url.localhost")...)
		}
		r.Functions = append(r.Functions, rf)
	}
}
