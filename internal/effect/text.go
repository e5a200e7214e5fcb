// SPDX-License-Identifier: Apache-2.0

package effect

import (
	"fmt"
	"io"
	"strings"
)

// title is an area in one line.
func (a *Area) title() string {
	name := a.Resource
	if a.Host != "" {
		name += " (" + a.Host + ")"
	}
	switch {
	case a.Path != "" && a.Before == a.After:
		return fmt.Sprintf("%s %s: paths like %s", name, a.After, a.Path)
	case a.Path != "":
		return fmt.Sprintf("%s %s (was %s): paths like %s", name, a.After, a.Before, a.Path)
	case a.After != "":
		return name + " " + a.After
	case a.Before != "":
		return name + " " + a.Before
	}
	return name
}

// Text prints areas for people.
func Text(w io.Writer, areas []Area) error {
	var b strings.Builder
	for _, a := range areas {
		fmt.Fprintf(&b, "%s\n", a.title())
		for _, c := range a.Changes {
			fmt.Fprintf(&b, "  %-16s  %s -> %s", c.Aspect, dash(c.Before), dash(c.After))
			if c.Opens {
				b.WriteString("   OPENS")
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "%s\n", Summary(areas))
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary is one line about all areas.
func Summary(areas []Area) string {
	opens := 0
	for i := range areas {
		if areas[i].Opens() {
			opens++
		}
	}
	switch {
	case len(areas) == 0:
		return "nothing changes for requests"
	case opens == 0:
		return fmt.Sprintf("%d areas change, none opens", len(areas))
	}
	return fmt.Sprintf("%d areas change, %d of them open to requests that were refused", len(areas), opens)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Markdown prints areas as a table for a pull request.
func Markdown(w io.Writer, areas []Area) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n", Summary(areas))
	if len(areas) > 0 {
		b.WriteString("\n| where | what | before | after |\n|---|---|---|---|\n")
	}
	for _, a := range areas {
		for i, c := range a.Changes {
			title := ""
			if i == 0 {
				title = a.title()
			}
			aspect := string(c.Aspect)
			if c.Opens {
				aspect = "**" + aspect + ": opens**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(title), aspect, cell(c.Before), cell(c.After))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell writes a text of a template so that it stays in its cell and is no
// markup.
func cell(s string) string {
	if s == "" {
		return ""
	}
	s = strings.NewReplacer("\n", " ", "\r", " ", "|", `\|`, "`", "'").Replace(s)
	return "`" + s + "`"
}
