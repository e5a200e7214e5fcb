// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/bucket/store"
)

// The errors of these calls (S3 API Reference, "Error responses").
var (
	errNoSuchBucket    = bucket.Error{Status: 404, Code: "NoSuchBucket", Message: "The specified bucket does not exist"}
	errNoSuchUpload    = bucket.Error{Status: 404, Code: "NoSuchUpload", Message: "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."}
	errKeyTooLong      = bucket.Error{Status: 400, Code: "KeyTooLongError", Message: "Your key is too long"}
	errExists          = bucket.Error{Status: 409, Code: "BucketAlreadyOwnedByYou", Message: "Your previous request to create the named bucket succeeded and you already own it."}
	errTemplates       = bucket.Error{Status: 403, Code: "AccessDenied", Message: "Buckets are made and removed by the template"}
	errWebPage         = bucket.Error{Status: 403, Code: "AccessDenied", Message: "The admin side answers to localhost and to addresses only, and to no web page"}
	errUnsigned        = bucket.Error{Status: 403, Code: "AccessDenied", Message: "Signatures are not checked here, so calls are taken on loopback addresses only"}
	errSignature       = bucket.Error{Status: 403, Code: "SignatureDoesNotMatch", Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	errTooLarge        = bucket.Error{Status: 400, Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed size"}
	errTooSmall        = bucket.Error{Status: 400, Code: "EntityTooSmall", Message: "Your proposed upload is smaller than the minimum allowed size"}
	errNoLength        = bucket.Error{Status: 411, Code: "MissingContentLength", Message: "You must provide the Content-Length HTTP header."}
	errIncomplete      = bucket.Error{Status: 400, Code: "IncompleteBody", Message: "You did not provide the number of bytes specified by the Content-Length HTTP header"}
	errChunks          = bucket.Error{Status: 400, Code: "InvalidRequest", Message: "The body is not in aws-chunked encoding"}
	errInvalidDigest   = bucket.Error{Status: 400, Code: "InvalidDigest", Message: "The Content-MD5 you specified was invalid"}
	errBadDigest       = bucket.Error{Status: 400, Code: "BadDigest", Message: "The checksum you specified did not match what we received"}
	errHashMismatch    = bucket.Error{Status: 400, Code: "XAmzContentSHA256Mismatch", Message: "The provided 'x-amz-content-sha256' header does not match what was computed."}
	errMetadata        = bucket.Error{Status: 400, Code: "MetadataTooLarge", Message: "Your metadata headers exceed the maximum allowed metadata size"}
	errMalformed       = bucket.Error{Status: 400, Code: "MalformedXML", Message: "The XML you provided was not well-formed or did not validate against our published schema"}
	errInvalidPart     = bucket.Error{Status: 400, Code: "InvalidPart", Message: "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."}
	errPartOrder       = bucket.Error{Status: 400, Code: "InvalidPartOrder", Message: "The list of parts was not in ascending order. The parts list must be specified in order by part number."}
	errPartNumber      = bucket.Error{Status: 400, Code: "InvalidArgument", Message: "Part number must be an integer between 1 and 10000, inclusive"}
	errCopyOntoItself  = bucket.Error{Status: 400, Code: "InvalidRequest", Message: "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."}
	errRedirectInvalid = bucket.Error{Status: 400, Code: "InvalidRedirectLocation", Message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."}
	errFull            = bucket.Error{Status: 503, Code: "ServiceUnavailable", Message: "The bucket holds as many objects or uploads as it may"}
)

// translate makes what readers and the store say into S3's words.
func translate(err error) bucket.Error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, store.ErrNoUpload):
		return errNoSuchUpload
	case errors.Is(err, store.ErrFull):
		return errFull
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errIncomplete
	}
	slog.Error("a call to a bucket failed", "error", err)
	return bucket.ErrInternal
}
