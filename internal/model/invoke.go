// SPDX-License-Identifier: Apache-2.0

package model

import "io"

// Invocation asks a function for one answer.
type Invocation struct {
	// Function is a name or ARN, qualifier included.
	Function string
	Payload  []byte
	// Async asks for an Event invocation: queued, answered at once.
	Async bool
	// Stream says that the caller can pass a streamed answer on; without it
	// a streamed answer is collected first (6 MB at most).
	Stream bool
	// TraceID is the X-Ray header; empty: none.
	TraceID string
	// LogTail asks for the last 4 KB of the log.
	LogTail bool
}

// InvocationResult is a function's answer.
type InvocationResult struct {
	RequestID string
	// Error is the X-Amz-Function-Error: "" or "Unhandled".
	Error string
	// Payload is the whole answer, or the error object when Error is set.
	Payload []byte
	// Head and Body are set instead of Payload when the function streams an
	// HTTP answer: Head is the metadata JSON (may be empty), Body what follows.
	Head    []byte
	Body    io.ReadCloser
	Version string // executed version
	LogTail []byte
}

// InvokeFault is why a function could not be asked at all.
type InvokeFault uint8

// The faults. A function that ran and failed is no fault: see InvocationResult.Error.
const (
	FaultNotFound  InvokeFault = iota // no such function or qualifier: 404
	FaultThrottled                    // no concurrency left: 429
	FaultTooLarge                     // payload above 6 MB: 413
	FaultBroken                       // the function cannot be started here: 502
)

// String is the exception name of the Lambda API.
func (f InvokeFault) String() string {
	return [...]string{"ResourceNotFoundException", "TooManyRequestsException", "RequestTooLargeException", "InvalidRuntimeException"}[f&3]
}

// InvokeError is the error of an invocation that did not happen.
type InvokeError struct {
	Fault InvokeFault
	Msg   string
}

// Error is the exception name and the words.
func (e *InvokeError) Error() string { return e.Fault.String() + ": " + e.Msg }
