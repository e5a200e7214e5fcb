// SPDX-License-Identifier: Apache-2.0

package h3

// What costs work and brings nobody an answer is paid for from token buckets,
// as in room h2: frames of the control stream, instructions of the QPACK
// streams, unknown frames and streams from one; streams that end before their
// answer from another, which a finished answer fills. A viewer whose bucket is
// empty is told H3_EXCESSIVE_LOAD. Connections that begin are paid for from a
// third one, of the listener: when it is empty, newcomers prove their address.
const (
	controlBurst = 1024
	controlRate  = 64 // a second
	resetBurst   = 256
	resetRate    = 32

	newcomerBurst = 512
	newcomerRate  = 128

	mostControl = 16 << 10 // bytes of one frame of the control stream
	mostSkipped = 64 << 10 // bytes of unknown frames of one request
)

// payControl takes a token for something that is no request.
func (c *conn) payControl() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.control.Take(now()) {
		return connFault(ExcessiveLoad, "too many frames that ask for nothing")
	}
	return nil
}

// payReset takes a token for a stream that ended before its answer.
func (c *conn) payReset() {
	c.mu.Lock()
	ok := c.resets.Take(now())
	c.mu.Unlock()
	if !ok {
		c.fail(connFault(ExcessiveLoad, "too many streams reset"))
	}
}
