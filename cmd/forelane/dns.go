// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/forelane/forelane/internal/server"
	"github.com/forelane/forelane/internal/zone/latency"
)

// dnsFlags are the flags of zones and health checks.
type dnsFlags struct {
	addr    string
	rate    int
	latency []string
	health  time.Duration

	addresses []string // of a node's file only
}

func (f *dnsFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.addr, "dns", "", "address where the zones of the stack are answered, over UDP and TCP, such as 127.0.0.1:5300; port 0 picks one (default: nowhere)")
	fl.IntVar(&f.rate, "dns-rate", 100, "answers of one meaning that a network gets in a second over UDP; 0: no limit")
	fl.StringArrayVar(&f.latency, "latency", nil, "`FILE` of lines PREFIX REGION MILLISECONDS, or the URL of another node's figures (http://NODE:9900/v1/latency), for latency records; may be repeated")
	fl.DurationVar(&f.health, "health-interval", 0, "check health this often, in place of the RequestInterval of the health checks")
}

// options reads what the flags name.
func (f *dnsFlags) options() (o server.DNS, err error) {
	o.Addr, o.Rate, o.HealthInterval = f.addr, f.rate, f.health
	if f.rate == 0 {
		o.Rate = -1
	}
	if f.health < 0 {
		return o, fmt.Errorf("--health-interval %v: it is a time above zero", f.health)
	}
	for _, text := range f.addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return o, fmt.Errorf("dns.addresses: %w", err)
		}
		o.Addresses = append(o.Addresses, a)
	}
	for _, name := range f.latency {
		if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
			if u, err := url.Parse(name); err != nil || u.Host == "" {
				return o, fmt.Errorf("--latency %s: it is no URL", name)
			}
			o.Peers = append(o.Peers, name)
			continue
		}
		rows, err := readLatency(name)
		if err != nil {
			return o, fmt.Errorf("--latency %s: %w", name, err)
		}
		o.Latency = append(o.Latency, rows...)
	}
	return o, nil
}

func readLatency(name string) ([]latency.Row, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return latency.Read(file)
}
