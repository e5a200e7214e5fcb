// SPDX-License-Identifier: Apache-2.0

package disk

func victim(dir string) {}
