// SPDX-License-Identifier: Apache-2.0

package encode

import "github.com/forelane/forelane/internal/httpspec"

// Compressible tells whether CloudFront compresses a media type (Developer
// Guide, "File types that CloudFront compresses").
func Compressible(mediaType string) bool {
	for _, t := range types {
		if httpspec.EqualMediaType(mediaType, t) {
			return true
		}
	}
	return false
}

var types = [...]string{
	"application/dash+xml", "application/eot", "application/font", "application/font-sfnt", "application/javascript",
	"application/json", "application/opentype", "application/otf", "application/pkcs7-mime", "application/protobuf",
	"application/rss+xml", "application/truetype", "application/ttf", "application/vnd.apple.mpegurl",
	"application/vnd.mapbox-vector-tile", "application/vnd.ms-fontobject", "application/wasm", "application/xhtml+xml",
	"application/xml", "application/x-font-opentype", "application/x-font-truetype", "application/x-font-ttf",
	"application/x-httpd-cgi", "application/x-javascript", "application/x-mpegurl", "application/x-opentype",
	"application/x-otf", "application/x-perl", "application/x-ttf", "font/eot", "font/opentype", "font/otf", "font/ttf",
	"image/svg+xml", "text/css", "text/csv", "text/html", "text/javascript", "text/js", "text/plain", "text/richtext",
	"text/tab-separated-values", "text/xml", "text/x-component", "text/x-java-source", "text/x-script", "vnd.apple.mpegurl",
}
