// SPDX-License-Identifier: Apache-2.0

package capacity

import (
	"testing"

	"github.com/forelane/forelane/internal/template/sam/basetest"
)

func TestExpand(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, `
	VpcConfig: {SubnetIds: [s-1, !Ref S], SecurityGroupIds: !Ref G}
	InstanceRequirements: {Architectures: [arm64], AllowedTypes: [m7g.large]}
	ScalingConfig: {MaxVCpuCount: '16', AverageCPUUtilization: 62.5}
	Tags: {team: web}
	PropagateTags: true
	`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	R/Type: AWS::Lambda::CapacityProvider
	R/Properties/VpcConfig: {SubnetIds: [s-1, !Ref S], SecurityGroupIds: !Ref G}
	R/Properties/PermissionsConfig: {CapacityProviderOperatorRoleArn: !GetAtt ROperatorRole.Arn}
	R/Properties/InstanceRequirements: {Architectures: [arm64], AllowedInstanceTypes: [m7g.large]}
	R/Properties/CapacityProviderScalingConfig:
	  MaxVCpuCount: 16
	  ScalingMode: Manual
	  ScalingPolicies: [{PredefinedMetricType: LambdaCapacityProviderAverageCPUUtilization, TargetValue: 62.5}]
	R/Properties/Tags: [{Key: team, Value: web}, {Key: 'lambda:createdBy', Value: SAM}]
	ROperatorRole/Properties/Tags: [{Key: 'lambda:createdBy', Value: SAM}, {Key: team, Value: web}]
	ROperatorRole/Properties/ManagedPolicyArns: ['arn:aws:iam::aws:policy/AWSLambdaManagedEC2ResourceOperator']
	`)
}

func TestExpandWithRole(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, "{VpcConfig: {SubnetIds: [a]}, OperatorRole: !Ref Arn, ScalingConfig: {MaxVCpuCount: 4}}")
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	ROperatorRole: null
	R/Properties/PermissionsConfig: {CapacityProviderOperatorRoleArn: !Ref Arn}
	R/Properties/CapacityProviderScalingConfig: {MaxVCpuCount: 4, ScalingMode: Auto}
	`)
}

func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct{ props, word string }{
		"no network":     {"{}", "VpcConfig"},
		"no subnets":     {"VpcConfig: {SecurityGroupIds: [g]}", "VpcConfig.SubnetIds"},
		"subnets text":   {"VpcConfig: {SubnetIds: s}", "VpcConfig.SubnetIds"},
		"unknown":        {"VpcConfig: {SubnetIds: [s], Zone: a}", "VpcConfig.Zone"},
		"no number":      {"VpcConfig: {SubnetIds: [s]}\nScalingConfig: {MaxVCpuCount: many}", "ScalingConfig.MaxVCpuCount"},
		"not a number":   {"VpcConfig: {SubnetIds: [s]}\nScalingConfig: {AverageCPUUtilization: nan}", "AverageCPUUtilization"},
		"both type sets": {"VpcConfig: {SubnetIds: [s]}\nInstanceRequirements: {AllowedTypes: [a], ExcludedTypes: [b]}", "AllowedTypes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := basetest.Properties(t, Expand, Type, tt.props)
			basetest.Refused(t, err, "R", tt.word)
		})
	}
}

func FuzzExpand(f *testing.F) {
	basetest.Fuzz(f, Expand, Type, "VpcConfig: {SubnetIds: [s]}\nScalingConfig: {MaxVCpuCount: '1'}\nTags: {a: b}\nPropagateTags: true")
}
