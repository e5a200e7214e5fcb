// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math/big"
	"net/netip"

	"github.com/forelane/forelane/internal/template/tree"
)

// cidr evaluates Fn::Cidr: [ipBlock, count, cidrBits]. cidrBits is the number
// of host bits of each subnet (8 makes a /24 in IPv4); without it, 8 in IPv4
// and 64 in IPv6.
func (e *evaluator) cidr(n, arg *tree.Node) (*tree.Node, bool) {
	a, ok := e.args(n, arg, 2, 3, "Fn::Cidr: [ipBlock, count, cidrBits]")
	if !ok {
		return nil, false
	}
	block, ok := e.scalarArg(a[0], "the block of Fn::Cidr")
	if !ok {
		return nil, false
	}
	prefix, err := netip.ParsePrefix(block)
	if err != nil {
		e.fail(n, "give a block such as 10.0.0.0/16", "%q is no CIDR block", e.sc.mask(block))
		return nil, false
	}
	count, ok := e.cidrNumber(n, a[1], "the count of Fn::Cidr", 1, 256)
	if !ok {
		return nil, false
	}
	bits := 8
	if prefix.Addr().Is6() {
		bits = 64
	}
	if len(a) == 3 {
		if bits, ok = e.cidrNumber(n, a[2], "the cidrBits of Fn::Cidr", 1, 128); !ok {
			return nil, false
		}
	}
	return e.subnets(n, prefix.Masked(), count, bits)
}

func (e *evaluator) cidrNumber(n, arg *tree.Node, what string, lo, hi int) (int, bool) {
	s, ok := e.scalarArg(arg, what)
	if !ok {
		return 0, false
	}
	i, ok := wholeNumber(s)
	if !ok || i < lo || i > hi {
		e.fail(n, "", "%s must be a number from %d to %d", what, lo, hi)
		return 0, false
	}
	return i, true
}

func (e *evaluator) subnets(n *tree.Node, block netip.Prefix, count, bits int) (*tree.Node, bool) {
	all := block.Addr().BitLen()
	length := all - bits
	if length < block.Bits() || (length-block.Bits() < 9 && count > 1<<(length-block.Bits())) {
		e.fail(n, "use a larger block, fewer subnets or a smaller cidrBits",
			"%s has no room for %d subnets of %d host bits", block, count, bits)
		return nil, false
	}
	out := &tree.Node{Kind: tree.List, Pos: n.Pos}
	addr := new(big.Int).SetBytes(block.Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	for range count {
		raw := addr.FillBytes(make([]byte, all/8))
		ip, _ := netip.AddrFromSlice(raw) // 4 or 16 bytes by construction
		out.Items = append(out.Items, &tree.Node{Kind: tree.String, Text: netip.PrefixFrom(ip, length).String(), Pos: n.Pos})
		addr.Add(addr, step)
	}
	return out, e.spend(n, count, 20*count)
}
