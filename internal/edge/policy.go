// SPDX-License-Identifier: Apache-2.0

package edge

func (x *Exchange) applyPolicy() {}
