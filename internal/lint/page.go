// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// fallbacks finds error pages for a single-page application that also cover
// what APIs answer (rows N7, X10, F11).
func (s *site) fallbacks() {
	var apis, static []*flow
	for _, f := range s.flows {
		switch {
		case f.static():
			static = append(static, f)
		case f.dynamic():
			apis = append(apis, f)
		}
	}
	if len(apis) == 0 {
		return
	}
	for i, e := range s.d.CustomErrors {
		if e.PagePath == "" || e.Code != 403 && e.Code != 404 {
			continue
		}
		f := Finding{
			What: fmt.Sprintf("%d of %s becomes %s with status %d: error pages are of the whole distribution", e.Code, patterns(apis), e.PagePath, e.ResponseCode),
			Mend: "remove it, and let a viewer-request function of the static behavior ask for the page",
		}
		sev := Warning
		if e.ResponseCode != 200 {
			sev = Info
			f.Mend = "nothing, if no API answers it (the edge itself says 403 to a method that is not allowed); else let the origin of the pages have a page of its own"
		} else if f.Code = mendFallback(e, static); f.Code == "" {
			f.Mend = "remove it, and let the origin of the pages answer with the page"
		}
		s.add(FallbackCoversAPI, sev, at{property: fmt.Sprintf("CustomErrorResponses[%d]", i), about: fmt.Sprint("page ", e.PagePath, e.ResponseCode, e.Code)}, f)
	}
}

// dynamic tells whether a program answers some of the behavior's requests.
func (f *flow) dynamic() bool {
	for _, t := range f.targets {
		if t.kind.dynamic() {
			return true
		}
	}
	return false
}

// patterns lists behaviors for a message.
func patterns(flows []*flow) string {
	var names []string
	for i, f := range flows {
		if i == 5 {
			names = append(names, fmt.Sprintf("%d more", len(flows)-i))
			break
		}
		names = append(names, f.name())
	}
	return strings.Join(names, ", ")
}

// mendFallback is a function that asks for the page where a path names no
// file, with the association for the static behaviors.
func mendFallback(e model.CustomError, static []*flow) string {
	if len(static) == 0 || strings.ContainsAny(e.PagePath, "'\\\n") {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `PageFallback:
  Type: AWS::CloudFront::Function
  Properties:
    Name: !Sub ${AWS::StackName}-page-fallback
    AutoPublish: true
    FunctionConfig: { Comment: paths without a file are the application's, Runtime: cloudfront-js-2.0 }
    FunctionCode: |
      function handler(event) {
        var request = event.request;
        if (!request.uri.split('/').pop().includes('.')) {
          request.uri = '%s';
        }
        return request;
      }
`, e.PagePath)
	fmt.Fprintf(&b, "# in %s:\n", places(static))
	for _, f := range static {
		for _, a := range f.b.Functions {
			if a.Event == model.ViewerRequest {
				fmt.Fprintf(&b, "# (%s has a viewer-request function: put the three lines of the if into it)\n", f.name())
			}
		}
	}
	b.WriteString("FunctionAssociations:\n  - { EventType: viewer-request, FunctionARN: !GetAtt PageFallback.FunctionMetadata.FunctionARN }\n")
	return b.String()
}

// places lists where behaviors stand in the template.
func places(flows []*flow) string {
	var out []string
	for _, f := range flows {
		out = append(out, f.at+" ("+f.b.PathPattern+")")
	}
	return strings.Join(out, ", ")
}
