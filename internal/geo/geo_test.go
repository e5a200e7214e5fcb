// SPDX-License-Identifier: Apache-2.0

package geo

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/forelane/forelane/internal/geo/geotest"
	"github.com/forelane/forelane/internal/model"
)

func write(t testing.TB, name string, records map[string]geotest.Map) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, geotest.Write(records), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t testing.TB) *DB {
	t.Helper()
	cities := write(t, "city.mmdb", map[string]geotest.Map{
		"192.0.2.0/25": {
			"continent": geotest.Map{"code": "NA"}, "country": geotest.Map{"iso_code": "US", "names": geotest.Map{"en": "United States"}},
			"subdivisions": []geotest.Map{{"iso_code": "MI", "names": geotest.Map{"en": "Michigan"}}},
			"city":         geotest.Map{"names": geotest.Map{"en": "Ann Arbor"}}, "postal": geotest.Map{"code": "48105"},
			"location": geotest.Map{"latitude": 42.30680, "longitude": -83.70590, "time_zone": "America/Detroit", "metro_code": uint32(505)},
		},
		"2001:db8::/32": {"country": geotest.Map{"iso_code": "DE"}},
	})
	networks := write(t, "asn.mmdb", map[string]geotest.Map{
		"192.0.2.0/24": {"autonomous_system_number": uint32(64500)}, "198.51.100.0/24": {"country_code": "FR"},
	})
	db, err := Open(cities, networks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestFind(t *testing.T) {
	db := open(t)
	annArbor := model.Place{
		Country: "US", CountryName: "United States", Region: "MI", RegionName: "Michigan", City: "Ann Arbor", PostalCode: "48105",
		TimeZone: "America/Detroit", Latitude: "42.30680", Longitude: "-83.70590", MetroCode: "505", Continent: "NA", ASN: 64500,
	}
	for addr, want := range map[string]*model.Place{
		"192.0.2.7": &annArbor, "::ffff:192.0.2.7": &annArbor, "192.0.2.200": {ASN: 64500}, "198.51.100.1": {Country: "FR"},
		"2001:db8::1": {Country: "DE"}, "203.0.113.1": nil, "2001:db9::1": nil,
	} {
		for range 2 { // the second time from memory
			got := db.Find(netip.MustParseAddr(addr))
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("%s: %+v, want %+v", addr, got, want)
			}
		}
	}
	var none *DB
	if none.Find(netip.MustParseAddr("192.0.2.7")) != nil || db.Find(netip.Addr{}) != nil {
		t.Error("something is found where nothing is known")
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	db := open(t)
	a := netip.MustParseAddr("192.0.2.7")
	if n := testing.AllocsPerRun(100, func() { db.Find(a) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOpenNamesTheFile(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.mmdb")
	if err := os.WriteFile(bad, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{bad, filepath.Join(t.TempDir(), "missing.mmdb")} {
		if _, err := Open(file); err == nil {
			t.Errorf("%s is opened", file)
		} else if want := "geo: " + file; len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%v does not name %s", err, file)
		}
	}
}
