// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"io"
	"log"
)

// silent takes what net/http logs of streams that were reset.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
