// SPDX-License-Identifier: Apache-2.0

package latency

// Figures as text: a line each, of prefix, region and milliseconds. What an
// operator writes and what a node tells others has the same form.
//
//	# viewers of the office
//	203.0.113.0/24  eu-west-1   8.5
//	203.0.113.0/24  us-east-1  92
//	0.0.0.0/0       us-east-1  60     # where nothing else is known

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// mostRows bounds what is read.
const mostRows = 1 << 20

// Read reads figures. An error names the line.
func Read(r io.Reader) ([]Row, error) {
	var out []Row
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			continue
		}
		if len(out) == mostRows {
			return nil, fmt.Errorf("line %d: more than %d figures", n, mostRows)
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("line %d: write PREFIX REGION MILLISECONDS", n)
		}
		p, err := netip.ParsePrefix(f[0])
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("line %d: %q is no prefix, such as 203.0.113.0/24", n, f[0])
		}
		ms, err := strconv.ParseFloat(f[2], 64)
		if err != nil || !(ms >= 0) || math.IsInf(ms, 0) || ms > 60000 {
			return nil, fmt.Errorf("line %d: %q are no milliseconds", n, f[2])
		}
		out = append(out, Row{p.Masked(), f[1], millis(ms)})
	}
	return out, sc.Err()
}

// Append appends figures as text.
func Append(b []byte, rows []Row) []byte {
	for _, r := range rows {
		b = r.Prefix.AppendTo(b)
		b = append(b, ' ')
		b = append(b, r.Region...)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, float64(r.RTT)/1e6, 'f', 3, 64)
		b = append(b, '\n')
	}
	return b
}
