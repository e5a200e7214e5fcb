// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Bounds of the embedded server.
const (
	memoryStore = 64 << 20 // of JetStream's memory streams, which we do not use; 0 would mean "three quarters of the machine"
	fileStore   = 64 << 30
	routePing   = time.Second // a route that is silent for three is closed and made again
	routePings  = 3
)

// engine is a NATS server in this process, which takes clients from within it
// only.
type engine struct {
	*server.Server
	token string // that clients must show
}

// A server that is alone listens on nothing. One that meets others begins to
// only once it listens for clients as well (StartRouting waits for that): so it
// does, on a port of loopback, and lets in only who has a token that nobody else
// knows.
func startEngine(c *Config) (*engine, error) {
	token := randomHex(32)
	o := &server.Options{
		ServerName: c.Node, DontListen: true, NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: filepath.Join(c.Dir, "nats"), SyncAlways: true,
		JetStreamMaxMemory: memoryStore, JetStreamMaxStore: fileStore,
	}
	if c.Listen != "" {
		o.DontListen, o.Host, o.Port, o.Authorization = false, "127.0.0.1", server.RANDOM_PORT, token
		if err := clustered(c, o); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	s.SetLoggerV2(&engineLog{c.Log}, false, false, false)
	s.Start()
	return &engine{s, token}, nil
}

// clustered makes the server meet others.
func clustered(c *Config, o *server.Options) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return err
	}
	o.Cluster.Name, o.Cluster.Host = c.Name, host
	if o.Cluster.Port, err = strconv.Atoi(port); err != nil || o.Cluster.Port <= 0 {
		return fmt.Errorf("cluster: address %q: the port must be a number", c.Listen)
	}
	if o.Cluster.TLSConfig, err = mutualTLS(c.Secret, c.Name, c.Node); err != nil {
		return err
	}
	o.Cluster.TLSTimeout, o.Cluster.NoAdvertise = 5, true
	o.Cluster.PoolSize = -1 // one connection a pair of nodes: the log is small, and all of it then fails or heals at once
	o.Cluster.PingInterval, o.Cluster.MaxPingsOut = routePing, routePings
	o.Cluster.WriteDeadline = routePings * routePing
	for _, r := range c.Routes {
		o.Routes = append(o.Routes, &url.URL{Scheme: "tls", Host: r})
	}
	return nil
}

// engineLog hands on what the server logs. What it notices is for us at most a
// matter of debugging.
type engineLog struct{ log *slog.Logger }

func (l *engineLog) say(f func(string, ...any), format string, v []any) {
	f("cluster: nats: " + fmt.Sprintf(format, v...))
}

func (l *engineLog) Noticef(format string, v ...any) { l.say(l.log.Debug, format, v) }
func (l *engineLog) Warnf(format string, v ...any)   { l.say(l.log.Debug, format, v) }
func (l *engineLog) Errorf(format string, v ...any)  { l.say(l.log.Info, format, v) }
func (l *engineLog) Fatalf(format string, v ...any)  { l.say(l.log.Error, format, v) }
func (l *engineLog) Debugf(format string, v ...any)  {}
func (l *engineLog) Tracef(format string, v ...any)  {}
