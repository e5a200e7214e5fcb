// SPDX-License-Identifier: Apache-2.0

// Package logs brings lines and records to where templates want them.
//
// The flow: (1) Access has a file for each log group, delivery stream or bucket
// that a stage or a web ACL names, and takes lines; (2) Edge.Of gives what takes
// the records of a stack's distributions: gzip or Parquet files, which come into
// a bucket when they are whole, or lines; (3) Edge.OfBehavior gives what takes a
// behavior's real-time records: a file, and Kinesis; (4) files outlive revisions
// that ask for the same, rotate, and are let go by Reopen; (5) Close writes and
// delivers what is left.
//
// What it does not do: it decides nothing about a request, and formats no line
// but through package record; the node's own access log is not here. What cannot
// be written is counted and told, and no request waits for a disk.
//
// Concurrency: Access and Edge may be used by many at once.
package logs
