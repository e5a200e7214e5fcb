// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"io"
)

// cancelBody frees the completion timer when the body is closed.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
