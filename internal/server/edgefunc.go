// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	"github.com/forelane/forelane/internal/control/cloudfront"
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/edgefunc"
)

// edgeFunctions gives the edge the functions of a stack by ARN.
func edgeFunctions(set *edgefunc.Set) func(arn string) (edge.Function, error) {
	return func(arn string) (edge.Function, error) {
		f, ok := set.Function(arn)
		if !ok {
			return nil, fmt.Errorf("function %s is not in this template", arn)
		}
		return f, nil
	}
}

// Functions are the CloudFront functions of all stacks. One that several stacks
// of an assembly share is there once.
func (n node) Functions() []cloudfront.Function {
	snap := n.s.pin()
	if snap == nil {
		return nil
	}
	defer snap.release()
	var all []cloudfront.Function
	seen := map[string]bool{}
	for _, u := range snap.units {
		for _, m := range u.stack.EdgeFunctions {
			if f, ok := u.edgefns.Function(m.ARN); ok && !seen[m.ARN] {
				seen[m.ARN] = true
				all = append(all, cloudfront.Function{EdgeFunction: m, Since: snap.since, Run: f})
			}
		}
	}
	return all
}
