// SPDX-License-Identifier: Apache-2.0

// Package compute builds Lambda functions, with their layers, versions,
// aliases and function URLs, from evaluated resources.
//
// The flow: functions first, then what refers to them by name or ARN. The code
// of a function is found on this machine: inline text, a local folder or zip,
// or an asset behind its S3 location. Code that is not there does not stop the
// stack; the function says what is missing when it is called.
//
// What it does not do: it builds and runs no code. It runs in one goroutine.
package compute

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

type builder struct{ *base.Scope }

// Build puts everything of Lambda into s.Stack.
func Build(s *base.Scope) {
	b := &builder{s}
	for _, r := range s.Of("AWS::Lambda::LayerVersion") {
		v := r.Props.Get("Content")
		b.Shared.Layers[r.Ref] = b.code(r, v, false)
		if m := r.Meta.Get("BuildMethod").Text(); m != "" {
			r.Note(v, fidelity.Approximated, "BuildMethod "+m+" is not run: the folder is laid over the code as it is; run sam build and give its template")
		}
	}
	for _, r := range s.Of("AWS::Lambda::Function") {
		if cdkHelper(r.ID) {
			r.Skip(fidelity.Ignored, "a helper of CDK's deployment: it is not started")
			s.Stack.Opaque = append(s.Stack.Opaque, &model.Opaque{LogicalID: r.ID, Type: r.Type, Ref: r.Ref, Pos: r.Where()})
			continue
		}
		f := b.function(r)
		s.Stack.Functions = append(s.Stack.Functions, f)
		s.Shared.Functions[f.Name] = f
	}
	for _, r := range s.Of("AWS::Lambda::Version") {
		b.version(r)
	}
	for _, r := range s.Of("AWS::Lambda::Alias") {
		b.alias(r)
	}
	for _, r := range s.Of("AWS::Lambda::Url") {
		b.url(r)
	}
	for _, r := range s.Of("AWS::Lambda::Permission") {
		b.permission(r)
	}
}

// cdkHelper tells whether a logical id is one that CDK gives to the functions
// behind its own custom resources. They hold a fixed hash or a fixed name.
func cdkHelper(id string) bool {
	for _, mark := range []string{
		"CustomResourceProviderHandler", "CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C",
		"LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a", "AWS679f53fac002430cb0da5b7982bd2287",
		"BucketNotificationsHandler050a0587b7544547bf325f094a3db834",
		"frameworkonEvent", "frameworkisComplete", "frameworkonTimeout",
	} {
		if strings.Contains(id, mark) {
			return true
		}
	}
	return false
}

func (b *builder) function(r *base.Resource) *model.Function {
	p := r.Props
	f := &model.Function{
		LogicalID: r.ID, Name: r.Ref, ARN: r.Att("Arn"), Pos: r.Where(),
		Runtime: p.Get("Runtime").Text(), Handler: p.Get("Handler").Text(),
		Environment: p.Get("Environment", "Variables").TextMap(),
		Timeout:     p.Get("Timeout").Seconds(3 * time.Second), Memory: p.Get("MemorySize").Int(128),
		Ephemeral: p.Get("EphemeralStorage", "Size").Int(512), Reserved: p.Get("ReservedConcurrentExecutions").IntPtr(),
		Arch: "x86_64", Image: p.Get("Code", "ImageUri").Text(),
		LogGroup: p.Get("LoggingConfig", "LogGroup").TextOr("/aws/lambda/" + r.Ref),
		LogJSON:  p.Get("LoggingConfig", "LogFormat").Text() == "JSON",
	}
	if a := p.Get("Architectures").Texts(); len(a) > 0 {
		f.Arch = a[0]
	}
	b.limits(f, p)
	if f.Image == "" {
		b.zipped(r, f)
	}
	for _, l := range p.Get("Layers").List() {
		code, ok := b.Shared.Layers[l.Text()]
		if !ok {
			r.Note(l, fidelity.Unsupported, "the layer is not of this stack: the function runs without it")
			continue
		}
		f.Layers = append(f.Layers, code)
	}
	return f
}

// limits refuses numbers that Lambda refuses.
func (b *builder) limits(f *model.Function, p base.Value) {
	if f.Timeout < time.Second || f.Timeout > 5400*time.Second {
		p.Get("Timeout").Fail("give 1 to 900 seconds", "a function cannot have a timeout of %s", f.Timeout)
	}
	if f.Memory < 128 || f.Memory > 32768 {
		p.Get("MemorySize").Fail("give 128 to 10240", "a function cannot have %d MB of memory", f.Memory)
	}
	if f.Ephemeral < 512 || f.Ephemeral > 10240 {
		p.Get("EphemeralStorage", "Size").Fail("give 512 to 10240", "a function cannot have %d MB of /tmp", f.Ephemeral)
	}
	size := 0
	for _, v := range p.Get("Environment", "Variables").Pairs() {
		size += len(v.Key) + len(f.Environment[v.Key])
		switch {
		case !variableName(v.Key):
			v.Value.Fail("begin with a letter; letters, digits and _ only", "%q is no name of an environment variable", v.Key)
		case slices.Contains(reserved(), v.Key):
			v.Value.Fail("use another name", "Lambda itself sets %s", v.Key)
		}
	}
	if size > maxEnvironment {
		p.Get("Environment", "Variables").Fail("keep large values in a file or a parameter store", "the environment has %d bytes; Lambda takes %d", size, maxEnvironment)
	}
	if layers := p.Get("Layers").List(); len(layers) > maxLayers {
		layers[maxLayers].Fail("merge some of them", "a function has at most %d layers", maxLayers)
	}
}

