// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Schema writes the JSON Schema (2020-12) of the file, for editors.
func Schema(w io.Writer) error {
	s := object(table(Default()))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "forelane node"
	s["required"] = []string{"data"}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

func object(settings []setting) map[string]any {
	properties := map[string]any{}
	for _, s := range settings {
		var p map[string]any
		if s.sub != nil {
			p = object(s.sub)
		} else {
			p = kind(s)
		}
		p["description"] = s.doc
		properties[s.key] = p
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

// kind is the schema of one value.
func kind(s setting) map[string]any {
	switch to := s.to.(type) {
	case *bool:
		return map[string]any{"type": "boolean", "default": *to}
	case *int:
		return map[string]any{"type": "integer", "minimum": 0, "default": *to}
	case *float64:
		return map[string]any{"type": "number", "minimum": 0, "default": *to}
	case *Size:
		return defaulted(map[string]any{"type": []string{"string", "integer"}, "pattern": `^[0-9.]+ *([KMGT]i?B|B)?$`}, to.String())
	case *time.Duration:
		return defaulted(map[string]any{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`}, to.String())
	case *[]string:
		one := text(s.form)
		return map[string]any{"oneOf": []any{one, map[string]any{"type": "array", "items": one}}}
	case *[]Role:
		one := map[string]any{"enum": roleNames()}
		return map[string]any{"oneOf": []any{one, map[string]any{"type": "array", "items": one, "minItems": 1, "uniqueItems": true}}}
	case *map[string]string:
		return map[string]any{"type": "object", "additionalProperties": text(s.form)}
	case *[]Certificate:
		one := object(certificateTable(&Certificate{}))
		one["required"] = []string{"certificate"}
		return map[string]any{"type": "array", "items": one}
	case *string:
		return defaulted(text(s.form), *to)
	}
	panic(fmt.Sprintf("config: %s has a place of type %T", s.key, s.to))
}

func defaulted(m map[string]any, v string) map[string]any {
	if v != "" {
		m["default"] = v
	}
	return m
}

// text is the schema of a text of a form.
func text(f form) map[string]any {
	m := map[string]any{"type": "string", "minLength": 1}
	switch f {
	case anyText, file, files, ip, network:
	case address:
		m["pattern"] = `^(off|.*:[0-9]{1,5})$`
	case guard:
		return map[string]any{"enum": []string{"safe", "exact"}}
	case peer:
		m["pattern"] = `^.+:[1-9][0-9]*$`
	case nats:
		m["pattern"] = `^(tls|nats)://.+`
	case url:
		m["pattern"] = `^https?://.+`
	case accountID:
		m["pattern"] = `^[0-9]{12}$`
	case name:
		m["pattern"] = `^[A-Za-z0-9_-]{1,64}$`
	}
	return m
}
