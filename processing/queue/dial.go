package queue

import "github.com/redis/go-redis/v9"

// Dial returns a client that connects as a Queue of these options does, for
// what else its program does on the same server. It repeats nothing by itself,
// and connects when it is first used. The caller closes it.
func Dial(o Options) (redis.UniversalClient, error) {
	o.fill()
	u, err := o.check()
	if err != nil {
		return nil, err
	}
	c := &connector{o: o, u: u}
	return c.client(), nil
}
