// SPDX-License-Identifier: Apache-2.0

package function

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

const minimum = "{Handler: h, Runtime: r, CodeUri: 's3://b/k', "

func expand(t *testing.T, props string) (*tree.Node, error) {
	t.Helper()
	return basetest.Properties(t, Expand, "AWS::Serverless::Function", props)
}

func TestExpand(t *testing.T) {
	tests := []struct{ name, props, want string }{
		{"role", minimum + "Tracing: Active, VpcConfig: {a: b}, RolePath: /p/}", `
	R/Properties/Role: !GetAtt RRole.Arn
	R/Properties/Tags: [{Key: 'lambda:createdBy', Value: SAM}]
	R/Properties/TracingConfig: {Mode: Active}
	RRole/Properties/Path: /p/
	RRole/Properties/ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole', 'arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess', 'arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole']
	`},
		{"own role", minimum + "Role: arn}", "R/Properties/Role: arn\nRRole: null"},
		{"code versions", "{Handler: h, Runtime: r, CodeUri: 's3://b/a/k?versionId=1'}", `
	R/Properties/Code: {S3Bucket: b, S3Key: a/k, S3ObjectVersion: '1'}
	`},
		{"local code", "{Handler: h, Runtime: r, CodeUri: ../x}", "R/Properties/Code: ../x"},
		{"inline code", "{Handler: h, Runtime: r, InlineCode: x}", "R/Properties/Code: {ZipFile: x}"},
		{"image", "{PackageType: Image, ImageUri: i}", "R/Properties/Code: {ImageUri: i}"},
		{"alias", minimum + "AutoPublishAlias: a-b_1}", `
	RAliasaDbU1/Properties: {Name: a-b_1, FunctionName: !Ref R, FunctionVersion: !GetAtt RVersion03ba323aca.Version}
	RVersion03ba323aca: {Type: AWS::Lambda::Version, DeletionPolicy: Retain, Properties: {FunctionName: !Ref R}}
	`},
		{"alias by hash", minimum + "AutoPublishAlias: a, AutoPublishCodeSha256: 0123456789abcdef, Description: d}", `
	R/Properties/Description: d 0123456789abcdef
	RVersion0123456789/Type: AWS::Lambda::Version
	`},
		{"URL", minimum + "FunctionUrlConfig: {AuthType: NONE}}", `
	RUrl/Properties: {AuthType: NONE, TargetFunctionArn: !Ref R}
	RUrlPublicPermissions/Properties: {Action: 'lambda:InvokeFunctionUrl', FunctionName: !Ref R, Principal: '*', FunctionUrlAuthType: NONE}
	RURLInvokeAllowPublicAccess/Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref R, Principal: '*', InvokedViaFunctionUrl: true}
	`},
		{"private URL", minimum + "FunctionUrlConfig: {AuthType: AWS_IAM}}", "RUrlPublicPermissions: null"},
		{"destinations", minimum + "EventInvokeConfig: {MaximumRetryAttempts: 0, DestinationConfig: {OnSuccess: {Type: SNS}, OnFailure: {Type: Lambda, Destination: f}}}}", `
	REventInvokeConfigOnSuccessTopic/Type: AWS::SNS::Topic
	REventInvokeConfig/Properties: {FunctionName: !Ref R, Qualifier: $LATEST, MaximumRetryAttempts: 0, DestinationConfig: {OnSuccess: {Destination: !Ref REventInvokeConfigOnSuccessTopic}, OnFailure: {Destination: f}}}
	`},
		{"dead letters", minimum + "DeadLetterQueue: {Type: SNS, TargetArn: t}}", `
	R/Properties/DeadLetterConfig: {TargetArn: t}
	`},
		{"tags for all", minimum + "Tags: {a: b}, PropagateTags: true}", `
	R/Properties/Tags: [{Key: a, Value: b}]
	RRole/Properties/Tags: [{Key: a, Value: b}]
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := expand(t, tt.props)
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

// TestVersionID pins which properties make a new version.
func TestVersionID(t *testing.T) {
	id := func(more string) string {
		got, err := expand(t, minimum+"AutoPublishAlias: a"+more+"}")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range got.Keys() {
			if strings.HasPrefix(k, "RVersion") {
				return k
			}
		}
		return ""
	}
	first := id("")
	for more, same := range map[string]bool{
		", Timeout: 3":                                      true,
		", MemorySize: 256":                                 false,
		", Environment: {Variables: {A: b}}":                false,
		", SnapStart: {ApplyOn: None}":                      true,
		", SnapStart: {ApplyOn: PublishedVersions}":         false,
		", AutoPublishAliasAllProperties: true":             false,
		", Description: d, VersionDescription: d, Tags: {}": true,
	} {
		if got := id(more); (got == first) != same {
			t.Errorf("%s: %s, without %s", more, got, first)
		}
	}
}

func TestDeployment(t *testing.T) {
	c := basetest.Context(t, "F: {Type: AWS::Serverless::Function, Condition: C, Properties: "+minimum+
		"AutoPublishAlias: a, DeploymentPreference: {Type: AllAtOnce, PassthroughCondition: true, Alarms: [x], Hooks: {PostTraffic: !Ref H}}}}")
	got, err := basetest.Expand(c, Expand, "F")
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	FAliasa/UpdatePolicy: {CodeDeployLambdaAliasUpdate: {ApplicationName: !Ref ServerlessDeploymentApplication, DeploymentGroupName: !Ref FDeploymentGroup, AfterAllowTrafficHook: !Ref H}}
	`)
	rs, err := Finish(c)
	if err != nil {
		t.Fatal(err)
	}
	all := tree.NewMap()
	for _, r := range rs {
		all.Set(r.ID, r.Node)
	}
	basetest.Compare(t, all, `
	ServerlessDeploymentApplication: {Type: AWS::CodeDeploy::Application, Condition: C, Properties: {ComputePlatform: Lambda}}
	CodeDeployServiceRole/Condition: C
	FDeploymentGroup/Properties/DeploymentConfigName: !Sub ['CodeDeployDefault.Lambda${ConfigName}', {ConfigName: AllAtOnce}]
	FDeploymentGroup/Properties/AlarmConfiguration: {Enabled: true, Alarms: [{Name: x}]}
	`)
	if rs, err := Finish(basetest.Context(t, "R: {}")); len(rs) != 0 || err != nil {
		t.Errorf("without a preference: %v, %v", rs, err)
	}
}

func TestConditionalRole(t *testing.T) {
	c := basetest.Context(t, "F: {Type: AWS::Serverless::Function, Properties: "+minimum+"Role: !If [C, arn, !Ref AWS::NoValue]}}")
	got, err := basetest.Expand(c, Expand, "F")
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	F/Properties/Role: !If [C, arn, !GetAtt FRole.Arn]
	FRole/Condition: NOTC
	`)
	basetest.Compare(t, c.Out, "Conditions/NOTC: !Not [!Condition C]")
}

func TestRefused(t *testing.T) {
	tests := []struct{ name, props, want string }{
		{"no handler", "{Runtime: r, CodeUri: x}", "Handler is required"},
		{"an address that is none", "{Handler: h, Runtime: r, CodeUri: 's3://[x]/k'}", "s3://bucket/key"},
		{"a dynamic reference", "{Handler: h, Runtime: r, CodeUri: '{{resolve:ssm:/a/b:1}}'}", "dynamic reference"},
		{"package type", "{PackageType: Jar, ImageUri: x}", "PackageType must be"},
		{"image with a runtime", "{PackageType: Image, ImageUri: x, Runtime: r}", "Runtime has no meaning"},
		{"alias name", minimum + "AutoPublishAlias: 12}", "AutoPublishAlias must be"},
		{"alias of digits", minimum + "AutoPublishAlias: '12'}", "not by digits alone"},
		{"preference without alias", minimum + "DeploymentPreference: {Type: AllAtOnce}}", "needs AutoPublishAlias"},
		{"unknown policy template", minimum + "Policies: [{S3Policy: {}}]}", "known policy template"},
		{"reserved tag", minimum + "Tags: {'lambda:createdBy': me}}", "is reserved"},
		{"URL without AuthType", minimum + "FunctionUrlConfig: {InvokeMode: BUFFERED}}", "AuthType"},
		{"URL headers", minimum + "FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigin: ['*']}}}", "AllowOrigin"},
		{"destination", minimum + "EventInvokeConfig: {DestinationConfig: {OnSuccess: {Type: Mail}}}}", "Type of a destination"},
		{"dead letters", minimum + "DeadLetterQueue: {Type: SQS}}", "TargetArn"},
		{"tenants", minimum + "TenancyConfig: {a: b}, Events: {E: {Type: SQS, Properties: {Queue: q}}}}", "event E"},
		{"provisioned", minimum + "ProvisionedConcurrencyConfig: {a: b}}", "needs AutoPublishAlias"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := expand(t, tt.props)
			basetest.Refused(t, err, "R", tt.want)
		})
	}
}

// A parameter whose value refers to itself does not run away.
func TestParameterCycle(t *testing.T) {
	c := basetest.Context(t, "F: {Type: AWS::Serverless::Function, Properties: "+minimum+"AutoPublishAlias: !Sub '${P}', Tracing: !Ref P}}")
	loop := basetest.Parse(t, "[!Ref P, !Ref P]")
	c.Params["P"] = loop
	if _, err := Expand(c, "F", c.Lookup("F")); err == nil {
		t.Error("it was accepted")
	}
}
