// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

func (e *Call) mskPolicy() (*tree.Node, error) {
	sts, err := e.registry()
	if err != nil {
		return nil, err
	}
	if l := e.get("SourceAccessConfigurations"); l.IsList() {
		for _, it := range l.Items {
			if uri := it.Get("URI"); base.Text(it, "Type") == "CLIENT_CERTIFICATE_TLS_AUTH" && base.Truthy(uri) {
				sts = append(sts, secret(uri))
			}
		}
	}
	if len(sts) == 0 {
		return nil, nil
	}
	return policyOf("MSKExecutionRolePolicy", sts...), nil
}

func (e *Call) kafkaPolicy() (*tree.Node, error) {
	access := e.get("SourceAccessConfigurations")
	switch {
	case !e.has("KafkaBootstrapServers"):
		return nil, e.errorf(e.props, "KafkaBootstrapServers is required")
	case !e.has("Topics"):
		return nil, e.errorf(e.props, "Topics is required")
	case e.get("Topics").Len() != 1:
		return nil, e.errorf(e.get("Topics"), "Topics must have exactly one member")
	case !base.Truthy(access):
		return nil, e.errorf(e.props, "SourceAccessConfigurations is required")
	case !access.IsList():
		return nil, e.errorf(access, "SourceAccessConfigurations must be a list")
	}
	a, err := e.readAccess(access)
	if err != nil {
		return nil, err
	}
	var sts []*tree.Node
	if a.auth != nil {
		sts = append(sts, secret(a.auth))
	}
	if a.root {
		auth := a.auth
		if auth == nil {
			auth = tree.NewNull()
		}
		sts = append(sts, secret(auth))
	}
	if a.subnet {
		sts = append(sts, network())
	}
	key, err := e.kmsKey()
	if err != nil {
		return nil, err
	}
	if key != nil {
		sts = append(sts, statement(key, "kms:Decrypt"))
	}
	reg, err := e.registry()
	if err != nil {
		return nil, err
	}
	sts = append(sts, reg...)
	p := policyOf("SelfManagedKafkaExecutionRolePolicy", sts...)
	p.Get("PolicyDocument").Set("Version", base.Str("2012-10-17"))
	return p, nil
}

// access is what the SourceAccessConfigurations of a cluster hold.
type access struct {
	auth          *tree.Node // URI of the secret of the one authentication
	root          bool       // a root certificate is given
	subnet, group bool
}

func (e *Call) readAccess(list *tree.Node) (access, error) {
	var a access
	for _, it := range list.Items {
		if !it.IsMap() {
			return a, e.errorf(it, "each of SourceAccessConfigurations must be a map")
		}
		uri := it.Get("URI")
		if !uri.IsString() && !uri.IsIntrinsic() || !base.Truthy(uri) {
			return a, e.errorf(it, "each of SourceAccessConfigurations needs a URI, a string")
		}
		switch base.Text(it, "Type") {
		case "VPC_SUBNET":
			a.subnet = true
		case "VPC_SECURITY_GROUP":
			a.group = true
		case "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH", "BASIC_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH":
			if a.auth != nil {
				return a, e.errorf(it, "SourceAccessConfigurations has more than one authentication")
			}
			a.auth = uri
		case "SERVER_ROOT_CA_CERTIFICATE":
			a.root = true
		default:
			return a, e.errorf(it, "SourceAccessConfigurations: this Type is not known for SelfManagedKafka")
		}
	}
	if a.subnet != a.group {
		return a, e.errorf(list, "SourceAccessConfigurations needs both VPC_SUBNET and VPC_SECURITY_GROUP, or neither")
	}
	return a, nil
}

// registry are the statements for SchemaRegistryConfig.
func (e *Call) registry() ([]*tree.Node, error) {
	cfg := e.get("SchemaRegistryConfig")
	if !base.Truthy(cfg) {
		return nil, nil
	}
	if err := e.checkRegistry(cfg); err != nil {
		return nil, err
	}
	var sts []*tree.Node
	for _, it := range itemsOf(cfg.Get("AccessConfigs")) {
		sts = append(sts, secret(it.Get("URI")))
	}
	uri := cfg.Get("SchemaRegistryURI")
	r, err := e.C.Resolve(uri)
	if err != nil {
		return nil, err
	}
	arn, ok := r.Str()
	if !ok {
		arn = base.Text(r, "Fn::Sub")
	}
	const at = 5 // of the resource in an ARN
	parts := strings.Split(arn, ":")
	if !strings.HasPrefix(arn, "arn") || len(parts) <= at || !strings.HasPrefix(parts[at], "registry/") {
		return sts, nil
	}
	name := strings.TrimPrefix(parts[at], "registry/")
	return append(sts,
		statement(uri.Clone(), "glue:GetRegistry"),
		statement(tree.NewList(stackARN("glue", "schema/"+name+"/*")), "glue:GetSchemaVersion")), nil
}

func (e *Call) checkRegistry(cfg *tree.Node) error {
	if !cfg.IsMap() {
		return e.errorf(cfg, "SchemaRegistryConfig must be a map")
	}
	for _, k := range []string{"SchemaRegistryURI", "EventRecordFormat", "SchemaValidationConfigs"} {
		if !cfg.Has(k) {
			return e.errorf(cfg, "SchemaRegistryConfig.%s is required", k)
		}
	}
	if f := base.Text(cfg, "EventRecordFormat"); f != "JSON" && f != "SOURCE" {
		return e.errorf(cfg.Get("EventRecordFormat"), "SchemaRegistryConfig.EventRecordFormat must be JSON or SOURCE")
	}
	if v := cfg.Get("SchemaValidationConfigs"); !v.IsList() {
		return e.errorf(v, "SchemaRegistryConfig.SchemaValidationConfigs must be a list")
	}
	l := cfg.Get("AccessConfigs")
	if !base.Truthy(l) {
		return nil
	}
	if !l.IsList() {
		return e.errorf(l, "SchemaRegistryConfig.AccessConfigs must be a list")
	}
	for _, it := range l.Items {
		if !it.Has("Type") || !it.Has("URI") {
			return e.errorf(it, "each of SchemaRegistryConfig.AccessConfigs must be a map with Type and URI")
		}
	}
	return nil
}

func itemsOf(n *tree.Node) []*tree.Node {
	if n.IsList() {
		return n.Items
	}
	return nil
}
