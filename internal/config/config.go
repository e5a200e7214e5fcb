// SPDX-License-Identifier: Apache-2.0

// Package config is the file that `forelane serve` runs a node by.
//
// The flow: (1) Default is a node with every setting at its default; (2) Parse
// reads YAML or JSON strictly into one: a setting that is unknown, given twice
// or of another kind is an error with file:line:col, and all errors are told at
// once; (3) Validate tells what does not go together; (4) Print writes a node
// as a commented file, and Schema is the JSON Schema of the file, both from the
// table that Parse reads by (table.go).
//
// What it does not do: it opens no socket, and reads no file but the one it is
// given and, when asked by Secret and ReadPrincipals (principals.go), the secrets
// that it names. A secret is never in the file itself.
//
// A Node is owned by one goroutine until it is read only.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/template/tree"
)

// Node is what a node is to do. The zero value listens on nothing; start from
// Default.
type Node struct {
	Name    string // of the node in its cluster; empty: the host's
	Data    string // folder of state; required by serve
	Roles   []Role // empty: all that there are
	Region  string // empty: us-east-1, or what a stack says
	Account string // empty: 123456789012, or what a stack says

	Listen    Listen
	Admin     Admin
	TLS       TLS
	Cache     Cache
	Geo       []string          // databases of places, .mmdb
	Origins   map[string]string // other addresses for origins, by Id or host
	Services  map[string]string // endpoints of AWS services
	Signing   string            // credentials for origins outside: env, or a profile; empty: none
	Shown     map[string]string // certificates shown to origins, CERT[,KEY] by ARN
	Trusted   map[string]string // authorities of viewers' certificates, PEM files by trust store
	Signers   string            // file of principals; empty: nobody signs
	Issuers   map[string]string // other addresses for issuers of tokens
	API       API
	Functions Functions
	Log       Log
	Trace     Trace
	Explain   Explain
	DNS       DNS
	Cluster   Cluster
	Peers     Peers

	at   map[string]tree.Pos // where a setting was given, by its path
	file string
}

// Listen is how viewers reach the node.
type Listen struct {
	HTTP, HTTPS   string // addresses; empty: off
	HTTP3         bool   // on the UDP port of HTTPS
	H2C           bool
	H2WebSocket   bool
	ReusePort     bool
	ProxyProtocol []string // networks of load balancers
	Connections   int      // 0: half of the file descriptors
	PerAddress    int      // 0: half of Connections
	Drain         time.Duration
	DrainDelay    time.Duration // before Drain, unready
	Tunnel        string        // empty: nowhere
	Endpoint      string        // [NAME=]address; empty: nowhere
}

// Explain is what the node tells of single requests.
type Explain struct {
	Recent         time.Duration // how long requests are kept for explanations; 0: they are not
	Memory         Size          // for them
	DebugTokenFile string        // empty: nobody gets debug headers
}

// Admin is the admin side.
type Admin struct {
	Listen      string
	TokenFile   string // empty: none; required beyond loopback
	Certificate string // PEM; required beyond loopback
	Key         string // PEM; empty: in Certificate
}

// TLS is what viewers are shown.
type TLS struct {
	LocalAuthority bool // sign for names without a certificate
	ACME           ACME
	Certificates   []Certificate
}

// ACME is who gives certificates for public names. No Email: nobody.
type ACME struct{ Email, Directory string }

// Certificate is a chain with its key, as files.
type Certificate struct{ Cert, Key string }

// Cache is what the edge cache may use, and keep.
type Cache struct {
	Memory    Size
	Disk      Size   // 0: none
	LeakGuard string // safe, exact
}

// API is the limit of all APIs together; a rate of 0 is none.
type API struct {
	Rate  float64
	Burst int
	Cache Size // of stages
}

// Functions is how functions run.
type Functions struct {
	Concurrency     int // 0: 10
	EnvironmentFile string
	NodePath        []string
	PythonPath      []string
}

