// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/gateway/stagecache"
	"github.com/forelane/forelane/internal/viewer"
)

// figures are what organs, runtime and system count for themselves, looked up
// once a scrape.
type figures struct {
	cache     cache.Stats
	gate      viewer.GateState
	apis      stagecache.Counts
	process   process
	functions []function.Status
	lines     int64 // of access logs of stages, lost
	delivered int64 // lines of logs of distributions that a template asks for, lost
	realtime  int64 // records of real-time logs, lost
}

func (s *Server) look() *figures {
	lines, records := s.logs.Dropped()
	return &figures{
		s.cache.Stats(), s.gate.State(), s.stages.Counts(), lookAtProcess(s.o.Data), s.funcs.Status(), s.access.Dropped(), lines, records,
	}
}

// shown is a series that a scrape reads.
type shown struct {
	name, help string
	read       func(f *figures) float64
}

// show makes the figures of organs series of the node's metrics. Those of the
// disk are 0 as long as there is none.
func (s *Server) show() {
	s.figures.Store(s.look())
	for _, g := range append(s.nodeGauges(), cacheGauges()...) {
		s.meter.GaugeFunc(g.name, g.help, func() float64 { return g.read(s.figures.Load()) })
	}
	for _, c := range append(s.nodeCounters(), cacheCounters()...) {
		s.meter.CounterFunc(c.name, c.help, func() float64 { return c.read(s.figures.Load()) })
	}
	b := s.build()
	s.meter.Gauge("forelane_build_info", "Always 1; the labels tell the binary.",
		label("version", b.Version), label("goversion", b.Go)).Set(1)
	for _, kind := range []string{"http", "https", "http3", "admin"} {
		s.meter.GaugeFunc("forelane_listener_info", "1 where the node listens.", func() float64 { return oneIf(s.Addr(kind) != "") }, label("listener", kind))
	}
}

