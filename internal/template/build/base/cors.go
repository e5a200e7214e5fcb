// SPDX-License-Identifier: Apache-2.0

package base

import "github.com/forelane/forelane/internal/model"

// CORS reads the cross-origin settings of an HTTP API or a function URL; nil
// when there are none. OpenAPI writes the same keys with a small first letter.
func CORS(v Value) *model.APICORS {
	if !v.Exists() {
		return nil
	}
	get := func(a, b string) Value {
		if v.Get(a).Exists() {
			return v.Get(a)
		}
		return v.Get(b)
	}
	return &model.APICORS{
		AllowCredentials: get("AllowCredentials", "allowCredentials").Bool(),
		AllowHeaders:     get("AllowHeaders", "allowHeaders").Texts(),
		AllowMethods:     get("AllowMethods", "allowMethods").Texts(),
		AllowOrigins:     get("AllowOrigins", "allowOrigins").Texts(),
		ExposeHeaders:    get("ExposeHeaders", "exposeHeaders").Texts(),
		MaxAge:           get("MaxAge", "maxAge").IntPtr(),
	}
}