// Log is what is written about requests.
type Log struct {
	Access   string // file, - for stdout; empty: access.log in Data
	Requests bool   // a line a request on stderr

	Format, Fields string
	Files          string // folder of files as CloudFront delivers them; empty: none
	Kinesis        string // URL that real-time logs are sent to; empty: none
	RotateSize     Size   // 0: any
	RotateEvery    time.Duration
	Keep           int // 0: all
	Gzip           bool
}

// Trace is where traces go. No Endpoint: nowhere.
type Trace struct {
	Endpoint      string
	HeadersFile   string // for the collector; they may be secrets
	Ratio         float64
	IgnoreViewers bool
}

// DNS is where the zones of stacks are answered.
type DNS struct {
	Listen         string   // empty: nowhere
	Addresses      []string // of edges; empty: the node's own
	Rate           int      // 0: no limit
	Latency        []string
	HealthInterval time.Duration // 0: the health checks' own
}

// Default is a node as `forelane up` runs it without flags.
func Default() *Node {
	return &Node{
		Listen:  Listen{HTTP: "127.0.0.1:8080", HTTPS: "127.0.0.1:8443", HTTP3: true, Drain: 10 * time.Second},
		Admin:   Admin{Listen: "127.0.0.1:9900"},
		TLS:     TLS{LocalAuthority: true},
		Cache:   Cache{Memory: 256 << 20, LeakGuard: "safe"},
		API:     API{Rate: 10000, Burst: 5000, Cache: 64 << 20},
		Log:     Log{Format: "standard"},
		Trace:   Trace{Ratio: 1},
		Explain: Explain{Memory: 16 << 20},
		DNS:     DNS{Rate: 100},
	}
}

// Read reads the file of a node and validates it.
func Read(file string) (*Node, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// Parse reads text as the file of a node and validates it. The error joins all
// that is wrong, in the order of the file.
func Parse(file string, text []byte) (*Node, error) {
	n := Default()
	n.at, n.file = map[string]tree.Pos{}, file
	root := tree.NewMap()
	if !blank(text) { // a file that says nothing is a node of defaults
		var err error
		if root, err = tree.Parse(file, text); err != nil {
			return nil, err
		}
	}
	d := &decoder{node: n, dir: filepath.Dir(file)}
	d.sections(root, "", table(n))
	if err := d.err(); err != nil {
		return nil, err
	}
	if err := n.Validate(); err != nil {
		return nil, err
	}
	return n, nil
}

// blank: nothing but empty lines and comments.
func blank(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// Secret reads a secret from the file that a setting names. One that others
// may read is none, and is refused.
func Secret(file string) (string, error) {
	if err := Private(file); err != nil {
		return "", err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if s == "" || len(s) > maxSecret || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%s: want one line with a secret of 1 to %d bytes", file, maxSecret)
	}
	return s, nil
}

const maxSecret = 4096

// Private refuses a file with secrets that everybody on this machine may read.
func Private(file string) error {
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	if fi.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("%s: everybody on this machine may read it (chmod o-rwx %s)", file, file)
	}
	return nil
}

// wrong is an error about a setting, at the place where it was given.
func (n *Node) wrong(path, mend, format string, args ...any) error {
	e := &tree.Error{Pos: n.at[path], Path: path, Msg: fmt.Sprintf(format, args...), Mend: mend}
	for p := path; e.Pos.Line == 0 && p != ""; {
		i := strings.LastIndexByte(p, '.')
		if i < 0 {
			break
		}
		p = p[:i]
		e.Pos = n.at[p]
	}
	if e.Pos.Line == 0 && n.file != "" {
		e.Pos = tree.Pos{File: n.file, Line: 1, Col: 1}
	}
	return e
}

// Is tells whether the node has a role.
func (n *Node) Is(r Role) bool {
	if len(n.Roles) == 0 {
		return true
	}
	for _, have := range n.Roles {
		if have == r {
			return true
		}
	}
	return false
}
