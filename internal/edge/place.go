// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strconv"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// placeHeaders are the CloudFront-* headers that need a database of addresses,
// as origins get them. What is not known is left out (row E6).
var placeHeaders = [...]string{
	"CloudFront-Viewer-Country", "CloudFront-Viewer-Country-Name", "CloudFront-Viewer-Country-Region",
	"CloudFront-Viewer-Country-Region-Name", "CloudFront-Viewer-City", "CloudFront-Viewer-Postal-Code",
	"CloudFront-Viewer-Time-Zone", "CloudFront-Viewer-Latitude", "CloudFront-Viewer-Longitude",
	"CloudFront-Viewer-Metro-Code", "CloudFront-Viewer-ASN",
}

// place is where the viewer is; nil: not known.
func (x *Exchange) place() *model.Place {
	if x.edge.deps.Place == nil {
		return nil
	}
	return x.edge.deps.Place(x.rq.Viewer.Addr.Addr())
}

// placeHeader is the value of one of placeHeaders, its name in lower case.
func (x *Exchange) placeHeader(name string) (value string, ok bool) {
	p := x.place()
	if p == nil {
		return "", false
	}
	switch name {
	case "cloudfront-viewer-country":
		value = p.Country
	case "cloudfront-viewer-country-name":
		value = p.CountryName
	case "cloudfront-viewer-country-region":
		value = p.Region
	case "cloudfront-viewer-country-region-name":
		value = p.RegionName
	case "cloudfront-viewer-city":
		value = p.City
	case "cloudfront-viewer-postal-code":
		value = p.PostalCode
	case "cloudfront-viewer-time-zone":
		value = p.TimeZone
	case "cloudfront-viewer-latitude":
		value = p.Latitude
	case "cloudfront-viewer-longitude":
		value = p.Longitude
	case "cloudfront-viewer-metro-code":
		value = p.MetroCode
	case "cloudfront-viewer-asn":
		if p.ASN != 0 {
			value = strconv.FormatUint(uint64(p.ASN), 10)
		}
	}
	return value, value != ""
}

// abroad tells whether the distribution's geo restriction keeps the viewer out.
// Who is nowhere that is known is served (row C11).
func (x *Exchange) abroad() bool {
	g := &x.dist.m.Geo
	if len(g.Countries) == 0 || x.role != forViewer {
		return false
	}
	p := x.place()
	if p == nil || p.Country == "" {
		return false
	}
	return slices.Contains(g.Countries, p.Country) != g.Allow
}

func (x *Exchange) refuseAbroad() stepID {
	x.rec.Result.Detail = record.ClientGeoBlocked
	return x.refuse(403, "The Amazon CloudFront distribution is configured to block access from your country.")
}
