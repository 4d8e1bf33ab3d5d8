package profile

import "math/bits"

// Evidence says how much a device has shown that satisfies the profile's
// identity, in bits: of an unrelated device that answers at random one in
// 2^Evidence does, too. 0 when there is no identity.
func (p *Program) Evidence() (n int) {
	for i := range p.identify {
		o := &p.identify[i]
		if o.kind != opCheck {
			continue
		}
		n += o.check.evidence()
		switch size := o.crc.size(); {
		case o.perWord && o.n > 0:
			n += 8 * size * int(o.n) / (wordBytes + size)
		default:
			n += 8 * size
		}
	}
	for i := range p.modbus.identify {
		n += p.modbus.identify[i].check.evidence()
	}
	return n
}

// evidence counts the compared bits. That a value is not another one says
// next to nothing.
func (c *check) evidence() int {
	if len(c.values) == 0 || c.differs {
		return 0
	}
	return max(0, bits.OnesCount64(c.field.mask&c.field.ones())-bits.Len(uint(len(c.values)-1)))
}

// IdentityWrites is how many bytes the longest write of Identify has. One is
// the number of a register; more are a command, which another chip at the same
// address may take for something else.
func (p *Program) IdentityWrites() (n int) {
	for _, ops := range [][]op{p.wake, p.identify} {
		for i := range ops {
			n = max(n, len(ops[i].w))
		}
	}
	return n
}
