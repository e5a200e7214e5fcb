// SPDX-License-Identifier: Apache-2.0

package account

import (
	"slices"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// WishFill holds unless the answer turns out not to be stored.
const WishFill = "somebody had asked for the same key before: the first request fills it, if its answer may be stored"

// WishStorable replaces WishFill where the answer is not stored, or asked about
// each time.
func WishStorable(r httpspec.Reason) string {
	switch r {
	case httpspec.ReasonNoStore, httpspec.ReasonPrivate, httpspec.ReasonNoCache:
		return "the origin did not send no-store, private or no-cache, or MinTTL were above 0"
	case httpspec.ReasonErrorNot:
		return "the status were one that is cached, or had a max-age"
	case httpspec.ReasonAuthorized:
		return "the origin said that the answer is for all: public or s-maxage"
	default:
		return "the answer had a lifetime: max-age or s-maxage of the origin, MinTTL or DefaultTTL of the policy"
	}
}

// sentence is why, and what would have made it a hit.
type sentence struct {
	why    string
	wishes []string
}

var sentences = [...]sentence{
	record.ReasonAbsent:               {why: "nothing was stored under this key", wishes: []string{WishFill}},
	record.ReasonInvalidated:          {why: "nothing was stored under this key", wishes: []string{WishFill}},
	record.ReasonVariant:              {why: "answers were stored under this key, but none for these headers of the origin's Vary", wishes: []string{"the headers that Vary names had been those of a stored answer"}},
	record.ReasonExpired:              {why: "what was stored was over its time: the origin was asked", wishes: []string{"it had been asked for earlier, or stored for longer: max-age or s-maxage of the origin, MinTTL or DefaultTTL of the policy"}},
	record.ReasonMustRevalidate:       {why: "it is kept, and the origin is asked about it each time", wishes: []string{"the origin did not send no-cache, or MinTTL were above 0"}},
	record.ReasonUnsure:               {why: "the node may have missed an invalidation, and asked the origin to be sure", wishes: []string{"the node had not lost the others"}},
	record.ReasonWhileRevalidate:      {why: "it was over its time, and stale-while-revalidate let it be served while it was refreshed"},
	record.ReasonIfError:              {why: "the origin failed, and stale-if-error let the expired answer stand in"},
	record.ReasonOriginDown:           {why: "the origin failed, and the expired answer stood in (rows F8, F9)"},
	record.ReasonMethod:               {why: "answers to this method are not cached by the behavior", wishes: []string{"the method were GET or HEAD (or OPTIONS, when CachedMethods has it)"}},
	record.ReasonDisabled:             {why: "the cache policy has MinTTL, DefaultTTL and MaxTTL 0", wishes: []string{"the behavior had a cache policy with a MaxTTL above 0"}},
	record.ReasonAllHeaders:           {why: "the legacy setting Headers: ['*'] forwards all and caches nothing", wishes: []string{"the behavior listed the headers that matter instead of '*'"}},
	record.ReasonUpgrade:              {why: "a WebSocket or a gRPC call never comes from the cache"},
	record.ReasonRange:                {why: "what was stored lacked the part that was asked for", wishes: []string{"the whole had been stored, or this part"}},
	record.ReasonPart:                 {why: "what was stored lacked the part that was asked for", wishes: []string{"the whole had been stored, or this part"}},
	record.ReasonCollapsed:            {why: "another request for the key was on its way to the origin: its answer served this one, too"},
	record.ReasonNotShared:            {why: "answers for this key were not to be shared: it went to the origin by itself", wishes: []string{"the origin's answer could be stored"}},
	record.ReasonGenerated:            {why: "a function answered"},
	record.ReasonVaryStar:             {why: "the origin's Vary names what the edge cannot tell apart: asked for each time", wishes: []string{"the origin did not send Vary: *"}},
	record.ReasonErrorCached:          {why: "an error of the origin was stored"},
	record.ReasonCachedByStaleRefresh: {why: "a background refresh had renewed it"},
	record.ReasonIdentity:             {why: "the answer was decided by an identity that the key lacks: neither stored nor shared", wishes: []string{"the key had what the API decides by (Authorization in the cache policy)"}},
	record.ReasonLeakSetCookie:        {why: "the leak guard did not store it: it sets a cookie", wishes: []string{`the origin sent Cache-Control: no-cache="Set-Cookie", or none`}},
	record.ReasonLeakAuthorization:    {why: "the leak guard did not store it: it was made for an Authorization that the key lacks", wishes: []string{"the cache policy had Authorization"}},
	record.ReasonLeakCookie:           {why: "the leak guard did not store it: it was made for cookies that the key lacks", wishes: []string{"the cache policy had these cookies, or the origin did not see them"}},
	record.ReasonLeakPrivate:          {why: "the leak guard did not store it: it is private or not to be stored, under a MinTTL above 0", wishes: []string{"the origin's Cache-Control allowed it"}},
}

// Why are the sentence of a reason, and the wishes. served tells whether the cache
// answered.
func Why(r record.CacheReason, served bool) (why string, wishes []string) {
	switch {
	case r == record.ReasonNone && served:
		return "an answer was stored and fresh", nil
	case r == record.ReasonNone:
		return "the origin was asked", nil
	case int(r) >= len(sentences) || sentences[r].why == "":
		return r.String(), nil
	}
	return sentences[r].why, slices.Clone(sentences[r].wishes)
}
