// SPDX-License-Identifier: Apache-2.0

package model

import (
	"crypto/ed25519"
	"time"
)

// PrivateOrigin is a resource that leads to a target without a public address:
// a VPC origin, a VPC link, a load balancer or one of its listeners, a service of
// Cloud Map, an interface endpoint. Agents serve it by its name.
type PrivateOrigin struct {
	Name string   // the logical id
	Type string   // of the resource
	IDs  []string // by which a template names it: id, ARN, DNS names
	Pos  string
}

// Endpoint is an AWS::EC2::VPCEndpoint for execute-api: the way to private APIs.
type Endpoint struct {
	LogicalID  string
	ID         string // vpce-…
	VPC        string // vpc-…
	Hosts      []string
	PolicyJSON string // of the endpoint; empty: everything passes
	Pos        string
}

// PrivateName is the name by which agents serve what a template calls id: a
// logical id, or id itself when it is of no resource here.
func (s *Stack) PrivateName(id string) string {
	for _, p := range s.Privates {
		for _, known := range p.IDs {
			if known == id {
				return p.Name
			}
		}
	}
	return id
}

// Endpoint is the interface endpoint with an id or logical id; nil: there is none.
func (s *Stack) Endpoint(ref string) *Endpoint {
	for _, e := range s.Endpoints {
		if e.ID == ref || e.LogicalID == ref {
			return e
		}
	}
	return nil
}

// Demand is what a request must have to get to an API at all, beside what AWS
// asks for: a header with one of several secret values, a signature by one of
// several keys, or both. What is empty is not asked for.
type Demand struct {
	Header string
	Values []string // secrets; two while one replaces the other
	Keys   []SignatureKey
	MaxAge time.Duration // of a signature
}

// SignatureKey is a key for HTTP Message Signatures: of one of the two
// algorithms the fields are set.
type SignatureKey struct {
	ID      string
	Secret  []byte             // hmac-sha256
	Public  ed25519.PublicKey  // ed25519, to verify
	Private ed25519.PrivateKey // ed25519, to sign
}
