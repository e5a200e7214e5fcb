// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// functionPolicy is the resource-based policy of a function, or of its version or
// alias, as its permissions write it (Lambda Developer Guide, "Viewing
// resource-based IAM policies in Lambda"). Nil: it has none.
func functionPolicy(fn *model.Function, qualifier, arn string) *policy.Document {
	var statements []any
	for i := range fn.Permissions {
		if p := &fn.Permissions[i]; p.Qualifier == qualifier {
			statements = append(statements, map[string]any{
				"Effect": "Allow", "Principal": principalOf(p.Principal), "Action": p.Action, "Resource": arn, "Condition": conditionsOf(p),
			})
		}
	}
	if len(statements) == 0 {
		return nil
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return nil // texts alone: it does not happen, and allows nothing
	}
	doc, err := policy.Parse(string(text))
	if err != nil {
		return nil // such a permission allows nothing: it is refused by AWS too
	}
	return doc
}

// principalOf is the Principal element: an account stands for its root.
func principalOf(p string) any {
	switch {
	case p == "*":
		return p
	case strings.HasPrefix(p, "arn:"):
		return map[string]string{"AWS": p}
	case len(p) == 12 && strings.Trim(p, "0123456789") == "":
		return map[string]string{"AWS": "arn:aws:iam::" + p + ":root"}
	}
	return map[string]string{"Service": p}
}

func conditionsOf(p *model.Permission) map[string]map[string]string {
	c := map[string]map[string]string{}
	add := func(operator, key, value string) {
		if value == "" {
			return
		}
		if c[operator] == nil {
			c[operator] = map[string]string{}
		}
		c[operator][key] = value
	}
	add("ArnLike", "AWS:SourceArn", p.SourceARN)
	add("StringEquals", "AWS:SourceAccount", p.SourceAccount)
	add("StringEquals", "aws:PrincipalOrgID", p.OrgID)
	add("StringEquals", "lambda:FunctionUrlAuthType", p.AuthType)
	if p.ViaURL {
		add("Bool", "lambda:InvokedViaFunctionUrl", "true")
	}
	return c
}
