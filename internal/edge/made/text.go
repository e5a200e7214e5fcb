// SPDX-License-Identifier: Apache-2.0

package made

import (
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Text says what a function made of the origin, for explanations.
func Text(was, is *model.Origin) string {
	var out []string
	say := func(name, a, b string) {
		if a != b {
			out = append(out, name+" "+b)
		}
	}
	say("domain name", was.DomainName, is.DomainName)
	say("path", was.Path, is.Path)
	if is.Made.HostHeader != is.DomainName {
		say("Host", "", is.Made.HostHeader)
	}
	if is.Made.ServerName != is.Made.HostHeader {
		say("SNI", "", is.Made.ServerName)
	}
	say("certificates", "", strings.Join(is.Made.Certificates, ", "))
	if !slices.Equal(was.Headers, is.Headers) {
		out = append(out, strconv.Itoa(len(is.Headers))+" custom headers")
	}
	say("protocol", was.Protocol.String(), is.Protocol.String())
	return strings.Join(out, "; ")
}
