// SPDX-License-Identifier: Apache-2.0

package h1

// Vector is a vector for the tests from outside.
type Vector struct {
	Name, In string
	Want     []string // see vector
}

// Vectors are all of them.
func Vectors() []Vector {
	all := make([]Vector, len(vectors))
	for i, v := range vectors {
		all[i] = Vector{v.name, v.in, v.want}
	}
	return all
}
