// SPDX-License-Identifier: Apache-2.0

package main

import "os"

// trustStores gives the files that --trust-store names, by id. They are read
// whenever a template is applied. Nil without.
func trustStores(values []string) (func(id string) ([]byte, error), error) {
	if len(values) == 0 {
		return nil, nil
	}
	files, err := pairs("trust-store", values)
	if err != nil {
		return nil, err
	}
	for _, name := range files { // a mistake is told at once
		if _, err := os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return func(id string) ([]byte, error) {
		if name := files[id]; name != "" {
			return os.ReadFile(name)
		}
		return nil, nil
	}, nil
}
