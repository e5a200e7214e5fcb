// SPDX-License-Identifier: Apache-2.0

package invalidation

import (
	"fmt"
	"strings"
)

// CloudFront's bounds (CloudFront Developer Guide, "Quotas on invalidations").
const (
	MostPaths     = 3000 // of a distribution, in progress
	MostWildcards = 15
	longestPath   = 4000
	longestTag    = 256
)

// Check tells what CloudFront refuses about a path (row F19) or a tag (row F20).
func Check(path string) error {
	if tag, ok := strings.CutPrefix(path, "#"); ok {
		switch {
		case tag == "" || len(tag) > longestTag:
			return refused(InvalidPath, "%q: a tag has 1 to %d characters", path, longestTag)
		case !visible(tag) || strings.Contains(tag, ","):
			return refused(InvalidPath, "%q: a tag has visible ASCII characters and no comma", path)
		}
		return nil
	}
	switch i := strings.IndexByte(path, '*'); {
	case !strings.HasPrefix(path, "/"):
		return refused(InvalidPath, "%q: a path begins with a slash, a tag with #", path)
	case i >= 0 && i != len(path)-1:
		return refused(InvalidPath, "%q: the star may only be the last character", path)
	case len(path) > longestPath:
		return refused(InvalidPath, "%.40q…: a path has at most %d characters", path, longestPath)
	case !visible(path):
		return refused(InvalidPath, "%q: URL-encode what is no visible ASCII character", path)
	}
	return nil
}

func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// wildcard tells whether a path counts among MostWildcards.
func wildcard(path string) bool { return strings.HasSuffix(path, "*") && !strings.HasPrefix(path, "#") }

// Reason is why a request is refused.
type Reason uint8

// The reasons.
const (
	InvalidPath    Reason = iota + 1 // a path or tag of the wrong form, or none at all
	ReferenceTaken                   // the CallerReference had other paths
	TooMany                          // more in progress than MostPaths or MostWildcards
	NotFound                         // no such invalidation
)

// String is CloudFront's name of the error.
func (r Reason) String() string {
	return [...]string{"", "InvalidArgument", "InvalidationBatchAlreadyExists", "TooManyInvalidationsInProgress", "NoSuchInvalidation"}[r%5]
}

// Error is a refusal.
type Error struct {
	Reason Reason
	Msg    string
}

func (e *Error) Error() string { return e.Msg }

func refused(r Reason, format string, args ...any) error {
	return &Error{r, fmt.Sprintf(format, args...)}
}
