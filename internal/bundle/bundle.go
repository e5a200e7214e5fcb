// SPDX-License-Identifier: Apache-2.0

// Package bundle is the archive that a deploy hands to the nodes: everything a
// stack is evaluated and run from.
//
// The flow: (1) a deployer lists the files of a project, Add by Add, and Write
// makes one archive of them with the Manifest in front; (2) the archive travels
// as opaque bytes under its SHA-256 digest; (3) a node Unpacks it into a folder
// of its own, whole or not at all; (4) Open reads the Manifest there, and package
// template evaluates the template below Project with the parameters in it.
//
// The same files make the same bytes, and so the same digest: names are sorted,
// and owners, times and all permissions but "may be executed" are left out.
// Unpack takes only what Write can have made: a name that leads out of the
// folder, a link, a device or a name out of order is refused.
//
// What it does not do: it evaluates nothing and knows no template. Bundles are
// not secret-free: parameters are in them, so folders are of the node's user
// only.
//
// Concurrency: a Builder belongs to one goroutine; Unpack may run many times at
// once, also for the same folder.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of a bundle. A function's code alone may have 250 MB on Lambda.
const (
	MaxBytes    = 4 << 30
	MaxFiles    = 200_000
	maxName     = 1024
	maxManifest = 1 << 20
)

// manifestName is the first file of an archive; Project is the folder of all
// others.
const (
	manifestName = "forelane.json"
	Project      = "project"
)

// Manifest says how the files are evaluated. Paths are slashed and relative to
// Project.
type Manifest struct {
	Format   int    `json:"format"`   // 1
	Template string `json:"template"` // a template, or the folder of a cloud assembly
	Region   string `json:"region,omitempty"`
	Account  string `json:"account,omitempty"`
	// Name is what the stack is called where the deploy does not say.
	Name       string            `json:"name"`
	Parameters map[string]string `json:"parameters,omitempty"`
	// Code and Buckets are files and folders by logical id, in place of what
	// the template names.
	Code    map[string]string `json:"code,omitempty"`
	Buckets map[string]string `json:"buckets,omitempty"`
}

// Validate tells what is wrong with a manifest.
func (m *Manifest) Validate() error {
	if m.Format != 1 {
		return fmt.Errorf("bundle: format %d is not known to this version", m.Format)
	}
	if m.Template != "." && !local(m.Template) {
		return fmt.Errorf("bundle: template %q is no path inside it", m.Template)
	}
	for _, paths := range []map[string]string{m.Code, m.Buckets} {
		for id, p := range paths {
			if p != "." && !local(p) {
				return fmt.Errorf("bundle: path %q of %s does not stay inside", p, id)
			}
		}
	}
	return nil
}

// local tells whether a slashed name stays below its folder, in the one form
// that it is written in.
func local(name string) bool {
	return name != "" && name != "." && len(name) <= maxName && filepath.IsLocal(name) && !strings.ContainsAny(name, "\\\x00") &&
		filepath.ToSlash(filepath.Clean(name)) == name
}

// Open reads the manifest of an unpacked bundle.
func Open(dir string) (*Manifest, error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return decodeManifest(text)
}

func decodeManifest(text []byte) (*Manifest, error) {
	var m Manifest
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("bundle: its manifest cannot be read: %w", err)
	}
	return &m, m.Validate()
}

// Path is a path of the manifest in an unpacked bundle.
func Path(dir, name string) string {
	return filepath.Join(dir, Project, filepath.FromSlash(name))
}

// errTooLarge is a bundle beyond the bounds.
var errTooLarge = errors.New("bundle: it is too large")
