// SPDX-License-Identifier: Apache-2.0

// Package asset finds the files of a project behind the S3 locations that a
// template names, and reads the small ones.
//
// The flow: package template makes one Set for a load, tells it the folders
// given on the command line and the assets of a cloud assembly; builders ask
// Locate for code and Read for definitions; Files lists what was read, to be
// watched.
//
// What it does not do: it speaks to no S3 and unpacks nothing. A Set belongs
// to one goroutine.
package asset

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/template/build/base"
)

// Local is the bucket of paths on this machine: the key is the path.
const Local = "forelane.local"

// MaxRead bounds a file that is read whole.
const MaxRead = 16 << 20

// Set is what one load knows of the project's files.
type Set struct {
	root  string            // paths outside of it are not there; empty: all are
	given map[string]string // logical id -> path, from the command line
	byKey map[string]string // object key, or hash of an asset -> path
	read  map[string]bool
}

// New makes a Set. given are paths by logical id, which win over everything.
// With a root, an absolute path, nothing outside of that folder is found or
// read.
func New(root string, given map[string]string) *Set {
	return &Set{root: root, given: given, byKey: map[string]string{}, read: map[string]bool{}}
}

// inside tells whether a path may be looked at.
func (s *Set) inside(path string) bool {
	if s.root == "" {
		return true
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(s.root, abs)
	return err == nil && filepath.IsLocal(rel)
}

// Add tells where the asset with an object key or hash is.
func (s *Set) Add(key, path string) { s.byKey[key] = path }

// hash matches the content hash in an asset's key.
var hash = regexp.MustCompile(`[0-9a-f]{64}`)

// hashedID matches the logical id that the SAM transform makes of a layer's: a
// person knows what the template says.
var hashedID = regexp.MustCompile(`^(.+)[0-9a-f]{10}$`)

// Named tells whether an id on the command line means a logical id.
func Named(given, id string) bool {
	m := hashedID.FindStringSubmatch(id)
	return given == id || m != nil && m[1] == given
}

// Locate finds the path behind a location, for the resource owner.
func (s *Set) Locate(owner, bucket, key string) (string, bool) {
	if p := s.given[owner]; p != "" {
		return p, true
	}
	if m := hashedID.FindStringSubmatch(owner); m != nil && s.given[m[1]] != "" {
		return s.given[m[1]], true
	}
	if bucket == Local {
		return key, true
	}
	if p, ok := s.byKey[key]; ok {
		return p, true
	}
	p, ok := s.byKey[hash.FindString(key)]
	return p, ok && key != ""
}

// LocateURL finds the path behind a URL, as TemplateURL has it.
func (s *Set) LocateURL(owner, url string) (string, bool) {
	_, key, _ := strings.Cut(strings.TrimPrefix(url, "https://"), "/")
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		if p, ok := s.Locate(owner, "", key[i+1:]); ok {
			return p, true
		}
	}
	return s.Locate(owner, "", key)
}

// Kind tells what stands at a path.
func (s *Set) Kind(path string) base.PathKind {
	if !s.inside(path) {
		return base.NoPath
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return base.NoPath
	case info.IsDir():
		return base.Folder
	case info.Mode().IsRegular():
		return base.File
	}
	return base.NoPath
}

// Read reads a file and remembers it for Files.
func (s *Set) Read(path string) ([]byte, error) {
	if !s.inside(path) {
		return nil, fmt.Errorf("%s is not in the bundle: name it relative to the template, and not by an absolute path", path)
	}
	s.read[filepath.Clean(path)] = true
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	text, err := io.ReadAll(io.LimitReader(f, MaxRead+1))
	if err == nil && len(text) > MaxRead {
		err = fmt.Errorf("%s has more than %d bytes", path, MaxRead)
	}
	return text, err
}

// Files lists what was read, sorted.
func (s *Set) Files() []string {
	out := make([]string, 0, len(s.read))
	for p := range s.read {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// Show is a path as messages name it: relative to the working directory where
// that is shorter and stays below it.
func Show(path string) string {
	wd, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// Show is a path as messages name it: relative to the root where there is one.
func (s *Set) Show(path string) string {
	if rest, below := strings.CutPrefix(path, s.root+string(filepath.Separator)); s.root != "" && below {
		return rest
	}
	return Show(path)
}
