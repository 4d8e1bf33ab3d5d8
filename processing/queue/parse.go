package queue

import (
	"errors"
	"strings"
	"time"
)

// parser turns entries into deliveries.
type parser struct {
	c   *Consumer
	x   *consumed
	now time.Time
}

// streams reads a reply of XREADGROUP.
func (p *parser) streams(r resp, dst []Delivery) ([]Delivery, error) {
	n, err := r.array()
	for ; err == nil && n > 0; n-- {
		if k, err := r.array(); err != nil || k != 2 {
			return dst, errors.Join(err, errReply)
		}
		var key []byte
		if key, err = r.bulk(); err != nil {
			return dst, err
		}
		stream := p.stream(text(key))
		if stream < 0 {
			return dst, errReply
		}
		var entries int
		if entries, err = r.array(); err != nil {
			return dst, err
		}
		for range entries {
			if dst, err = p.entry(&r, stream, dst); err != nil {
				return dst, err
			}
		}
	}
	return dst, err
}

func (p *parser) stream(key string) int {
	for i := range p.x.streams {
		if p.x.streams[i].key == key {
			return i
		}
	}
	return -1
}

// entry reads "*2 ID *n fields".
func (p *parser) entry(r *resp, stream int, dst []Delivery) ([]Delivery, error) {
	if n, err := r.array(); err != nil || n != 2 {
		return dst, errors.Join(err, errReply)
	}
	id, err := r.bulk()
	if err != nil {
		return dst, err
	}
	fields, err := r.array()
	if err != nil {
		return dst, err
	}
	if fields < 0 { // deleted; XREADGROUP gives that of old deliveries only
		return dst, nil
	}
	d := extend(&dst)
	d.shard, d.stream, d.entry = p.x.number, stream, text(id)
	return dst, p.fields(r, fields, d)
}

// extend makes room for one more delivery.
func extend(dst *[]Delivery) *Delivery {
	if n := len(*dst); n < cap(*dst) {
		*dst = (*dst)[:n+1]
		(*dst)[n] = Delivery{}
	} else {
		*dst = append(*dst, Delivery{})
	}
	return &(*dst)[len(*dst)-1]
}

// fields reads an entry's fields into d.
func (p *parser) fields(r *resp, n int, d *Delivery) error {
	var head, payload []byte
	if n == 4 && strings.HasPrefix(text(r.b), "$1\r\nt\r\n") {
		at := *r
		at.bulk()
		h, err1 := at.bulk()
		name, err2 := at.bulk()
		body, err3 := at.bulk()
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		if text(name) == "d" {
			*r, head, payload = at, h, body
			p.task(d, text(head), payload)
			return nil
		}
	}
	list := make([]string, 0, n)
	for range n {
		b, err := r.bulk()
		if err != nil {
			return err
		}
		list = append(list, text(b))
	}
	p.foreign(d, list, "is no task: a task has the fields t and d")
	return nil
}

// task fills d from a header.
func (p *parser) task(d *Delivery, header string, payload []byte) {
	if err := parseHeader(header, d); err != nil {
		p.foreign(d, []string{"t", header, "d", text(payload)}, err.Error())
		return
	}
	s := &p.x.streams[d.stream]
	d.Queue, d.Class, d.Payload, d.Fetched = s.queue.name, s.class, payload, p.now
	set(&d.Timeout, p.c.q.o.Timeout)
	set(&d.MaxAttempts, p.c.q.o.MaxAttempts)
	if d.Enqueued.IsZero() {
		d.Enqueued = d.Ready()
	}
	if d.Late(p.now) {
		d.Refused, d.RefusedFor = Expired, "not wanted after "+d.NotAfter.UTC().Format(time.RFC3339Nano)
	}
}

// Late reports whether the task is worth nothing any more.
func (d *Delivery) Late(now time.Time) bool { return !d.NotAfter.IsZero() && now.After(d.NotAfter) }

// foreign makes d a delivery of an entry that cannot be run.
func (p *parser) foreign(d *Delivery, fields []string, why string) {
	s := &p.x.streams[d.stream]
	*d = Delivery{
		Task:    Task{Queue: s.queue.name, Class: s.class},
		Attempt: 1, Fetched: p.now, Enqueued: d.Ready(),
		Refused: Malformed, RefusedFor: "entry " + d.entry + " " + why,
		shard: d.shard, stream: d.stream, entry: d.entry, fields: fields,
	}
}
