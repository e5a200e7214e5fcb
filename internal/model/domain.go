// SPDX-License-Identifier: Apache-2.0

package model

// Domain is a custom domain of APIs: an AWS::ApiGateway::DomainName or
// AWS::ApiGatewayV2::DomainName with the mappings that name it.
type Domain struct {
	LogicalID string // empty: only mappings name it, it is made elsewhere
	Name      string // a host, or *.host
	Pos       string
	// Targets are the names that DNS points the domain at; a request that has
	// one of them as its host belongs to no API.
	Targets  []string
	Mappings []DomainMapping
	// ClientCertificates says that only viewers with a certificate may pass.
	ClientCertificates bool
	Trust              TrustStore // the authorities that have signed them
	// RulesOnly says that routing rules choose the API and mappings do not.
	RulesOnly bool
}

// DomainMapping gives the paths below one an API and a stage.
type DomainMapping struct {
	Path  string // "orders/v1" without slashes at its ends; empty: all paths
	APIID string
	Stage string // empty: the path's next segment names it (REST APIs)
	Pos   string
}
