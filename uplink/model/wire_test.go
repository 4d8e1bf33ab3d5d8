package model

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// fateKind is what happens to one request.
type fateKind int

const (
	passes      fateKind = iota
	isLost               // it never arrives; the client waits in vain
	losesAnswer          // it is done, and the client waits in vain
	isLate               // the client gives it up at once; it is done later
	isDoubled            // it is done now and again later
	isReset              // the connection breaks before it arrives
	isOnlyDone           // it is done and the connection breaks
	fateKinds
)

type fate struct {
	kind  fateKind
	delay time.Duration
}

// linkState is how the network is.
type linkState int

const (
	linkUp      linkState = iota
	linkRefused           // nobody listens
	linkSilent            // packets vanish
)

// errTimeout: no answer in time.
type errTimeout struct{}

func (errTimeout) Error() string { return "i/o timeout" }
func (errTimeout) Timeout() bool { return true }

var (
	errGone   = errors.New("the process is gone")
	errNotYet = errors.New("not durable yet")
)

const (
	ioTimeout   = 3 * time.Second
	waitTimeout = 2 * time.Second
)

// wire is the sink of one run of an agent: what lies between it and the server.
type wire struct {
	srv     *server
	maxlen  string
	latency time.Duration
	dead    chan struct{} // closed when the run is cut short
	sending func(b *uplink.Batch)

	happened func(fault)
	broken   func(what string)

	mu      sync.Mutex // guards all below
	link    linkState
	fates   []fate // of the next requests of the sender
	session int    // of the sender's connection
	opens   int    // how often the sender connected
	fenced  bool   // an append was told that another agent owns the lanes
	fence   uint64
	last    time.Time // of the sender: when it sent last …
	many    int       // … and how often at that instant
}

var (
	_ uplink.Sink    = (*wire)(nil)
	_ uplink.Prober  = (*wire)(nil)
	_ uplink.Witness = (*wire)(nil)
)

// set changes how the network is.
func (w *wire) set(link linkState, fates ...fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.link, w.fates = link, append(w.fates, fates...)
}

func (w *wire) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.link, w.fates = linkUp, nil
}

func (w *wire) next() (linkState, fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := fate{}
	if w.link == linkUp && len(w.fates) > 0 {
		f, w.fates = w.fates[0], w.fates[1:]
	}
	return w.link, f
}

// answer is a reply of the server.
type answer struct {
	text string
	err  error
}

// wait lets time pass for a client; err says that it is no more.
func (w *wire) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.dead:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

