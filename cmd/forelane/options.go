// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// stackFlags are the flags of every command that loads a template.
type stackFlags struct {
	stack      string
	region     string
	params     []string
	paramFiles []string
	envFiles   []string
	code       []string
	buckets    []string
}

func (f *stackFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.stack, "stack", "", "stack name (default: the name of the folder)")
	fl.StringVar(&f.region, "region", "", "region (default: AWS_REGION of --env-file, the cloud assembly's, us-east-1)")
	fl.StringArrayVar(&f.params, "param", nil, "template parameter, `Name=Value`; may be repeated")
	fl.StringArrayVar(&f.paramFiles, "params", nil, "`FILE` of parameters: JSON object, CloudFormation's list of ParameterKey/ParameterValue, or Name=Value lines")
	fl.StringArrayVar(&f.envFiles, "env-file", nil, "`FILE` of NAME=value lines: environment of the functions, and values of {{resolve:…}} and SSM parameters")
	fl.StringArrayVar(&f.code, "code", nil, "code folder of a function, `LogicalId=DIR`; may be repeated")
	fl.StringArrayVar(&f.buckets, "bucket", nil, "content folder of a bucket, `LogicalId=DIR`; may be repeated")
}

// pairs reads NAME=VALUE flags.
func pairs(flag string, values []string) (map[string]string, error) {
	m := map[string]string{}
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--%s %s: write it as Name=Value", flag, v)
		}
		m[name] = value
	}
	return m, nil
}

// prefixes reads networks and single addresses.
func prefixes(flag string, values []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, v := range values {
		p, err := netip.ParsePrefix(v)
		if a, aerr := netip.ParseAddr(v); aerr == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("--%s %s: write it as 10.0.0.0/8 or 10.0.0.1", flag, v)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// parameters merges --params files and --param flags; flags win.
func (f *stackFlags) parameters() (map[string]string, error) {
	out := map[string]string{}
	for _, file := range f.paramFiles {
		m, err := readParameters(file)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, m)
	}
	m, err := pairs("param", f.params)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, m)
	return out, nil
}

// readParameters reads one --params file in any of its three forms.
func readParameters(file string) (map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []struct{ ParameterKey, ParameterValue string }
	if json.Unmarshal(b, &list) == nil {
		out := map[string]string{}
		for _, p := range list {
			out[p.ParameterKey] = p.ParameterValue
		}
		return out, nil
	}
	var object map[string]any
	if json.Unmarshal(b, &object) == nil {
		if inner, ok := object["Parameters"].(map[string]any); ok {
			object = inner
		}
		out := map[string]string{}
		for k, v := range object {
			switch v := v.(type) {
			case string:
				out[k] = v
			case float64, bool:
				out[k] = fmt.Sprint(v)
			default:
				return nil, fmt.Errorf("%s: parameter %s: want a text, a number or a boolean", file, k)
			}
		}
		return out, nil
	}
	return readLines(file)
}

// readLines reads NAME=value lines: empty lines and # comments are left out, a
// value may stand in single or double quotes, `export ` in front is allowed.
func readLines(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]string{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			return nil, fmt.Errorf("%s:%d: write it as NAME=value", file, n)
		}
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		out[name] = value
	}
	return out, sc.Err()
}

// environment merges the --env-file files; later ones win.
func (f *stackFlags) environment() (map[string]string, error) {
	out := map[string]string{}
	for _, file := range f.envFiles {
		m, err := readLines(file)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, m)
	}
	return out, nil
}

// baseDir is the folder that a stack is in.
func baseDir(path string) string {
	if fi, err := os.Stat(path); err == nil && !fi.IsDir() {
		return filepath.Dir(path)
	}
	if filepath.Base(filepath.Clean(path)) == "cdk.out" {
		return filepath.Dir(filepath.Clean(path))
	}
	return path
}
