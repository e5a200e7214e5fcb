// SPDX-License-Identifier: Apache-2.0

package metrics

// Classes is how many classes of statuses there are.
const Classes = 6

var classNames = [Classes]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Class is the class of an HTTP status, as a number below Classes; 0 is for
// what is no status: nothing was answered.
func Class(status int) int {
	if c := status / 100; c > 0 && c < Classes {
		return c
	}
	return 0
}

// ClassName is the value of a label for a class.
func ClassName(class int) string { return classNames[class] }

// ByClass are counters of one name by class. Make them with a Registry.
type ByClass [Classes]*Counter

// ByClass is Counter for each class, in a label of that name beside the others.
func (r *Registry) ByClass(name, help string, labels ...Label) *ByClass {
	var b ByClass
	for i := range b {
		b[i] = r.Counter(name, help, append([]Label{{"class", ClassName(i)}}, labels...)...)
	}
	return &b
}

// Count counts a status.
func (b *ByClass) Count(status int) { b[Class(status)].Inc() }
