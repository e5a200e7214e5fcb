// SPDX-License-Identifier: Apache-2.0

package known

import (
	"strconv"
	"strings"
)

func (v Viewer) is(what func(device) bool) (string, bool) {
	return strconv.FormatBool(what(deviceOf(v.Request.Header.Get("User-Agent")))), true
}

// device is what a User-Agent says of the viewer's machine.
type device struct{ android, ios, tablet, tv, mobile bool }

// deviceOf guesses by the marks that the makers document: an Android phone
// says Mobile and an Android tablet does not; an iPad says iPad (unless it
// asks for the desktop's pages).
func deviceOf(agent string) device {
	a := strings.ToLower(agent)
	has := func(marks ...string) bool {
		for _, m := range marks {
			if strings.Contains(a, m) {
				return true
			}
		}
		return false
	}
	d := device{android: has("android"), ios: has("iphone", "ipad", "ipod")}
	d.tv = has("smart-tv", "smarttv", "googletv", "appletv", "hbbtv", "netcast", "web0s", "webos", "aft", "bravia", "roku", "crkey")
	d.tablet = !d.tv && (has("ipad", "tablet", "kindle", "silk/", "playbook") || d.android && !has("mobile"))
	d.mobile = !d.tv && !d.tablet && (has("mobi", "iphone", "ipod", "windows phone", "blackberry", "opera mini") || d.android)
	return d
}

func (d device) desktop() bool { return !d.mobile && !d.tablet && !d.tv }
