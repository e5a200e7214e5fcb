// SPDX-License-Identifier: Apache-2.0

// Package mux is what HTTP/2 and HTTP/3 have in common, the protocols that
// send many messages at once as binary fields: rooms h2 and h3 differ in
// frames and in the coding of field blocks, and in nothing that is here.
//
// The flow: (1) an engine decodes a block (integers and Huffman texts by this
// package) and gives each Field, with its Kind, to a Head; (2) Head.Finish
// judges the whole and completes the httpmsg.Request; (3) what costs work and
// brings nobody an answer is paid for from a Bucket.
//
// What it does not do: it reads no frame and keeps no connection.
//
// Concurrency: a Head and a Bucket belong to one goroutine, or to the lock of
// their connection; everything else is a pure function.
package mux
