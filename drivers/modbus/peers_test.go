package modbus_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/modbus"
	"github.com/telhub/telhub/drivers/sim"
)

// slow is a timeout that a slave on a loaded machine meets.
const slow = 800 * time.Millisecond

// Real slaves behind a cable that does everything to answers that cables,
// adapters and gateways do: no value is ever wrong, and what was wrong is told.
func TestRealSlavesOverASerialLine(t *testing.T) {
	if testing.Short() {
		t.Skip("the peers are programs for this machine, which an emulated test cannot start")
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			c := plug(t, p, slow)
			list := sensors(t, c.link, false, 1)
			settle(t, list[:]...)
			for _, test := range []struct {
				name  string
				fault sim.AnswerFault
				kinds []error // that may come; none: every reading is right
			}{
				{"all is well", sim.AnswerFault{}, nil},
				{"echo", sim.AnswerFault{Kind: sim.AnswerEchoed}, nil},
				{"late, but in time", sim.AnswerFault{Kind: sim.AnswerLate, Delay: 100 * time.Millisecond}, nil},
				{"too late", sim.AnswerFault{Kind: sim.AnswerLate, Delay: slow + 300*time.Millisecond}, []error{drivers.ErrTimeout}},
				{"much too late", sim.AnswerFault{Kind: sim.AnswerLate, Delay: slow * 11 / 4}, []error{drivers.ErrTimeout}},
				{"cut off", sim.AnswerFault{Kind: sim.AnswerCut}, []error{drivers.ErrShort}},
				{"a short pause within", sim.AnswerFault{Kind: sim.AnswerTorn, Delay: 30 * time.Millisecond}, nil},
				{"a long pause within", sim.AnswerFault{Kind: sim.AnswerTorn, Delay: slow * 5 / 8}, []error{drivers.ErrShort, drivers.ErrCRC}},
				{"a bit flipped", sim.AnswerFault{Kind: sim.AnswerFlipped}, []error{drivers.ErrCRC, drivers.ErrShort}},
				{"another unit's answer before it", sim.AnswerFault{Kind: sim.AnswerStranger}, nil},
				{"twice", sim.AnswerFault{Kind: sim.AnswerTwice}, nil},
				{"silence", sim.AnswerFault{Kind: sim.AnswerNone}, []error{drivers.ErrTimeout}},
			} {
				c.Inject(test.fault)
				for range 2 {
					for _, s := range list {
						_ = s.read(t)
					}
				}
				expect(t, test.name, test.kinds, list[:])
				c.Inject(sim.AnswerFault{})
				settle(t, list[:]...)
			}
		})
	}
}

// expect checks the kinds of error that were counted.
func expect(t *testing.T, name string, kinds []error, list []*sensor) {
	t.Helper()
	seen := map[error]int{}
	for _, s := range list {
		for kind, n := range s.kinds {
			seen[kind] += n
		}
	}
	if len(kinds) == 0 {
		good, failed := 0, 0
		for _, s := range list {
			good, failed = good+s.good, failed+s.kinds[drivers.ErrTimeout]+s.kinds[drivers.ErrShort]
			delete(s.kinds, drivers.ErrTimeout)
			delete(s.kinds, drivers.ErrShort)
			if len(s.kinds) > 0 {
				t.Errorf("%s: %s: %v, want every reading to succeed", name, s, s.kinds)
			}
		}
		if failed > good { // on a machine with more to do than this, processes stand still for longer than a timeout
			t.Errorf("%s: %d readings and %d failures, want every reading to succeed", name, good, failed)
		}
	}
	if len(kinds) > 0 && seen[kinds[0]] == 0 {
		t.Errorf("%s: %v, want some %q", name, seen, kinds[0])
	}
	for _, kind := range kinds {
		delete(seen, kind)
	}
	if len(kinds) > 0 && len(seen) > 0 {
		t.Errorf("%s: %v besides %v", name, seen, kinds)
	}
}

// Faults in a random order, each for a single answer.
func TestRealSlavesThroughAnyMixOfFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("the peers are programs for this machine, which an emulated test cannot start")
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			const timeout = 200 * time.Millisecond
			c := plug(t, p, timeout)
			other := uint8(1)
			if p.name == "pymodbus" {
				other = 2
			}
			list := sensors(t, c.link, false, other)
			settle(t, list[:]...)
			rng := rand.New(rand.NewPCG(5, 6))
			kinds := map[error]int{}
			for range 60 {
				if rng.IntN(2) == 0 {
					c.Inject(sim.AnswerFault{
						Kind:  sim.AnswerEchoed + sim.AnswerFaultKind(rng.IntN(int(sim.AnswerNone))),
						Delay: time.Duration(rng.IntN(int(timeout * 11 / 4))), Times: 1 + rng.IntN(3),
					})
				}
				_ = list[rng.IntN(len(list))].read(t)
			}
			good := 0
			for _, s := range list {
				good += s.good
				for kind, n := range s.kinds {
					kinds[kind] += n
				}
			}
			if good < 10 || kinds[drivers.ErrTimeout] == 0 || c.Hit() < 20 {
				t.Errorf("%d good readings, errors %v, %d answers hit: this shows little", good, kinds, c.Hit())
			}
		})
	}
}

// A unit that is not there, a register that is not there, and one request too many.
func TestWhatRealSlavesRefuse(t *testing.T) {
	if testing.Short() {
		t.Skip("the peers are programs for this machine, which an emulated test cannot start")
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			c := plug(t, p, slow)
			for _, test := range []struct {
				unit uint8
				text string
				want error
				says string
			}{
				{1, `out.x = { holding = 199, type = "u16" }`, nil, ""},
				{1, `out.x = { holding = 200, type = "u16" }`, drivers.ErrInvalid, "holding register 200: exception 2, illegal data address"},
				{9, `out.x = { holding = 1, type = "u16" }`, drivers.ErrTimeout, "unit 9: holding register 1: bus x: no answer"},
			} {
				d, err := modbus.New(c.link, program(t, test.text), modbus.Opts{Unit: test.unit})
				if err != nil {
					t.Fatal(err)
				}
				if _, err = d.Read(new(drivers.Reading)); !errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: got %v, want %v", test.text, err, test.want)
				}
			}
		})
	}
}

// The same slaves over Modbus TCP.
func TestRealSlavesOverTCP(t *testing.T) {
	if testing.Short() {
		t.Skip("the peers are programs for this machine, which an emulated test cannot start")
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			port, l := dial(t, p)
			list := sensors(t, l, true, 3)
			for range 20 {
				for _, s := range list {
					if err := s.read(t); err != nil {
						t.Errorf("%s: %v", s, err)
					}
				}
			}
			if err := port.Reopen(); err != nil { // as after a cable was pulled
				t.Fatal(err)
			}
			for _, s := range list {
				if err := s.read(t); err != nil {
					t.Errorf("%s after a new connection: %v", s, err)
				}
			}
			// The frames of a serial line on a connection that wants the others.
			wrong := sensors(t, l, false, 3)
			err := wrong[0].read(t)
			if err == nil {
				t.Error("an RTU frame was answered by a TCP server")
			}
			t.Logf("RTU frames to this server: %v", err)
		})
	}
}