// request sends one request over the sender's connection. Whatever becomes of
// the client, a request that is under way arrives.
func (w *wire) request(ctx context.Context, do func() (string, error)) (string, error) {
	select {
	case <-w.dead:
		return "", errGone
	default:
	}
	link, f := w.next()
	if link != linkUp {
		w.happened(serverAway)
	} else if n := fateFaults[f.kind]; n != 0 {
		w.happened(n - 1)
	}
	switch {
	case link == linkRefused:
		return "", uplink.ErrUnreachable
	case link == linkSilent || f.kind == isLost:
		return "", w.giveUp(ctx)
	case f.kind == isReset:
		return "", errReset
	case f.kind == isLate:
		w.later(f.delay, do)
		return "", errReset
	}
	done := make(chan answer, 1)
	time.AfterFunc(w.latency, func() {
		text, err := do()
		done <- answer{text, err}
	})
	if f.kind == isDoubled {
		w.later(w.latency+f.delay, do)
	}
	if f.kind == losesAnswer {
		return "", w.giveUp(ctx)
	}
	select {
	case a := <-done:
		if f.kind == isOnlyDone {
			return "", errReset
		}
		return a.text, a.err
	case <-w.dead:
		return "", errGone
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (w *wire) giveUp(ctx context.Context) error {
	if err := w.wait(ctx, ioTimeout); err != nil {
		return err
	}
	return errTimeout{}
}

// script calls the script as the sink of uplink/redis does: by its name, and
// by its text when the server does not know it.
func (w *wire) script(ctx context.Context, lane frame.Lane, argv []string) (string, error) {
	w.mu.Lock()
	session := w.srv.current(w.session)
	w.session = session
	w.mu.Unlock()
	keys := []string{streamKey(lane), stateKey}
	text, err := w.request(ctx, func() (string, error) { return w.srv.eval(session, false, keys, argv) })
	if errors.Is(err, errNoScript) {
		if w.srv.wasFlushed() {
			w.happened(scriptFlushed)
		}
		text, err = w.request(ctx, func() (string, error) { return w.srv.eval(session, true, keys, argv) })
	}
	return text, classify(err)
}

// classify gives the script's errors their types.
func classify(err error) error {
	if err == nil {
		return nil
	}
	word, rest, _ := strings.Cut(err.Error(), " ")
	if word != "GAP" && word != "FENCED" {
		return err
	}
	m, perr := parseMark(rest)
	switch {
	case perr != nil:
		return perr
	case word == "GAP":
		return &uplink.GapError{Mark: m}
	}
	return &uplink.FencedError{Mark: m}
}

func parseMark(text string) (m uplink.Mark, err error) {
	if _, err = fmt.Sscanf(text, "%d;%d;%d", &m.Fence, &m.ID.Epoch, &m.ID.Seq); err != nil {
		err = fmt.Errorf("mark %q: %w", text, err)
	}
	return m, err
}

func field(l frame.Lane) string { return deviceName + "|" + l.String() }

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// Open implements uplink.Sink.
func (w *wire) Open(ctx context.Context, fence uint64, marks *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	w.stops()
	w.mu.Lock()
	w.session, w.fence = w.srv.connected(), fence
	w.opens++
	w.mu.Unlock()
	for l := range frame.Lane(frame.Lanes) {
		text, err := w.script(ctx, l, []string{field(l), number(fence), "0", "0", w.maxlen, deviceName})
		if err != nil {
			return 0, err
		}
		if marks[l], err = parseMark(text); err != nil {
			return 0, err
		}
	}
	return w.srv.kind.level(), nil
}

// stops checks that an agent that was fenced sends nothing any more.
func (w *wire) stops() {
	w.mu.Lock()
	fenced := w.fenced
	w.mu.Unlock()
	if fenced {
		w.broken("a fenced agent goes on")
	}
}

// Append implements uplink.Sink.
func (w *wire) Append(ctx context.Context, b *uplink.Batch) error {
	w.stops()
	w.sending(b)
	w.spin(b)
	_, err := w.script(ctx, b.Lane, arguments(b, w.maxlen))
	var f *uplink.FencedError
	if errors.As(err, &f) {
		w.mu.Lock()
		w.fenced = true
		w.mu.Unlock()
	}
	return err
}

// arguments are those of the script, as its head describes them.
func arguments(b *uplink.Batch, maxlen string) []string {
	argv := make([]string, 0, 6+9*len(b.Items))
	argv = append(argv, field(b.Lane), number(b.Fence), number(b.Prev.Epoch), number(b.Prev.Seq), maxlen, deviceName)
	for i := range b.Items {
		it := &b.Items[i]
		quality := it.Quality
		if it.After != 0 || it.Before != 0 {
			quality = fmt.Sprintf("%s;%d;%d", quality, it.After, it.Before)
		}
		argv = append(argv, number(it.ID.Epoch), number(it.ID.Seq), number(uint64(it.N)), strconv.FormatInt(it.T0, 10),
			strconv.FormatInt(it.T1, 10), quality, it.Boot, it.Encoding, string(it.Data))
	}
	return argv
}

// Sync implements uplink.Sink: it opens the lanes over a connection of its own
// and waits for what the server can promise.
func (w *wire) Sync(ctx context.Context, marks *[frame.Lanes]frame.ID) error {
	w.mu.Lock()
	link, fence := w.link, w.fence
	w.mu.Unlock()
	if link != linkUp {
		return uplink.ErrUnreachable
	}
	session := w.srv.connected()
	for l := range frame.Lane(frame.Lanes) {
		if err := w.wait(ctx, w.latency); err != nil {
			return err
		}
		text, err := w.srv.eval(session, true, []string{streamKey(l), stateKey},
			[]string{field(l), number(fence), "0", "0", w.maxlen, deviceName})
		if err != nil {
			return classify(err)
		}
		m, err := parseMark(text)
		if err != nil {
			return err
		}
		if m.ID.Less(marks[l]) {
			marks[l] = m.ID
		}
	}
	if w.srv.kind == oldServer {
		return nil
	}
	taken, confirm := w.srv.copied()
	if err := w.wait(ctx, min(confirm, waitTimeout)); err != nil {
		return err
	}
	if confirm > waitTimeout {
		return errNotYet
	}
	if !w.srv.safe(session, taken) {
		return errReset
	}
	return nil
}

// Reachable implements uplink.Prober.
func (w *wire) Reachable(context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.link == linkUp
}

// LastSeen implements uplink.Witness.
func (w *wire) LastSeen(ctx context.Context, lane frame.Lane, mark frame.ID) (seen uplink.Seen, ok bool, err error) {
	if link, _ := w.next(); link != linkUp {
		return seen, false, errReset
	}
	select {
	case <-w.dead:
		return seen, false, errGone
	default:
	}
	list := w.srv.stream(lane)
	for i := len(list) - 1; i >= max(0, len(list)-100); i-- {
		r, err := parseEntry(list[i])
		if err == nil && r.ID == mark {
			return uplink.Seen{Stamp: r.T1, Dated: r.Quality != frame.Unset.String(), Boot: r.Boot}, true, nil
		}
	}
	if mark != (frame.ID{}) && w.srv.mark(lane) != mark {
		return seen, false, errForgot
	}
	return seen, false, nil
}

var errForgot = errors.New("the server forgot a mark that it told a moment ago")

// spin ends a history in which an uplink sends without end and no time passes.
func (w *wire) spin(b *uplink.Batch) {
	if now := time.Now(); now != w.last {
		w.last, w.many = now, 0
	}
	if w.many++; w.many > 1000 {
		panic(fmt.Sprintf("the uplink spins: lane %v prev %v items %v..%v", b.Lane, b.Prev, b.Items[0].ID, b.Items[len(b.Items)-1].ID))
	}
}
