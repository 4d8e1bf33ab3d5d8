package powercut

import (
	"fmt"
	"math/rand/v2"
)

// manner says which of the writes after the last flush reached the medium.
type manner uint8

const (
	none        manner = iota // none of them
	all                       // all of them
	torn                      // all, but the last one only in part: so many sectors
	some                      // any of them, as a cache may reorder
	someBlocks                // any blocks of 4 KiB of them
	someSectors               // any sectors of 512 bytes of them
	latest                    // all but the first few
	manners
)

func (m manner) String() string {
	return [...]string{"none", "all", "torn", "some", "blocks", "sectors", "latest"}[m]
}

const (
	sector = 512
	block  = 4096
)

// cut is a place of a recording and what the disk kept: entries before At
// happened, and what the flushes among them did not make durable was kept by
// Manner, with the dice of Seed.
type cut struct {
	At     int
	Manner manner
	Seed   uint64
}

func (c cut) String() string { return fmt.Sprintf("%d/%s/%d", c.At, c.Manner, c.Seed) }

// cuts lists cuts in order: one right after every flush, and before each flush
// some more at any place since the one before it, in any manner.
func (r *recording) cuts(dice *rand.Rand, more int) (list []cut) {
	last := 0
	for i := range r.Entries {
		if r.Entries[i].Kind != flush && i < len(r.Entries)-1 {
			continue
		}
		first := len(list)
		for range more {
			at := last + dice.IntN(i-last+1)
			list = append(list, cut{at, manner(1 + dice.IntN(int(manners)-1)), dice.Uint64()})
			for j := len(list) - 1; j > first && list[j].At < list[j-1].At; j-- {
				list[j], list[j-1] = list[j-1], list[j]
			}
		}
		list = append(list, cut{At: i + 1})
		last = i + 1
	}
	return list
}

// player goes through a recording once and makes the images of rising cuts.
type player struct {
	r       *recording
	durable []byte // what is on the medium for certain
	next    int    // first entry not looked at
	cached  []int  // writes since the last flush
	lying   bool   // the disk ignores flushes: a control of the tests
}

func newPlayer(r *recording) *player {
	return &player{r: r, durable: append([]byte(nil), r.Base...)}
}

// image writes to dst what the disk holds after c.
func (p *player) image(dst []byte, c cut) {
	for ; p.next < c.At; p.next++ {
		switch e := &p.r.Entries[p.next]; {
		case e.Kind == write:
			p.cached = append(p.cached, p.next)
		case e.Kind == flush && !p.lying:
			for _, i := range p.cached {
				copy(p.durable[p.r.Entries[i].At:], p.r.Entries[i].Data)
			}
			p.cached = p.cached[:0]
		}
	}
	copy(dst, p.durable)
	dice := rand.New(rand.NewPCG(c.Seed, 0))
	first := dice.IntN(len(p.cached)/2 + 1)
	for n, i := range p.cached {
		e := &p.r.Entries[i]
		switch c.Manner {
		case none:
		case torn:
			keep := len(e.Data)
			if n == len(p.cached)-1 {
				keep = sector * dice.IntN(len(e.Data)/sector+1)
			}
			copy(dst[e.At:], e.Data[:keep])
		case some:
			scatter(dst, e, len(e.Data), dice)
		case someBlocks:
			scatter(dst, e, block, dice)
		case someSectors:
			scatter(dst, e, sector, dice)
		case latest:
			if n >= first {
				copy(dst[e.At:], e.Data)
			}
		default:
			copy(dst[e.At:], e.Data)
		}
	}
}

// scatter writes each piece of a write or leaves it.
func scatter(dst []byte, e *entry, piece int, dice *rand.Rand) {
	for at := 0; at < len(e.Data); at += piece {
		if dice.IntN(2) == 0 {
			copy(dst[e.At+int64(at):], e.Data[at:min(at+piece, len(e.Data))])
		}
	}
}