func (s *Server) dropped() float64 {
	if s.o.Dropped == nil {
		return 0
	}
	return float64(s.o.Dropped())
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// AppendMetrics appends the series of the node in Prometheus's text format.
func (s *Server) AppendMetrics(b []byte) []byte {
	f := s.look()
	s.figures.Store(f)
	for _, st := range f.functions {
		of := label("function", st.Name)
		s.meter.GaugeFunc("forelane_function_processes", "Processes of a function, idle ones included.", func() float64 { return s.processes(st.Name) }, of)
	}
	return s.meter.AppendText(b)
}

// processes is how many a function has; 0 for one that is gone.
func (s *Server) processes(name string) float64 {
	for _, st := range s.figures.Load().functions {
		if st.Name == name {
			return float64(st.Processes)
		}
	}
	return 0
}

func cacheGauges() []shown {
	return []shown{
		{"forelane_cache_objects", "Objects and markers in memory.", func(f *figures) float64 { return float64(f.cache.Objects) }},
		{"forelane_cache_bytes", "Memory of stored objects, with their overhead.", func(f *figures) float64 { return float64(f.cache.Bytes) }},
		{"forelane_cache_memory_bytes", "Memory taken from the system for them and their index.", func(f *figures) float64 { return float64(f.cache.Memory) }},
		{"forelane_cache_filling_bytes", "Bytes of bodies on their way in.", func(f *figures) float64 { return float64(f.cache.Filling) }},
		{"forelane_cache_disk_objects", "Objects on disk.", func(f *figures) float64 { return float64(f.cache.Disk.Objects) }},
		{"forelane_cache_disk_bytes", "Bytes of the files of the cache.", func(f *figures) float64 { return float64(f.cache.Disk.Used) }},
		{"forelane_cache_disk_budget_bytes", "What --cache-disk allows; 0 while there is no disk.", func(f *figures) float64 { return float64(f.cache.Disk.Budget) }},
		{"forelane_cache_disk_queued_bytes", "Bytes that wait to be written.", func(f *figures) float64 { return float64(f.cache.Disk.Queued) }},
	}
}

func cacheCounters() []shown {
	return []shown{
		{"forelane_cache_stored_total", "Objects that were stored.", func(f *figures) float64 { return float64(f.cache.Stored) }},
		{"forelane_cache_refused_total", "Objects that were not stored: too large, or no room.", func(f *figures) float64 { return float64(f.cache.Refused) }},
		{"forelane_cache_evicted_total", "Objects that made room for others.", func(f *figures) float64 { return float64(f.cache.Evicted) }},
		{"forelane_cache_invalidated_total", "Objects that an invalidation took.", func(f *figures) float64 { return float64(f.cache.Invalidated) }},
		{"forelane_cache_loaded_total", "Objects read from disk for viewers.", func(f *figures) float64 { return float64(f.cache.Loaded) }},
		{"forelane_cache_disk_puts_total", "Objects given to the disk.", func(f *figures) float64 { return float64(f.cache.Disk.Puts) }},
		{"forelane_cache_disk_refused_total", "Objects that the disk did not take: it lags, fails, or knows them to be out of date.", func(f *figures) float64 { return float64(f.cache.Disk.Refused) }},
		{"forelane_cache_disk_lost_total", "Objects that it took and could not write.", func(f *figures) float64 { return float64(f.cache.Disk.Lost) }},
		{"forelane_cache_disk_damaged_total", "Objects that were not as written, and were dropped.", func(f *figures) float64 { return float64(f.cache.Disk.Damaged) }},
	}
}

func (s *Server) nodeGauges() []shown {
	return []shown{
		{"forelane_api_cache_entries", "Answers in the caches of API stages.", func(f *figures) float64 { return float64(f.apis.Entries) }},
		{"forelane_api_cache_bytes", "Memory of these answers.", func(f *figures) float64 { return float64(f.apis.Bytes) }},
		{"forelane_connections", "Connections of viewers over TCP.", func(f *figures) float64 { return float64(f.gate.Open) }},
		{"forelane_connections_limit", "How many there may be.", func(f *figures) float64 { return float64(f.gate.Most) }},
		{"forelane_ready", "1 when /readyz says so.", func(*figures) float64 { return oneIf(s.Health().Ready) }},
		{"forelane_start_time_seconds", "When the node began, since 1970.", func(*figures) float64 { return seconds(s.life.began) }},
		{"forelane_revision_time_seconds", "When the revision that is served was applied, since 1970; 0: none is.", func(*figures) float64 { return float64(s.life.latest.Load()) / 1000 }},
		{"forelane_go_goroutines", "Goroutines.", func(f *figures) float64 { return f.process.goroutines }},
		{"forelane_go_heap_bytes", "Memory of objects on the Go heap, live or not yet swept.", func(f *figures) float64 { return f.process.heap }},
		{"forelane_go_memory_bytes", "Memory that the Go runtime has mapped.", func(f *figures) float64 { return f.process.memory }},
		{"forelane_process_resident_bytes", "Memory of the process that is in RAM.", func(f *figures) float64 { return f.process.resident }},
		{"forelane_process_files", "Open file descriptors.", func(f *figures) float64 { return f.process.files }},
		{"forelane_disk_free_bytes", "Free space of the file system that --data is on.", func(f *figures) float64 { return f.process.diskFree }},
		{"forelane_disk_size_bytes", "Size of that file system.", func(f *figures) float64 { return f.process.diskSize }},
	}
}

func (s *Server) nodeCounters() []shown {
	return []shown{
		{"forelane_api_cache_hits_total", "Requests that API stages answered from their caches.", func(f *figures) float64 { return float64(f.apis.Hits) }},
		{"forelane_api_cache_misses_total", "Requests that could have been, and were not.", func(f *figures) float64 { return float64(f.apis.Misses) }},
		{"forelane_connections_refused_total", "Connections beyond --connections-per-address, or of an address that flooded.", func(f *figures) float64 { return float64(f.gate.Refused) }},
		{"forelane_connections_reclaimed_total", "Idle connections closed to make room.", func(f *figures) float64 { return float64(f.gate.Reclaimed) }},
		{"forelane_connections_flooded_total", "Connections ended because they flooded.", func(f *figures) float64 { return float64(f.gate.Floods) }},
		{"forelane_connections_silent_total", "Connections of --proxy-protocol peers that did not say whom they carry.", func(f *figures) float64 { return float64(f.gate.Silent) }},
		{"forelane_revisions_total", "Revisions applied since the start.", func(*figures) float64 { return float64(s.life.applied.Load()) }},
		{"forelane_go_gc_cycles_total", "Garbage collections.", func(f *figures) float64 { return f.process.gcCycles }},
		{"forelane_go_gc_cpu_seconds_total", "CPU time that they took, by estimation of the runtime.", func(f *figures) float64 { return f.process.gcSeconds }},
		{"forelane_process_cpu_seconds_total", "CPU time of the process, without that of functions.", func(f *figures) float64 { return f.process.cpuSeconds }},
		{"forelane_edge_access_log_dropped_lines_total", "Lines of the edge's access logs that were lost: no room, or a failed write.", func(f *figures) float64 { return s.dropped() + float64(f.delivered) }},
		{"forelane_edge_realtime_log_dropped_records_total", "Records of real-time logs that were lost: no room, a failed write, or a stream that did not take them.", func(f *figures) float64 { return float64(f.realtime) }},
		{"forelane_api_access_log_dropped_lines_total", "Lines of access logs of stages that were lost: no room, or a failed write.", func(f *figures) float64 { return float64(f.lines) }},
	}
}
