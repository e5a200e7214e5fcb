// SPDX-License-Identifier: Apache-2.0

// Package pattern matches names: path patterns of behaviors (Path), host
// names with wildcards (Hosts), and route keys of APIs.
//
// The flow: a pattern is compiled once, when a stack is built, and errors say
// what the service would refuse; a request then matches compiled patterns
// without allocating. Path patterns have no precedence of their own (the
// order of the list decides); hosts and routes have, and their tables say it.
//
// What it does not do: it decodes nothing (paths are compared as sent), and
// it knows no behavior, distribution or route beyond their patterns. What is
// compiled is read-only and may be shared.
package pattern
