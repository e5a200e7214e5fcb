// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// trustStores keeps the trust stores by the ids that distributions name.
func (b *builder) trustStores() {
	for _, r := range b.Of("AWS::CloudFront::TrustStore") {
		at := r.Props.Get("CaCertificatesBundleSource", "CaCertificatesBundleS3Location")
		b.Shared.TrustStores[r.Ref] = &model.TrustStore{
			ID: r.Ref, LogicalID: r.ID, Bucket: at.Get("Bucket").Text(), Key: at.Get("Key").Text(),
		}
	}
}

// viewerMTLS reads how a distribution asks viewers for certificates, with what
// CloudFront demands of such a distribution. What is not understood lets nobody
// in.
func (b *builder) viewerMTLS(r *base.Resource, d *model.Distribution, c base.Value) {
	v, function := c.Get("ViewerMtlsConfig"), c.Get("ConnectionFunctionAssociation")
	if !v.Exists() && !function.Exists() {
		return
	}
	m := &model.ViewerMTLS{Function: function.Exists()}
	d.MTLS = m
	if !v.Exists() {
		function.Fail("add ViewerMtlsConfig", "a connection function needs viewer mTLS")
		return
	}
	store := v.Get("TrustStoreConfig")
	m.AdvertiseCAs, m.IgnoreExpiry = store.Get("AdvertiseTrustStoreCaNames").Bool(), store.Get("IgnoreCertificateExpiry").Bool()
	switch v.Get("Mode").Text() {
	case "optional":
		m.Mode = model.MTLSOptional
	case "passthrough":
		m.Mode = model.MTLSPassthrough
	}
	id := store.Get("TrustStoreId")
	if s := b.Shared.TrustStores[id.Text()]; s != nil {
		m.Store = *s
	} else {
		m.Store.ID = id.Text()
	}
	switch {
	case m.Mode == model.MTLSPassthrough && store.Exists():
		store.Fail("remove it", "with passthrough the origin verifies certificates: there is no trust store")
	case m.Mode != model.MTLSPassthrough && m.Store.ID == "":
		v.Fail("add TrustStoreConfig: {TrustStoreId: !GetAtt Store.Id}", "viewer mTLS needs a trust store")
	case m.Mode != model.MTLSPassthrough && m.Store.LogicalID == "":
		r.Note(id, fidelity.Approximated, "the trust store is in no template: its authorities are those of --trust-store "+m.Store.ID+"=FILE; without them no certificate is good")
	}
	for _, h := range d.Behaviors {
		if h.Viewer == model.AllowAll {
			v.Fail("set ViewerProtocolPolicy of "+h.PathPattern+" to https-only or redirect-to-https", "viewer mTLS needs HTTPS: the behavior %s also answers over HTTP", h.PathPattern)
		}
	}
	if d.HTTPVersion == "http3" || d.HTTPVersion == "http2and3" {
		r.Note(v, fidelity.Approximated, "certificates are asked for over HTTP/3 too; CloudFront has no viewer mTLS with HTTP/3")
	}
}
