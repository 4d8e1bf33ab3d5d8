package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
)

// settings are what tests vary; zero values are telhub's own defaults, but for
// times that would only make the tests slow.
type settings struct {
	redis    string // URL
	encoding string
	flush    string
	frame    int
	backfill string
	maxLoss  string
	breaker  string // lines of [uplink.breaker]
	listen   string
	rest     string // sensors that are not feeders
}

// config writes a whole configuration.
func (n *node) config(s settings, feeders ...*feeder) string {
	set := func(v *string, def string) {
		if *v == "" {
			*v = def
		}
	}
	set(&s.encoding, "senml")
	set(&s.flush, "1s")
	set(&s.backfill, "0")
	set(&s.maxLoss, "5s")
	set(&s.listen, "unix:"+n.sock)
	if s.frame == 0 {
		s.frame = 256
	}
	var b strings.Builder
	fmt.Fprintf(&b, `device = %q
[uplink]
encoding = %q
flush = %q
frame = %d
backfill_rate = %q
[uplink.breaker]
%s
[redis]
url = %q
[spool]
path = %q
max_loss = %q
[http]
listen = %q
`, device, s.encoding, s.flush, s.frame, s.backfill, s.breaker, s.redis, n.spool(), s.maxLoss, s.listen)
	for _, f := range feeders {
		b.WriteString(f.config())
	}
	b.WriteString(s.rest)
	return b.String()
}

// summary is the last line of a run in order.
type summary struct {
	Message   string `json:"message"`
	Carried   int64  `json:"carried"`
	Received  int64  `json:"received"`
	Derived   int64  `json:"derived"`
	Delivered int64  `json:"delivered"`
	Stored    int64  `json:"stored"`
	Lost      int64  `json:"declared_lost"`
	Withheld  int64  `json:"withheld"`
}

// summaries returns those of all runs so far and checks that each adds up.
func (n *node) summaries() (all []summary) {
	n.t.Helper()
	for sc := bufio.NewScanner(strings.NewReader(n.log.String())); sc.Scan(); {
		var s summary
		if json.Unmarshal(sc.Bytes(), &s) != nil || s.Message != "ended" {
			continue
		}
		if s.Carried+s.Received+s.Derived != s.Delivered+s.Stored+s.Lost+s.Withheld {
			n.t.Errorf("summary does not add up: %s", sc.Text())
		}
		all = append(all, s)
	}
	return all
}
