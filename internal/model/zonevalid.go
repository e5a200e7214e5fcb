// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Invalid says which property of a noun Route 53 would refuse, and why.
type Invalid struct {
	Property string // its name in the template; empty: the noun as a whole
	Msg      string
	Mend     string // how to set it right
}

// Error is the message.
func (i *Invalid) Error() string {
	if i.Property == "" {
		return i.Msg
	}
	return i.Property + ": " + i.Msg
}

func invalid(property, mend, format string, args ...any) *Invalid {
	return &Invalid{Property: property, Msg: fmt.Sprintf(format, args...), Mend: mend}
}

// RecordTypes are the types of record sets.
func RecordTypes() []string {
	return []string{"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"}
}

// Validate finds what Route 53's API would refuse of a record set of a zone;
// nil when there is nothing (API_ResourceRecordSet).
func (r *RecordSet) Validate(z *Zone) *Invalid {
	switch {
	case !z.Within(r.Name):
		return invalid("Name", "end it with "+z.Name+".", "%q is not in the zone %s", r.Name, z.Name)
	case !validName(r.Name, true):
		return invalid("Name", "labels have 1 to 63 characters, the name 255", "%q is no domain name", r.Name)
	case !slices.Contains(RecordTypes(), r.Type):
		return invalid("Type", "it is one of "+strings.Join(RecordTypes(), ", "), "%q is no type of records", r.Type)
	case r.Type == "CNAME" && r.Name == z.Name:
		return invalid("Type", "use an alias of type A", "a CNAME cannot stand at the zone's own name")
	case r.Alias == nil && len(r.Values) == 0:
		return invalid("ResourceRecords", "add ResourceRecords or AliasTarget", "the record set has no value")
	case r.Alias != nil && len(r.Values) > 0:
		return invalid("ResourceRecords", "keep one of the two", "an alias has no values of its own")
	case r.Alias != nil && slices.Contains([]string{"NS", "SOA"}, r.Type):
		return invalid("AliasTarget", "give values", "an alias cannot be of type %s", r.Type)
	case r.Type == "CNAME" && len(r.Values) > 1:
		return invalid("ResourceRecords", "keep one", "a CNAME has one value")
	case len(r.Values) > 400:
		return invalid("ResourceRecords", "use fewer", "a record set has at most 400 values")
	}
	for _, v := range r.Values {
		if why := validValue(r.Type, v); why != "" {
			return invalid("ResourceRecords", why, "%q is no value of type %s", v, r.Type)
		}
	}
	return r.validRouting()
}

func (r *RecordSet) validRouting() *Invalid {
	if r.Routing == SimpleRouting {
		if r.SetID != "" {
			return invalid("SetIdentifier", "add Weight, Region, Failover, GeoLocation, MultiValueAnswer or the like, or take it away",
				"a record set with an identifier has a routing policy")
		}
		return nil
	}
	switch {
	case r.Type == "NS" || r.Type == "SOA":
		return invalid("", "take the policy away", "record sets of type %s are simple", r.Type)
	case r.SetID == "" || len(r.SetID) > 128:
		return invalid("SetIdentifier", "add a SetIdentifier of 1 to 128 characters", "a record set with a routing policy (%s) has an identifier", r.Routing)
	case r.Routing == WeightedRouting && (r.Weight < 0 || r.Weight > 255):
		return invalid("Weight", "use 0 to 255", "a weight of %d is not possible", r.Weight)
	case r.Routing == MultiValueRouting && (r.Alias != nil || r.Type == "CNAME"):
		return invalid("MultiValueAnswer", "use values, and no CNAME", "aliases and CNAMEs give no multivalue answers")
	case r.Routing == ProximityRouting && (r.Proximity.Bias < -99 || r.Proximity.Bias > 99):
		return invalid("GeoProximityLocation", "use -99 to 99", "a bias of %d is not possible", r.Proximity.Bias)
	case r.Routing == GeoRouting && r.Geo == GeoLocation{}:
		return invalid("GeoLocation", `give ContinentCode or CountryCode ("*" for the default)`, "the record set is for no place")
	case r.Routing == GeoRouting && r.Geo.Continent != "" && (r.Geo.Country != "" || !slices.Contains([]string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}, r.Geo.Continent)):
		return invalid("GeoLocation", "give one of AF, AN, AS, EU, NA, OC, SA, or a country", "%q with country %q is no continent", r.Geo.Continent, r.Geo.Country)
	case r.Routing == GeoRouting && r.Geo.Subdivision != "" && r.Geo.Country != "US" && r.Geo.Country != "UA":
		return invalid("GeoLocation", "leave SubdivisionCode out", "Route 53 knows states of US and UA only")
	}
	return nil
}

