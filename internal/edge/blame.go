// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"net/http"

	"github.com/forelane/forelane/internal/record"
)

// viewersFault is the status of what failed with err because the body of the
// viewer's request could not be read: it was malformed, or did not arrive in
// time. The engine's error says so. 0: it was not that.
func (x *Exchange) viewersFault(err error) int {
	var body interface{ HTTPStatus() int }
	if !errors.As(err, &body) {
		return 0
	}
	switch s := body.HTTPStatus(); s {
	case http.StatusBadRequest, http.StatusRequestTimeout:
		x.rec.Result.Detail, x.rec.Result.End = record.InvalidRequest, record.EndProtocol
		return s
	}
	return 0
}
