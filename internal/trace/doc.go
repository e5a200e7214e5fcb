// SPDX-License-Identifier: Apache-2.0

// Package trace follows single requests through the node: which part of it took
// how long, as a tree of spans that has one id with what came before and after.
//
// The flow:
//
//  1. Where a request enters, Tracer.Root reads the headers that carry a trace
//     (context.go: W3C traceparent, X-Amzn-Trace-Id) and decides whether this
//     one is sampled. If not, the Span is nil, and a nil Span does nothing: an
//     unsampled request pays for the question only, without memory.
//  2. Each part of the way makes a Child, writes attributes into it, and Ends
//     it. Within the process a Span travels in a context.Context (With, From);
//     beyond it by the same headers (Context.W3C, Context.XRay).
//  3. An ended Span waits in a bounded queue (tracer.go) for the goroutine that
//     exports: Options.Export gets batches. Spans that find the queue full are
//     dropped and counted; nothing ever waits.
//
// What it does not do: it sends nothing itself (room otlp does), keeps no
// metrics and no logs, and propagates no baggage.
//
// Concurrency: a Tracer may be used by many at once. A Span belongs to one
// goroutine until End, and to the Tracer from then on; its Context and Child may
// be called by anybody at any time.
package trace
