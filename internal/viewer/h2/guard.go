// SPDX-License-Identifier: Apache-2.0

package h2

// Frames that cost us work and bring nobody an answer are paid for from two
// buckets of tokens. Resets have their own: a stream opened and reset at once
// (rapid reset, CVE-2023-44487) costs a whole request, and so does a stream
// that we are made to reset by an error in it (CVE-2025-8671). All others
// (PING, SETTINGS, PRIORITY, PRIORITY_UPDATE, WINDOW_UPDATE, empty DATA and
// unknown frames) share one. Work that is done fills them: a DATA frame earns
// the WINDOW_UPDATEs that it causes, a finished answer the right to one reset.
// A viewer whose bucket is empty is told ENHANCE_YOUR_CALM, and Options.Flood
// its address. A reset does not end the work for its request at once: while a
// quarter of the streams that a viewer may have is such work, new streams are
// refused.
const (
	controlBurst  = 2048
	controlRate   = 256 // a second
	resetBurst    = 256
	resetRate     = 32
	earnedByData  = 2
	earnedByReply = 4

	maxContinuations = 16
)
