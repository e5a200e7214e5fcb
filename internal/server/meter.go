// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/gateway/stagecache"
	"github.com/forelane/forelane/internal/viewer"
)

// figures are what organs count for themselves, looked up once a scrape.
type figures struct {
	cache cache.Stats
	apis  stagecache.Counts
	gate  viewer.GateState
}

func (s *Server) look() *figures { return &figures{s.cache.Stats(), s.stages.Counts(), s.gate.State()} }

// show makes the figures of organs series of the node's metrics. Those of the
// disk are 0 as long as there is none.
func (s *Server) show() {
	s.figures.Store(s.look())
	type series struct {
		name, help string
		read       func(f *figures) float64
	}
	for _, g := range []series{
		{"forelane_cache_objects", "Objects and markers in memory.", func(f *figures) float64 { return float64(f.cache.Objects) }},
		{"forelane_cache_bytes", "Memory of stored objects, with their overhead.", func(f *figures) float64 { return float64(f.cache.Bytes) }},
		{"forelane_cache_disk_objects", "Objects on disk.", func(f *figures) float64 { return float64(f.cache.Disk.Objects) }},
		{"forelane_cache_disk_bytes", "Bytes of the files of the cache.", func(f *figures) float64 { return float64(f.cache.Disk.Used) }},
		{"forelane_cache_disk_budget_bytes", "What --cache-disk allows; 0 while there is no disk.", func(f *figures) float64 { return float64(f.cache.Disk.Budget) }},
		{"forelane_cache_disk_queued_bytes", "Bytes that wait to be written.", func(f *figures) float64 { return float64(f.cache.Disk.Queued) }},
		{"forelane_api_cache_entries", "Answers in the caches of API stages.", func(f *figures) float64 { return float64(f.apis.Entries) }},
		{"forelane_api_cache_bytes", "Memory of these answers.", func(f *figures) float64 { return float64(f.apis.Bytes) }},
		{"forelane_connections", "Connections of viewers over TCP.", func(f *figures) float64 { return float64(f.gate.Open) }},
		{"forelane_connections_limit", "How many there may be.", func(f *figures) float64 { return float64(f.gate.Most) }},
	} {
		s.meter.GaugeFunc(g.name, g.help, func() float64 { return g.read(s.figures.Load()) })
	}
	for _, c := range []series{
		{"forelane_cache_loaded_total", "Objects read from disk for viewers.", func(f *figures) float64 { return float64(f.cache.Loaded) }},
		{"forelane_cache_disk_puts_total", "Objects given to the disk.", func(f *figures) float64 { return float64(f.cache.Disk.Puts) }},
		{"forelane_cache_disk_refused_total", "Objects that the disk did not take: it lags, fails, or knows them to be out of date.", func(f *figures) float64 { return float64(f.cache.Disk.Refused) }},
		{"forelane_cache_disk_lost_total", "Objects that it took and could not write.", func(f *figures) float64 { return float64(f.cache.Disk.Lost) }},
		{"forelane_cache_disk_damaged_total", "Objects that were not as written, and were dropped.", func(f *figures) float64 { return float64(f.cache.Disk.Damaged) }},
		{"forelane_api_cache_hits_total", "Requests that API stages answered from their caches.", func(f *figures) float64 { return float64(f.apis.Hits) }},
		{"forelane_api_cache_misses_total", "Requests that could have been, and were not.", func(f *figures) float64 { return float64(f.apis.Misses) }},
		{"forelane_connections_refused_total", "Connections beyond --connections-per-address, or of an address that flooded.", func(f *figures) float64 { return float64(f.gate.Refused) }},
		{"forelane_connections_reclaimed_total", "Idle connections closed to make room.", func(f *figures) float64 { return float64(f.gate.Reclaimed) }},
		{"forelane_connections_flooded_total", "Connections ended because they flooded.", func(f *figures) float64 { return float64(f.gate.Floods) }},
		{"forelane_connections_silent_total", "Connections of --proxy-protocol peers that did not say whom they carry.", func(f *figures) float64 { return float64(f.gate.Silent) }},
	} {
		s.meter.CounterFunc(c.name, c.help, func() float64 { return c.read(s.figures.Load()) })
	}
}
