// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"fmt"

	"github.com/forelane/forelane/internal/template/eval"
	"github.com/forelane/forelane/internal/template/tree"
)

func ExampleNew() {
	t, err := tree.Parse("template.yaml", []byte(`
Parameters:
  Stage: {Type: String, AllowedValues: [dev, prod], Default: dev}
Conditions:
  Production: !Equals [!Ref Stage, prod]
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-${Stage}"
      MemorySize: !If [Production, 512, !Ref AWS::NoValue]
Outputs:
  Arn: {Value: !GetAtt Function.Arn}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	o := eval.Options{StackName: "shop", Parameters: map[string]string{"Stage": "prod"}}
	if t, err = eval.Expand(t, o); err != nil {
		fmt.Println(err)
		return
	}
	stack, err := eval.New(t, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range stack.Resources() {
		properties, err := stack.Properties(r.LogicalID)
		fmt.Println(r.LogicalID, string(tree.JSON(properties)), err)
	}
	outputs, err := stack.Outputs()
	fmt.Println(outputs[0].Name, outputs[0].Value.Text, err)
	// Output:
	// Function {"FunctionName":"shop-prod","MemorySize":512} <nil>
	// Arn arn:aws:lambda:us-east-1:123456789012:function:shop-prod <nil>
}

// A wrong name is an error with its place and a mend.
func ExampleNew_error() {
	t, _ := tree.Parse("template.yaml", []byte(`
Resources:
  Bucket: {Type: AWS::S3::Bucket}
Outputs:
  Name: {Value: !Ref Buckett}
`))
	_, err := eval.New(t, eval.Options{})
	fmt.Println(err)
	// Output:
	// template.yaml:5:17: Outputs.Name.Value.Ref: no resource or parameter is named "Buckett" (did you mean "Bucket"?)
}
