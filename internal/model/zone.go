// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"strings"
	"time"
)

// Zone is an AWS::Route53::HostedZone with the record sets that name it.
type Zone struct {
	LogicalID string // empty: only record sets name it, it is made elsewhere
	ID        string // Z…; empty when only record sets name it
	Name      string // "example.com": lower case, no dot at its end
	Private   bool   // of VPCs: it is answered to everybody here
	Pos       string
	Records   []*RecordSet
}

// RecordSet is a record set: the values of a name and type, one of several
// when a routing policy chooses among those with the name and type.
type RecordSet struct {
	LogicalID string
	Pos       string
	Name      string // "www.example.com", "*.example.com"
	Type      string // A, AAAA, CNAME …
	TTL       uint32
	Values    []string // as zone files write them; none of an alias
	Alias     *Alias   // nil: Values

	SetID   string // SetIdentifier: tells it from the others of its name and type
	Routing Routing
	// One of these counts, by Routing.
	Weight    int
	Region    string
	Secondary bool
	Geo       GeoLocation
	Proximity Proximity
	CIDR      CIDRLocation

	HealthCheck string // id of a HealthCheck; empty: healthy
}

// Alias is what a record set stands for in place of values.
type Alias struct {
	ZoneID   string
	Name     string // lower case, no dot at its end
	Evaluate bool   // the record set is as healthy as its target
}

// Routing is the policy by which one of several record sets is chosen.
type Routing uint8

// The routing policies.
const (
	SimpleRouting Routing = iota
	WeightedRouting
	LatencyRouting
	FailoverRouting
	GeoRouting
	ProximityRouting
	CIDRRouting
	MultiValueRouting
)

// String is AWS's word.
func (r Routing) String() string {
	return [...]string{"simple", "weighted", "latency", "failover", "geolocation", "geoproximity", "IP-based", "multivalue answer"}[r&7]
}

// GeoLocation is where viewers are that a geolocation record is for. Country
// "*" is the default: everywhere that no other record is for.
type GeoLocation struct{ Continent, Country, Subdivision string }

// Proximity is the place of a geoproximity record.
type Proximity struct {
	Region              string // or the coordinates
	Latitude, Longitude float64
	Bias                int // -99 to 99
}

// CIDRLocation is a location of a CIDR collection, with its prefixes.
type CIDRLocation struct {
	Name     string // "*": the default
	Prefixes []netip.Prefix
}

// HealthKind is what a health check does.
type HealthKind uint8

// The kinds of health checks.
const (
	HealthHTTP HealthKind = iota
	HealthHTTPS
	HealthTCP
	HealthCalculated
	HealthAlarm // of an alarm or a routing control: nothing is watched
)

// String is a word for messages.
func (k HealthKind) String() string {
	return [...]string{"HTTP", "HTTPS", "TCP", "calculated", "alarm", "?", "?", "?"}[k&7]
}

// HealthCheck is an AWS::Route53::HealthCheck.
type HealthCheck struct {
	LogicalID string
	ID        string
	Pos       string

	Kind      HealthKind
	Address   netip.Addr // the zero Addr: that of Host
	Host      string     // name to resolve, or the Host of the request
	Port      int        // 80, 443; TCP checks say it
	Path      string     // with its query; begins with /
	Search    string     // HTTP: in the first 5,120 bytes of the body; empty: not looked for
	SNI       bool
	Interval  time.Duration // 30 s or 10 s
	Threshold int           // checks in a row that change the state; 3
	Inverted  bool
	Disabled  bool // not checked, healthy

	// Of a calculated check.
	Children []string
	Healthy  int // of the children that must be healthy
}

// Endpoint is whom the check asks, for messages.
func (h *HealthCheck) Endpoint() string {
	if h.Address.IsValid() {
		return h.Address.String()
	}
	return h.Host
}

// Within tells whether a name is a zone's or below it.
func (z *Zone) Within(name string) bool {
	return name == z.Name || strings.HasSuffix(name, "."+z.Name)
}

// Zone returns the zone with an id, or nil.
func (s *Stack) Zone(id string) *Zone {
	for _, z := range s.Zones {
		if z.ID != "" && z.ID == id {
			return z
		}
	}
	return nil
}
