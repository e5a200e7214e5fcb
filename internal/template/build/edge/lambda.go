// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// Limits of functions at the viewer's and the origin's events (row E5).
const (
	viewerMemory  = 128 // MB
	viewerTimeout = 5 * time.Second
	originTimeout = 30 * time.Second
	edgeEphemeral = 512 // MB
)

// lambda tells whether the function of an association of Lambda@Edge can run.
// What CloudFront refuses to associate is an error ("Restrictions on
// Lambda@Edge", "Quotas on Lambda@Edge").
func (b *builder) lambda(r *base.Resource, v base.Value, a model.FunctionAssociation) bool {
	at := v.Get("LambdaFunctionARN")
	fn, version := b.Stack.Function(a.ARN)
	if fn == nil {
		name, qualifier := model.SplitFunctionRef(a.ARN)
		fn, version = b.Shared.Functions[name], qualifier
	}
	if fn == nil {
		r.Note(at, fidelity.Unsupported, "the function is of no stack here: requests pass without it")
		return false
	}
	if !slices.ContainsFunc(fn.Versions, func(n model.FunctionVersion) bool { return n.Number == version }) {
		mend := "!Ref an AWS::Lambda::Version of it (SAM: AutoPublishAlias and !Ref " + fn.LogicalID + ".Version)"
		switch {
		case version == "" || version == "$LATEST":
			at.Fail(mend, "Lambda@Edge takes a numbered version of %s, not $LATEST", fn.LogicalID)
		case strings.Trim(version, "0123456789") != "":
			at.Fail(mend, "Lambda@Edge takes a numbered version of %s, not the alias %q", fn.LogicalID, version)
		default:
			at.Fail(mend, "%s has no version %s in this template", fn.LogicalID, version)
		}
		return false
	}
	if a.IncludeBody && (a.Event == model.ViewerResponse || a.Event == model.OriginResponse) {
		v.Get("IncludeBody").Fail("remove it", "a response has no body of a request: IncludeBody is for viewer-request and origin-request")
	}
	edgeFunction(at, fn, a.Event)
	for _, f := range b.Of("AWS::Lambda::Function") {
		for _, name := range []string{"VpcConfig", "DeadLetterConfig"} {
			if f.ID == fn.LogicalID && f.Props.Get(name).Exists() {
				at.Fail("remove it", "Lambda@Edge does not take a function with %s: %s has it", name, fn.LogicalID)
			}
		}
	}
	return true
}

// edgeFunction refuses what a function at the edge cannot be.
func edgeFunction(at base.Value, fn *model.Function, e model.EdgeEvent) {
	viewer := e == model.ViewerRequest || e == model.ViewerResponse
	most := originTimeout
	if viewer {
		most = viewerTimeout
	}
	id := fn.LogicalID
	switch {
	case fn.Image != "":
		at.Fail("put its code into a folder or zip", "Lambda@Edge runs no container images: %s is one", id)
	case !strings.HasPrefix(fn.Runtime, "nodejs") && !strings.HasPrefix(fn.Runtime, "python"):
		at.Fail("write it for nodejs or python", "Lambda@Edge runs Node.js and Python: the runtime of %s is %s", id, fn.Runtime)
	case len(fn.Environment) > 0:
		at.Fail("write the values into the code, or into customHeaders of the origin", "Lambda@Edge has no environment variables: %s has Environment", id)
	case len(fn.Layers) > 0:
		at.Fail("put what they have into the code", "Lambda@Edge has no layers: %s has Layers", id)
	case fn.Arch == "arm64":
		at.Fail("remove Architectures", "Lambda@Edge runs on x86_64: %s is for arm64", id)
	case fn.Reserved != nil:
		at.Fail("remove ReservedConcurrentExecutions", "Lambda@Edge has no reserved concurrency: %s has", id)
	case fn.Ephemeral > edgeEphemeral:
		at.Fail("remove EphemeralStorage", "Lambda@Edge has 512 MB of /tmp: %s has %d", id, fn.Ephemeral)
	case fn.Timeout > most:
		at.Fail("shorten its Timeout", "at %s a function has at most %d seconds: the Timeout of %s is %d", e, int(most.Seconds()), id, int(fn.Timeout.Seconds()))
	case viewer && fn.Memory > viewerMemory:
		at.Fail("lower its MemorySize", "at %s a function has at most %d MB: the MemorySize of %s is %d", e, viewerMemory, id, fn.Memory)
	}
}
