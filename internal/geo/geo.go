// SPDX-License-Identifier: Apache-2.0

// Package geo tells where an address is, by databases that the operator gives.
//
// The flow: (1) Open reads files in MaxMind's format (MMDB): countries, cities,
// networks; (2) Find asks each of them and puts what they say together; the first
// one that knows a thing counts; (3) answers are remembered by the record they
// come from, of which there are few.
//
// What it does not do: it brings no data of its own, and guesses nothing.
//
// Concurrency: a DB may be used by many at once, and is closed when nobody does.
package geo

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/forelane/forelane/internal/model"
)

// DB is the databases of a node. A nil DB knows nothing.
type DB struct {
	files []*maxminddb.Reader

	mu    sync.RWMutex
	known map[place]*model.Place
}

// maxFiles is how many databases there may be: a city's, a network's and two more.
const maxFiles = 4

// place are the records of an address, one in each file.
type place [maxFiles]uintptr

// maxKnown bounds what is remembered: some 300 bytes each.
const maxKnown = 50000

// Open opens databases. The error names the file that cannot be used.
func Open(files ...string) (*DB, error) {
	if len(files) > maxFiles {
		return nil, fmt.Errorf("geo: at most %d databases, not %d", maxFiles, len(files))
	}
	db := &DB{known: map[place]*model.Place{}}
	for _, name := range files {
		r, err := maxminddb.Open(name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("geo: %s: %w", name, err), db.Close())
		}
		db.files = append(db.files, r)
	}
	return db, nil
}

// Close lets the files go.
func (db *DB) Close() error {
	if db == nil {
		return nil
	}
	var errs []error
	for _, r := range db.files {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// Find is what is known of an address; nil: nothing. The Place is shared: read
// only.
func (db *DB) Find(a netip.Addr) *model.Place {
	if db == nil || !a.IsValid() {
		return nil
	}
	a = a.Unmap()
	var at place
	found := false
	for i, r := range db.files {
		if one := r.Lookup(a); one.Found() {
			at[i], found = one.Offset()+1, true
		}
	}
	if !found {
		return nil
	}
	db.mu.RLock()
	p, ok := db.known[at]
	db.mu.RUnlock()
	if !ok {
		p = db.read(at)
		db.remember(at, p)
	}
	return p
}

func (db *DB) remember(at place, p *model.Place) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if len(db.known) >= maxKnown {
		clear(db.known)
	}
	db.known[at] = p
}

// entry is what databases of countries, cities and networks have in common;
// some of countries alone have it at the top.
type entry struct {
	Continent struct {
		Code string `maxminddb:"code"`
	} `maxminddb:"continent"`
	Country struct {
		ISO   string            `maxminddb:"iso_code"`
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"country"`
	Subdivisions []struct {
		ISO   string            `maxminddb:"iso_code"`
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"subdivisions"`
	City struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"city"`
	Postal struct {
		Code string `maxminddb:"code"`
	} `maxminddb:"postal"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		TimeZone  string   `maxminddb:"time_zone"`
		Metro     uint     `maxminddb:"metro_code"`
	} `maxminddb:"location"`
	ASN         uint32 `maxminddb:"autonomous_system_number"`
	CountryCode string `maxminddb:"country_code"`
}

func (db *DB) read(at place) *model.Place {
	p := &model.Place{}
	for i, r := range db.files {
		if at[i] == 0 {
			continue
		}
		var e entry
		if r.LookupOffset(at[i]-1).Decode(&e) != nil {
			continue // a damaged record: what it says is not known
		}
		e.addTo(p)
	}
	return p
}

// addTo fills in what p does not know yet.
func (e *entry) addTo(p *model.Place) {
	set := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	set(&p.Country, e.Country.ISO)
	set(&p.Country, e.CountryCode)
	set(&p.CountryName, e.Country.Names["en"])
	set(&p.Continent, e.Continent.Code)
	if n := len(e.Subdivisions); n > 0 {
		set(&p.Region, e.Subdivisions[n-1].ISO)
		set(&p.RegionName, e.Subdivisions[n-1].Names["en"])
	}
	set(&p.City, e.City.Names["en"])
	set(&p.PostalCode, e.Postal.Code)
	set(&p.TimeZone, e.Location.TimeZone)
	set(&p.Latitude, degrees(e.Location.Latitude))
	set(&p.Longitude, degrees(e.Location.Longitude))
	if e.Location.Metro != 0 {
		set(&p.MetroCode, strconv.FormatUint(uint64(e.Location.Metro), 10))
	}
	if p.ASN == 0 {
		p.ASN = e.ASN
	}
}

// degrees writes a coordinate with CloudFront's five digits.
func degrees(f *float64) string {
	if f == nil || math.IsNaN(*f) {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', 5, 64)
}