// Limits of a function (row L6).
const (
	maxEnvironment = 4 << 10
	maxLayers      = 5
)

// reserved are the variables that Lambda sets and refuses to be given. Source:
// AWS Lambda Developer Guide, "Defined runtime environment variables".
func reserved() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
}

// variableName is Lambda's grammar: a letter, then at least one letter, digit
// or underscore.
func variableName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(s) > 1
}

// zipped reads runtime, handler and code of a function that is no image.
func (b *builder) zipped(r *base.Resource, f *model.Function) {
	p := r.Props
	if p.Get("PackageType").Text() == "Image" {
		f.Image = "unknown"
		p.Get("Code").Fail("add Code: {ImageUri: …}", "a function of PackageType Image needs an ImageUri")
		return
	}
	if f.Runtime == "" {
		p.Fail("add Runtime, for example nodejs22.x", "property Runtime is required for a function that is no container image")
	}
	if f.Handler == "" {
		if strings.HasPrefix(f.Runtime, "provided") {
			f.Handler = "bootstrap"
		} else {
			p.Fail("add Handler, for example index.handler", "property Handler is required for a function that is no container image")
		}
	}
	code := p.Get("Code")
	if zip := code.Get("ZipFile"); zip.Exists() {
		f.Code.Inline = zip.Text()
		if !strings.HasPrefix(f.Runtime, "nodejs") && !strings.HasPrefix(f.Runtime, "python") {
			zip.Fail("put the code into a folder", "inline code is for nodejs and python runtimes, not %s", f.Runtime)
		}
		return
	}
	f.Code = b.code(r, code, true)
	if f.Code.Dir != "" {
		f.Code.Build = b.buildMethod(r, f)
		if m := f.Code.Build; m != "" && m != "go" {
			r.Note(code, fidelity.Unsupported, "BuildMethod "+m+" is not run: calls answer an error; run sam build and give its template, or its result with --code "+r.ID+"=DIR")
		}
	}
	if f.Code.Missing != "" {
		r.Note(code, fidelity.Unsupported, f.Code.Missing+": calls answer an error")
	}
}

func (b *builder) version(r *base.Resource) {
	ref := r.Props.Get("FunctionName")
	f := b.find(r, ref)
	if f == nil {
		return
	}
	arn := r.Ref
	number := r.Att("Version")
	if number == "" {
		number = strconv.Itoa(len(f.Versions) + 1)
	}
	f.Versions = append(f.Versions, model.FunctionVersion{LogicalID: r.ID, Number: number, ARN: arn})
}

func (b *builder) alias(r *base.Resource) {
	f := b.find(r, r.Props.Get("FunctionName"))
	if f == nil {
		return
	}
	a := model.FunctionAlias{
		LogicalID: r.ID, Name: r.Props.Get("Name").Text(), ARN: r.Ref, Version: r.Props.Get("FunctionVersion").Text(),
	}
	for _, w := range r.Props.Get("RoutingConfig", "AdditionalVersionWeights").List() {
		weight := w.Get("FunctionWeight").Float(0)
		if weight < 0 || weight > 1 {
			w.Get("FunctionWeight").Fail("give a share between 0 and 1", "%v is no weight", weight)
			continue
		}
		if a.Weights == nil {
			a.Weights = map[string]float64{}
		}
		a.Weights[w.Get("FunctionVersion").Text()] = weight
	}
	f.Aliases = append(f.Aliases, a)
}

func (b *builder) url(r *base.Resource) {
	f := b.find(r, r.Props.Get("TargetFunctionArn"))
	if f == nil {
		return
	}
	u := &model.FunctionURL{
		LogicalID: r.ID, Host: strings.Trim(strings.TrimPrefix(r.Att("FunctionUrl"), "https://"), "/"),
		AuthType: r.Props.Get("AuthType").Text(), Stream: r.Props.Get("InvokeMode").Text() == "RESPONSE_STREAM",
		CORS: base.CORS(r.Props.Get("Cors")),
	}
	_, qualifier := model.SplitFunctionRef(r.Props.Get("TargetFunctionArn").Text())
	u.Qualifier = r.Props.Get("Qualifier").TextOr(qualifier)
	f.URLs = append(f.URLs, u)
}

// permission adds a statement to the policy of a function of this stack.
func (b *builder) permission(r *base.Resource) {
	p := r.Props
	f, qualifier := b.Stack.Function(p.Get("FunctionName").Text())
	if f == nil {
		return
	}
	f.Permissions = append(f.Permissions, model.Permission{
		Qualifier: qualifier, Action: p.Get("Action").Text(), Principal: p.Get("Principal").Text(),
		SourceARN: p.Get("SourceArn").Text(), SourceAccount: p.Get("SourceAccount").Text(), OrgID: p.Get("PrincipalOrgID").Text(),
		AuthType: p.Get("FunctionUrlAuthType").Text(), ViaURL: p.Get("InvokedViaFunctionUrl").Bool(), Pos: r.Where(),
	})
}

// find returns the function that a property names. One of another stack is
// reported: what hangs on it cannot be run.
func (b *builder) find(r *base.Resource, v base.Value) *model.Function {
	f, _ := b.Stack.Function(v.Text())
	if f == nil {
		r.Note(v, fidelity.Unsupported, "the function is not of this stack")
	}
	return f
}
