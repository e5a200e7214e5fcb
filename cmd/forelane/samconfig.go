// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// samConfig is what a stage's part of samconfig.toml says that matters here:
// stack_name, region and parameter_overrides of [STAGE.deploy.parameters], and
// of [STAGE.global.parameters] where that says nothing.
type samConfig struct {
	stack, region string
	params        []string
}

// readSamConfig reads the file beside a template; without one there is nothing.
// A stage that it does not know of has what [default…] says.
func readSamConfig(dir, stage string) (samConfig, error) {
	file := filepath.Join(dir, "samconfig.toml")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return samConfig{}, nil
	}
	if err != nil {
		return samConfig{}, err
	}
	tables, err := parseTOML(file, string(text))
	if err != nil {
		return samConfig{}, err
	}
	env := "default"
	for name := range tables {
		if stage != "" && strings.HasPrefix(name, stage+".") {
			env = stage
		}
	}
	get := func(key string) []string {
		if v, ok := tables[env+".deploy.parameters"][key]; ok {
			return v
		}
		return tables[env+".global.parameters"][key]
	}
	one := func(key string) string { return cmp.Or(get(key)...) }
	c := samConfig{stack: one("stack_name"), region: one("region")}
	if stage != "" {
		c.stack = strings.TrimSuffix(c.stack, "-"+stage) // a stage's stack is NAME-STAGE here
	}
	for _, line := range get("parameter_overrides") {
		pairs, err := splitWords(line)
		if err != nil {
			return c, fmt.Errorf("%s: parameter_overrides: %w", file, err)
		}
		c.params = append(c.params, pairs...)
	}
	return c, nil
}

// use gives what the command line does not say.
func (c samConfig) use(f *deployFlags) {
	f.stackFlags.stack = cmp.Or(f.stackFlags.stack, c.stack)
	f.region = cmp.Or(f.region, c.region)
	f.params = append(c.params, f.params...) // later ones win
}

// parseTOML reads the part of TOML that samconfig.toml is written in: tables,
// and keys with strings, arrays of strings, and words (numbers, booleans) as
// they are. Anything else is an error with its line.
func parseTOML(file, text string) (map[string]map[string][]string, error) {
	out := map[string]map[string][]string{}
	table := ""
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at := i + 1
		line := strings.TrimSpace(lines[i])
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, rest, closed := strings.Cut(name, "]")
			if !closed || strings.HasPrefix(name, "[") || !comment(rest) {
				return nil, fmt.Errorf("%s:%d: want [table]", file, at)
			}
			table = strings.ReplaceAll(strings.ReplaceAll(name, `"`, ""), " ", "")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: want key = value", file, at)
		}
		value = strings.TrimSpace(value)
		for strings.HasPrefix(value, "[") && !ended(value) && i+1 < len(lines) {
			i++
			value += "\n" + strings.TrimSpace(lines[i])
		}
		values, err := tomlValue(value)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, at, err)
		}
		if out[table] == nil {
			out[table] = map[string][]string{}
		}
		out[table][strings.Trim(strings.TrimSpace(key), `"`)] = values
	}
	return out, nil
}

func comment(s string) bool {
	s = strings.TrimSpace(s)
	return s == "" || s[0] == '#'
}

// ended tells whether an array is closed.
func ended(s string) bool {
	_, err := tomlValue(s)
	return err == nil
}

// tomlValue reads a value with what follows it on its line.
func tomlValue(s string) ([]string, error) {
	if !strings.HasPrefix(s, "[") {
		v, rest, err := tomlString(s)
		if err == nil && !comment(rest) {
			err = fmt.Errorf("what is %q after the value", rest)
		}
		return []string{v}, err
	}
	var out []string
	for s = s[1:]; ; {
		s = strings.TrimLeft(s, " \t\n")
		if c, ok := strings.CutPrefix(s, "#"); ok {
			_, s, _ = strings.Cut(c, "\n")
			continue
		}
		if rest, ok := strings.CutPrefix(s, "]"); ok {
			if !comment(rest) {
				return nil, fmt.Errorf("what is %q after the list", rest)
			}
			return out, nil
		}
		v, rest, err := tomlString(s)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		s = strings.TrimPrefix(strings.TrimLeft(rest, " \t\n"), ",")
	}
}

// tomlString reads one string or word.
func tomlString(s string) (v, rest string, err error) {
	switch {
	case strings.HasPrefix(s, `"""`), strings.HasPrefix(s, "'''"):
		return "", "", errors.New("write strings on one line")
	case strings.HasPrefix(s, "'"):
		v, rest, ok := strings.Cut(s[1:], "'")
		if !ok {
			return "", "", errors.New("a quote is not closed")
		}
		return v, rest, nil
	case strings.HasPrefix(s, `"`):
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", errors.New("a quote is not closed")
		}
		v, err := strconv.Unquote(quoted)
		return v, s[len(quoted):], err
	}
	end := strings.IndexAny(s, ",]#\n \t")
	if end < 0 {
		end = len(s)
	}
	if end == 0 || strings.ContainsAny(s[:end], `{}"'`) {
		return "", "", errors.New("want a string, a list of strings, a number or a boolean")
	}
	return s[:end], s[end:], nil
}
