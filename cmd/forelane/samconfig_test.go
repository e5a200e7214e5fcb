// SPDX-License-Identifier: Apache-2.0

package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestSamConfig(t *testing.T) {
	dir := write(t, map[string]string{"samconfig.toml": `
version = 0.1
[default.global.parameters]
stack_name = "shop"
region = 'eu-west-1'

[default.deploy.parameters] # of everybody
capabilities = "CAPABILITY_IAM"
confirm_changeset = true
parameter_overrides = "Word=\"good day\" Size=3"

[prod.deploy.parameters]
stack_name = "shop-prod"
parameter_overrides = [
  "Word=hello", # one
  'Domain=shop.example',
]
`})
	for stage, want := range map[string]samConfig{
		"":     {"shop", "eu-west-1", []string{"Word=good day", "Size=3"}},
		"dev":  {"shop", "eu-west-1", []string{"Word=good day", "Size=3"}},
		"prod": {"shop", "", []string{"Word=hello", "Domain=shop.example"}},
	} {
		got, err := readSamConfig(dir, stage)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v %v", stage, got, err)
		}
	}
	if got, err := readSamConfig(t.TempDir(), "prod"); err != nil || got.stack != "" {
		t.Errorf("no file: %+v %v", got, err)
	}
}

func TestBadSamConfig(t *testing.T) {
	for text, want := range map[string]string{
		"[a":                    ":1: want [table]",
		"[[a]]":                 ":1: want [table]",
		"[a]\nx":                ":2: want key = value",
		"x = \"a":               ":1: a quote is not closed",
		"x = [\"a\"\n\ny = 1":   ":1: ",
		"x = {a = 1}":           ":1: want a string",
		"x = \"\"\"\na\n\"\"\"": ":1: write strings on one line",
		"x = \"a\" b":           ":1: what is",
		"\n[default.deploy.parameters]\nparameter_overrides = \"A='b\"": "parameter_overrides: A='b: a quote is not closed",
	} {
		dir := write(t, map[string]string{"samconfig.toml": text})
		if _, err := readSamConfig(dir, ""); err == nil || !strings.Contains(err.Error(), "samconfig.toml"+want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]string{
		"":                     nil,
		"A=b  C=d":             {"A=b", "C=d"},
		`A="b c" 'D=e f' G=""`: {"A=b c", "D=e f", "G="},
		`A=it"'"s`:             {"A=it's"},
	} {
		if got, err := splitWords(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}

func FuzzTOML(f *testing.F) {
	f.Add("[a.b]\nx = [\"a\", 'b']\n")
	f.Fuzz(func(t *testing.T, text string) {
		if tables, err := parseTOML("f", text); err == nil && tables == nil {
			t.Error("neither tables nor an error")
		}
	})
}
