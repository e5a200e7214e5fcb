// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"regexp"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

// Shapes of the types that matter, as AWS documents their return values.
func TestInventShapes(t *testing.T) {
	s := mustLoad(t, `
Resources:
  Dist: {Type: AWS::CloudFront::Distribution}
  Policy: {Type: AWS::CloudFront::CachePolicy}
  Cff: {Type: AWS::CloudFront::Function, Properties: {Name: rewrite}}
  Kvs: {Type: AWS::CloudFront::KeyValueStore, Properties: {Name: kv}}
  Oac: {Type: AWS::CloudFront::OriginAccessControl}
  Oai: {Type: AWS::CloudFront::CloudFrontOriginAccessIdentity}
  Rest: {Type: AWS::ApiGateway::RestApi}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {StageName: prod}}
  Http: {Type: AWS::ApiGatewayV2::Api}
  Fn: {Type: AWS::Lambda::Function}
  Named: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Sub "${AWS::StackName}-named"}}
  V1: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Named}}
  V2: {Type: AWS::Lambda::Version, Properties: {FunctionName: !GetAtt Named.Arn}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Named, Name: live, FunctionVersion: !GetAtt V2.Version}}
  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref Live}}
  Bucket: {Type: AWS::S3::Bucket}
  Role: {Type: AWS::IAM::Role}
  Pool: {Type: AWS::Cognito::UserPool}
  Acl: {Type: AWS::WAFv2::WebACL, Properties: {Name: acl, Scope: CLOUDFRONT}}
  Table: {Type: AWS::DynamoDB::Table}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  Secret: {Type: AWS::SecretsManager::Secret}
  Custom: {Type: Custom::Thing}
  New: {Type: AWS::Brand::New}
`, Options{StackName: "shop"})
	for _, c := range []struct{ id, attr, want string }{
		{"Dist", "", `E[A-Z0-9]{13}`},
		{"Dist", "DomainName", `d[a-z0-9]{13}\.cloudfront\.net`},
		{"Policy", "", `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`},
		{"Cff", "FunctionMetadata.FunctionARN", `arn:aws:cloudfront::123456789012:function/rewrite`},
		{"Kvs", "Arn", `arn:aws:cloudfront::123456789012:key-value-store/[0-9a-f-]{36}`},
		{"Oac", "Id", `E[A-Z0-9]{13}`},
		{"Oai", "S3CanonicalUserId", `[0-9a-f]{96}`},
		{"Rest", "", `[a-z0-9]{10}`},
		{"Rest", "RootResourceId", `[a-z0-9]{11}`},
		{"Stage", "", `prod`},
		{"Http", "ApiEndpoint", `https://[a-z0-9]{10}\.execute-api\.us-east-1\.amazonaws\.com`},
		{"Fn", "", `shop-Fn-[A-Z0-9]{12}`},
		{"Named", "Arn", `arn:aws:lambda:us-east-1:123456789012:function:shop-named`},
		{"V1", "", `arn:aws:lambda:us-east-1:123456789012:function:shop-named:1`},
		{"V2", "Version", `2`},
		{"Live", "", `arn:aws:lambda:us-east-1:123456789012:function:shop-named:live`},
		{"Url", "FunctionUrl", `https://[a-z0-9]{32}\.lambda-url\.us-east-1\.on\.aws/`},
		{"Url", "FunctionArn", `arn:aws:lambda:us-east-1:123456789012:function:shop-named`},
		{"Bucket", "", `shop-bucket-[a-z0-9]{12}`},
		{"Bucket", "RegionalDomainName", `shop-bucket-[a-z0-9]{12}\.s3\.us-east-1\.amazonaws\.com`},
		{"Bucket", "WebsiteURL", `http://shop-bucket-[a-z0-9]{12}\.s3-website-us-east-1\.amazonaws\.com`},
		{"Role", "Arn", `arn:aws:iam::123456789012:role/shop-Role-[A-Z0-9]{12}`},
		{"Pool", "ProviderURL", `https://cognito-idp\.us-east-1\.amazonaws\.com/us-east-1_[A-Z0-9]{9}`},
		{"Acl", "", `acl\|[0-9a-f-]{36}\|CLOUDFRONT`},
		{"Acl", "Arn", `arn:aws:wafv2:us-east-1:123456789012:global/webacl/acl/[0-9a-f-]{36}`},
		{"Table", "StreamArn", `arn:aws:dynamodb:us-east-1:123456789012:table/shop-Table-[A-Z0-9]{12}/stream/.+`},
		{"Queue", "", `https://sqs\.us-east-1\.amazonaws\.com/123456789012/q`},
		{"Secret", "", `arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-Secret-[A-Z0-9]{12}-[a-z0-9]{6}`},
		{"Custom", "", `shop-Custom-[A-Z0-9]{12}`},
		{"Custom", "Arn", `arn:aws:service:us-east-1:123456789012:shop-Custom-[A-Z0-9]{12}`},
		{"Custom", "Anything", `[a-z0-9]{12}`},
		{"New", "ThingArn", `arn:aws:brand:us-east-1:123456789012:.+`},
		{"New", "Endpoint", `[a-z0-9]{12}\.brand\.us-east-1\.amazonaws\.com`},
	} {
		get := func() (*tree.Node, error) {
			if c.attr == "" {
				return s.Attributes().Ref(c.id)
			}
			return s.Attributes().GetAtt(c.id, c.attr)
		}
		n, err := get()
		again, _ := get()
		if err != nil || !regexp.MustCompile("^"+c.want+"$").MatchString(n.Text) || again.Text != n.Text {
			t.Errorf("%s.%s = %v, %v, again %v; want %s", c.id, c.attr, n, err, again, c.want)
		}
	}
}

