// SPDX-License-Identifier: Apache-2.0

package graphql

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/shape"
)

// Kinds of authorization.
const (
	authLambda  = "AWS_LAMBDA"
	authOpenID  = "OPENID_CONNECT"
	authCognito = "AMAZON_COGNITO_USER_POOLS"
)

// open is an optional property that CloudFormation judges.
func open(name string) shape.Field { return shape.May(name, shape.Any) }

// properties is the shape of an API, as the SAM developer guide lists it.
func properties() shape.Shape {
	return shape.Map(
		shape.Must("Auth", shape.Map(append(authorizer(), shape.May("Additional", shape.List(shape.Map(authorizer()...))))...)),
		shape.May("Tags", shape.Dict(shape.Any)),
		open("Name"),
		shape.May("XrayEnabled", shape.Flag),
		open("SchemaInline"),
		open("SchemaUri"),
		shape.May("Logging", shape.OrFlag(shape.Map(
			open("CloudWatchLogsRoleArn"), open("ExcludeVerboseContent"), open("FieldLogLevel")))),
		shape.May("DataSources", dataSourcesShape()),
		shape.May("Functions", shape.Dict(functionShape())),
		shape.May("Resolvers", shape.Dict(shape.Dict(resolverShape()))),
		shape.May("ApiKeys", shape.Dict(shape.Map(open("ApiKeyId"), open("Description"), open("ExpiresOn")))),
		shape.May("DomainName", shape.Map(
			shape.Must("CertificateArn", shape.Any), shape.Must("DomainName", shape.Any), open("Description"))),
		shape.May("Cache", shape.Map(
			shape.Must("ApiCachingBehavior", shape.Any), shape.Must("Ttl", shape.Any), shape.Must("Type", shape.Any),
			open("AtRestEncryptionEnabled"), open("TransitEncryptionEnabled"))),
		open("Visibility"), open("OwnerContact"), open("IntrospectionConfig"), open("QueryDepthLimit"), open("ResolverCountLimit"),
	)
}

func authorizer() []shape.Field {
	return []shape.Field{
		shape.Must("Type", shape.OneOf("AWS_IAM", "API_KEY", authLambda, authOpenID, authCognito)),
		shape.May("LambdaAuthorizer", shape.Map(
			open("AuthorizerResultTtlInSeconds"), shape.Must("AuthorizerUri", shape.Any), open("IdentityValidationExpression"))),
		shape.May("OpenIDConnect", shape.Map(open("AuthTTL"), open("ClientId"), open("IatTTL"), open("Issuer"))),
		shape.May("UserPool", shape.Map(
			open("AppIdClientRegex"), open("AwsRegion"), open("DefaultAction"), shape.Must("UserPoolId", shape.Any))),
	}
}

func dataSourcesShape() shape.Shape {
	table := shape.Map(
		shape.Must("TableName", shape.Any), open("ServiceRoleArn"), open("TableArn"),
		shape.May("Permissions", shape.List(shape.OneOf("Read", "Write"))),
		open("Name"), open("Description"), open("Region"),
		shape.May("DeltaSync", shape.Map(shape.Must("BaseTableTTL", shape.Any),
			shape.Must("DeltaSyncTableName", shape.Any), shape.Must("DeltaSyncTableTTL", shape.Any))),
		open("UseCallerCredentials"), open("Versioned"),
	)
	function := shape.Map(shape.Must("FunctionArn", shape.Any), open("ServiceRoleArn"), open("Name"), open("Description"))
	return shape.Map(shape.May("DynamoDb", shape.Dict(table)), shape.May("Lambda", shape.Dict(function)))
}

func runtimeShape() shape.Shape {
	return shape.Map(shape.Must("Name", shape.Any), shape.Must("Version", shape.Any))
}

func syncShape() shape.Shape {
	return shape.Map(shape.Must("ConflictDetection", shape.Any), open("ConflictHandler"),
		shape.May("LambdaConflictHandlerConfig", shape.Map(shape.Must("LambdaConflictHandlerArn", shape.Any))))
}

func functionShape() shape.Shape {
	return shape.Map(
		shape.May("DataSource", shape.OrMap(shape.Text)), shape.May("Runtime", runtimeShape()),
		open("InlineCode"), open("CodeUri"), open("Description"), open("MaxBatchSize"),
		shape.May("Name", shape.Text), open("Id"), shape.May("Sync", syncShape()),
	)
}

func resolverShape() shape.Shape {
	return shape.Map(
		shape.May("FieldName", shape.Text),
		shape.May("Caching", shape.Map(shape.Must("Ttl", shape.Any), shape.May("CachingKeys", shape.List(shape.Any)))),
		open("InlineCode"), open("CodeUri"), open("MaxBatchSize"),
		shape.May("Pipeline", shape.List(shape.Text)),
		shape.May("Runtime", runtimeShape()), shape.May("Sync", syncShape()),
	)
}

// props are the types of the properties themselves. An intrinsic function
// cannot stand for the sections that the expansion reads.
func props() []base.Prop {
	section := func(name string) base.Prop { return base.Prop{Name: name, Check: base.IsMap, Plain: true} }
	free := func(name string) base.Prop { return base.Prop{Name: name, Plain: true} }
	return []base.Prop{
		free("Name"), section("Tags"), free("XrayEnabled"),
		{Name: "Auth", Check: base.IsMap, Required: true, Plain: true},
		{Name: "SchemaInline", Check: base.IsString, Plain: true},
		{Name: "SchemaUri", Check: base.IsString, Plain: true},
		{Name: "Logging", Check: base.OneOf(base.IsMap, base.IsBool), Plain: true},
		section("DataSources"), section("Functions"), section("Resolvers"), section("ApiKeys"),
		section("DomainName"), section("Cache"),
		free("Visibility"), free("OwnerContact"), free("IntrospectionConfig"), free("QueryDepthLimit"), free("ResolverCountLimit"),
	}
}
