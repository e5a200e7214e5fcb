// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// Quotas of key groups.
const (
	maxGroupKeys = 5
	maxGroups    = 4
)

// keys builds public keys and the groups of them.
func (b *builder) keys() {
	for _, r := range b.Of("AWS::CloudFront::PublicKey") {
		b.Shared.Keys[r.Ref] = r.Props.Get("PublicKeyConfig", "EncodedKey").Text()
	}
	for _, r := range b.Of("AWS::CloudFront::KeyGroup") {
		items := r.Props.Get("KeyGroupConfig", "Items")
		ids := items.Texts()
		if len(ids) > maxGroupKeys {
			items.Fail("make two groups", "a key group has at most %d public keys, not %d", maxGroupKeys, len(ids))
		}
		b.Shared.KeyGroups[r.Ref] = ids
	}
}

// signers finds the public keys of the groups that a behavior trusts. What is in
// no template is unknown: those who signed with it are refused.
func (b *builder) signers(r *base.Resource, h *model.Behavior, v base.Value) {
	groups := v.Get("TrustedKeyGroups")
	if len(groups.List()) > maxGroups {
		groups.Fail("put more keys into a group", "a behavior trusts at most %d key groups, not %d", maxGroups, len(groups.List()))
	}
	for _, g := range groups.List() {
		ids, ok := b.Shared.KeyGroups[g.Text()]
		if !ok {
			r.Note(g, fidelity.Unsupported, "the key group is in no template: who signs with its keys is refused (403)")
			continue
		}
		for _, id := range ids {
			text, ok := b.Shared.Keys[id]
			if !ok {
				r.Note(g, fidelity.Unsupported, "the public key "+id+" is in no template: who signs with it is refused (403)")
				continue
			}
			if h.SignerKeys == nil {
				h.SignerKeys = map[string]string{}
			}
			h.SignerKeys[id] = text
		}
	}
}