// Every line of the table is understood and leaves no placeholder.
func TestShapesTable(t *testing.T) {
	if n := len(shapes()); n < 100 {
		t.Errorf("the table has %d types", n)
	}
	var text strings.Builder
	text.WriteString("Resources:\n")
	for typ := range shapes() {
		text.WriteString("  " + strings.ReplaceAll(typ, "::", "") + ": {Type: " + typ + "}\n")
	}
	s := mustLoad(t, text.String(), Options{StackName: strings.Repeat("long", 30)})
	for _, r := range s.Resources() {
		sh := shapes()[r.Type]
		for attr := range sh.attrs {
			n, err := s.Attributes().GetAtt(r.LogicalID, attr)
			if err != nil {
				t.Errorf("%s.%s: %v", r.Type, attr, err)
				continue
			}
			if text := string(tree.JSON(n)); strings.ContainsAny(text, "{}") {
				t.Errorf("%s.%s = %s", r.Type, attr, text)
			}
		}
		n, _ := s.Attributes().Ref(r.LogicalID)
		if strings.ContainsAny(n.Text, "{}") || n.Text == "" {
			t.Errorf("Ref %s = %q", r.Type, n.Text)
		}
		if sh.nameProperty != "" && sh.ref == "{name}" && len(n.Text) > sh.limit {
			t.Errorf("Ref %s = %q is longer than %d", r.Type, n.Text, sh.limit)
		}
	}
}

// Names that need each other do not hang: the second one is generated.
func TestInventNameOfName(t *testing.T) {
	s := mustLoad(t, `
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${B.QueueName}-dlq"}}
  B: {Type: AWS::SQS::Queue, Properties: {QueueName: !If [Yes, orders, !Ref A]}}
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Select [0, [!Ref AWS::StackName, b]]}}
Conditions: {Yes: !Equals [a, a]}
`, Options{})
	n, err := s.Attributes().GetAtt("A", "QueueName")
	if err != nil || n.Text != "orders-dlq" {
		t.Errorf("name of A is %v, %v", n, err)
	}
}

// A secret that the template declares resolves without a setting, and a
// setting by its logical id wins.
func TestDeclaredSecret(t *testing.T) {
	const text = `
Resources:
  Db:
    Type: AWS::SecretsManager::Secret
    Properties:
      GenerateSecretString: {SecretStringTemplate: '{"user":"admin"}', GenerateStringKey: password, PasswordLength: 20}
  Plain: {Type: AWS::SecretsManager::Secret, Properties: {Name: plain, SecretString: '{"k":"v"}'}}
  Use:
    Type: Custom::Use
    Properties:
      User: !Join ["", ["{{resolve:secretsmanager:", !Ref Db, ":SecretString:user}}"]]
      Password: !Sub "{{resolve:secretsmanager:${Db}:SecretString:password::}}"
      Plain: "{{resolve:secretsmanager:plain:SecretString:k}}"
`
	p, err := mustLoad(t, text, Options{}).Properties("Use")
	if err != nil {
		t.Fatal(err)
	}
	pass, _ := p.Get("Password").Str()
	if p.Get("User").Text != "admin" || len(pass) != 20 || p.Get("Plain").Text != "v" {
		t.Errorf("properties %s", tree.JSON(p))
	}
	env := func(k string) (string, bool) { return "set", k == "DB_PASSWORD" }
	p, err = mustLoad(t, text, Options{Env: env}).Properties("Use")
	if err != nil || p.Get("Password").Text != "set" {
		t.Errorf("properties %s, %v", tree.JSON(p), err)
	}
}
