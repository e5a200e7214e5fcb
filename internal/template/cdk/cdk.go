// SPDX-License-Identifier: Apache-2.0

// Package cdk reads a cloud assembly, the folder cdk.out that `cdk synth`
// writes: its stacks in the order of their dependencies, and its file assets.
//
// The flow: Read takes manifest.json apart, goes into nested assemblies (one a
// stage), and collects assets from the asset manifests, and from the metadata
// of version 1 assemblies.
//
// What it does not do: it reads no template and runs no command. It keeps no
// state. Source: the schema that aws-cdk publishes as cloud-assembly-schema.
package cdk

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of an assembly.
const (
	maxDepth  = 5
	maxStacks = 200
)

// Stack is one stack of the assembly.
type Stack struct {
	ID       string // of the artifact
	Name     string
	Template string // path
	Account  string // empty: not said
	Region   string // empty: not said
	After    []string
}

// Assembly is what Read found.
type Assembly struct {
	Stacks []Stack
	Assets map[string]string // object key and hash -> path
}

// manifest is the part of manifest.json that is read.
type manifest struct {
	Version   string              `json:"version"`
	Artifacts map[string]artifact `json:"artifacts"`
}

type artifact struct {
	Type         string   `json:"type"`
	Environment  string   `json:"environment"`
	Dependencies []string `json:"dependencies"`
	Properties   struct {
		TemplateFile  string `json:"templateFile"`
		StackName     string `json:"stackName"`
		File          string `json:"file"`
		DirectoryName string `json:"directoryName"`
	} `json:"properties"`
	Metadata map[string][]struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	} `json:"metadata"`
}

// assets is the part of an asset manifest that is read.
type assets struct {
	Files map[string]struct {
		Source struct {
			Path string `json:"path"`
		} `json:"source"`
		Destinations map[string]struct {
			ObjectKey string `json:"objectKey"`
		} `json:"destinations"`
	} `json:"files"`
}

// Read reads the assembly in a folder; read returns the bytes of a file.
func Read(dir string, read func(path string) ([]byte, error)) (*Assembly, error) {
	a := &Assembly{Assets: map[string]string{}}
	if err := a.folder(dir, read, 0); err != nil {
		return nil, err
	}
	if len(a.Stacks) == 0 {
		return nil, fmt.Errorf("%s: the assembly holds no stack; run cdk synth", filepath.Join(dir, "manifest.json"))
	}
	a.sort()
	return a, nil
}

// within joins a relative path that may not leave the folder's parent tree by
// an absolute name; assets outside the assembly are written ../x, which is fine.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

func (a *Assembly) folder(dir string, read func(string) ([]byte, error), depth int) error {
	file := filepath.Join(dir, "manifest.json")
	if depth > maxDepth {
		return fmt.Errorf("%s: assemblies nest deeper than %d levels", file, maxDepth)
	}
	text, err := read(file)
	if err != nil {
		return fmt.Errorf("read the cloud assembly: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%s: bad manifest: %w; run cdk synth again", file, err)
	}
	if m.Version == "" || strings.Trim(m.Version, "0123456789.") != "" {
		return fmt.Errorf("%s: this is no cloud assembly: version is %q", file, m.Version)
	}
	ids := make([]string, 0, len(m.Artifacts))
	for id := range m.Artifacts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		art := m.Artifacts[id]
		switch art.Type {
		case "aws:cloudformation:stack":
			if err := a.stack(dir, id, art); err != nil {
				return fmt.Errorf("%s: artifact %s: %w", file, id, err)
			}
		case "cdk:asset-manifest":
			if err := a.manifest(within(dir, art.Properties.File), read); err != nil {
				return err
			}
		case "cdk:cloud-assembly":
			if err := a.folder(within(dir, art.Properties.DirectoryName), read, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Assembly) stack(dir, id string, art artifact) error {
	if len(a.Stacks) == maxStacks {
		return fmt.Errorf("the assembly holds more than %d stacks", maxStacks)
	}
	if art.Properties.TemplateFile == "" {
		return fmt.Errorf("it names no templateFile")
	}
	s := Stack{ID: id, Name: art.Properties.StackName, Template: within(dir, art.Properties.TemplateFile), After: art.Dependencies}
	if s.Name == "" {
		s.Name = id
	}
	account, region, _ := strings.Cut(strings.TrimPrefix(art.Environment, "aws://"), "/")
	if !strings.HasPrefix(account, "unknown") {
		s.Account = account
	}
	if !strings.HasPrefix(region, "unknown") {
		s.Region = region
	}
	for _, entries := range art.Metadata {
		for _, e := range entries {
			if e.Type == "aws:cdk:asset" {
				a.oldAsset(dir, e.Data)
			}
		}
	}
	a.Stacks = append(a.Stacks, s)
	return nil
}

// oldAsset reads an asset of a version 1 assembly. One that cannot be read is
// left out: its code is then missing, with a word.
func (a *Assembly) oldAsset(dir string, data json.RawMessage) {
	var d struct {
		Path       string `json:"path"`
		SourceHash string `json:"sourceHash"`
		ID         string `json:"id"`
	}
	if json.Unmarshal(data, &d) != nil || d.Path == "" {
		return
	}
	for _, h := range []string{d.SourceHash, d.ID} {
		if h != "" {
			a.Assets[h] = within(dir, d.Path)
		}
	}
}

func (a *Assembly) manifest(file string, read func(string) ([]byte, error)) error {
	return ReadAssets(file, read, func(key, path string) { a.Assets[key] = path })
}

// ReadAssets reads one asset manifest (NAME.assets.json).
func ReadAssets(file string, read func(string) ([]byte, error), add func(key, path string)) error {
	text, err := read(file)
	if err != nil {
		return fmt.Errorf("read the assets: %w", err)
	}
	var m assets
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%s: bad asset manifest: %w; run cdk synth again", file, err)
	}
	for hash, f := range m.Files {
		if f.Source.Path == "" {
			continue // made by a command; its code is then missing
		}
		path := within(filepath.Dir(file), f.Source.Path)
		add(hash, path)
		for _, d := range f.Destinations {
			if d.ObjectKey != "" {
				add(d.ObjectKey, path)
			}
		}
	}
	return nil
}

// sort puts a stack after those that it depends on. A cycle, which synth
// cannot write, is broken at the first name.
func (a *Assembly) sort() {
	byID := map[string]Stack{}
	for _, s := range a.Stacks {
		byID[s.ID] = s
	}
	var out []Stack
	state := map[string]bool{}
	var visit func(s Stack)
	visit = func(s Stack) {
		if state[s.ID] {
			return
		}
		state[s.ID] = true
		for _, id := range s.After {
			if d, ok := byID[id]; ok {
				visit(d)
			}
		}
		out = append(out, s)
	}
	for _, s := range a.Stacks {
		visit(s)
	}
	a.Stacks = out
}