// validName tells a domain name; star: it may begin with a wildcard.
func validName(s string, star bool) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	for i, label := range strings.Split(s, ".") {
		if len(label) == 0 || len(label) > 63 || label == "*" && !(star && i == 0) || strings.ContainsAny(label, " \t\n\"()@;") {
			return false
		}
	}
	return true
}

// validValue says how to write a value that is wrong; empty: it is right, or
// of a type that is judged when the zone is compiled.
func validValue(typ, v string) string {
	f := strings.Fields(v)
	numbers := func(most int, fields ...string) bool {
		for _, s := range fields {
			if n, err := strconv.Atoi(s); err != nil || n < 0 || n > most {
				return false
			}
		}
		return true
	}
	ok, mend := true, ""
	switch typ {
	case "A":
		a, err := netip.ParseAddr(v)
		ok, mend = err == nil && a.Is4(), "write it as 192.0.2.1"
	case "AAAA":
		a, err := netip.ParseAddr(v)
		ok, mend = err == nil && a.Is6() && a.Zone() == "", "write it as 2001:db8::1"
	case "CNAME", "NS", "PTR":
		ok, mend = len(f) == 1 && validName(v, typ == "CNAME"), "write a domain name"
	case "MX":
		ok, mend = len(f) == 2 && numbers(65535, f[0]) && (f[1] == "." || validName(f[1], false)), "write it as 10 mail.example.com"
	case "SRV":
		ok, mend = len(f) == 4 && numbers(65535, f[:3]...) && (f[3] == "." || validName(f[3], false)), "write it as PRIORITY WEIGHT PORT HOST"
	case "CAA":
		ok, mend = len(f) >= 3 && numbers(255, f[0]) && strings.HasPrefix(f[2], `"`), `write it as 0 issue "ca.example.com"`
	case "TXT", "SPF":
		ok, mend = len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"', `put it into quotation marks: "text"`
	}
	if ok {
		return ""
	}
	return mend
}

// Validate finds what Route 53's API would refuse of a health check; nil when
// there is nothing (API_HealthCheckConfig).
func (h *HealthCheck) Validate() *Invalid {
	switch {
	case h.Kind == HealthAlarm:
		return nil
	case h.Kind == HealthCalculated && len(h.Children) > 255:
		return invalid("ChildHealthChecks", "use at most 255", "a calculated check has %d children", len(h.Children))
	case h.Kind == HealthCalculated && (h.Healthy < 0 || h.Healthy > 256):
		return invalid("HealthThreshold", "use 0 to 256", "a threshold of %d is not possible", h.Healthy)
	case h.Kind == HealthCalculated:
		return nil
	case !h.Address.IsValid() && h.Host == "":
		return invalid("", "add IPAddress or FullyQualifiedDomainName", "the check has nobody to ask")
	case h.Port < 1 || h.Port > 65535:
		return invalid("Port", "add Port: 1 to 65535", "a %s check of port %d is not possible", h.Kind, h.Port)
	case h.Interval != 10*time.Second && h.Interval != 30*time.Second:
		return invalid("RequestInterval", "use 10 or 30", "an interval of %v is not possible", h.Interval)
	case h.Threshold < 1 || h.Threshold > 10:
		return invalid("FailureThreshold", "use 1 to 10", "a threshold of %d is not possible", h.Threshold)
	case len(h.Search) > 255:
		return invalid("SearchString", "shorten it", "a search string has at most 255 characters")
	case h.Path != "" && h.Path[0] != '/' || strings.ContainsAny(h.Path, " \r\n"):
		return invalid("ResourcePath", "write it as /health", "%q is no path", h.Path)
	}
	return nil
}
