package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// Right is a command that a user of the server needs, and whether it may.
type Right struct {
	Command string // "xadd telhub:{0}:live"
	For     string // "" = the agent; else the subcommand that needs it
	Missing bool   // the server's access rules refuse it
	Err     error  // why it would not work, Missing or not; nil: it would
	Rule    string // what grants it: "+xadd"
}

// rehearsal does what the append script does, in a way that cannot succeed and
// therefore changes nothing: HSET with an odd number of arguments and XADD with
// an ID that no entry can have. The server checks the user's rights, its memory
// and its role before it looks at either. ACL DRYRUN would need an
// administrator's right, and says nothing of the rest.
const rehearsal = `
local function try(...)
  local r = redis.pcall(...)
  if type(r) == 'table' and r['err'] then return r['err'] end
  return ''
end
return {try('HGET', KEYS[2], ARGV[1]), try('HSET', KEYS[2], ARGV[1], '', ''), try('XADD', KEYS[1], '0-0', 'dev', '')}`

// refused reports whether err says that a user may not do something.
func refused(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "NOPERM") || strings.Contains(text, "can't run this command") ||
		strings.Contains(text, "can't access at least one of the keys")
}

// rehearse finds out what the user may do.
func (x *Examination) rehearse(ctx context.Context, s *Sink, c redis.UniversalClient) {
	add := func(command, rule, who string, err error) {
		if err != nil && absent(err) {
			err = nil
		}
		x.Rights = append(x.Rights, Right{Command: command, For: who, Missing: refused(err), Err: s.classify(err), Rule: rule})
	}
	x.rehearseScript(ctx, s, c, add)
	// The hash of no script: NOSCRIPT shows that it may be asked for.
	err := c.EvalSha(ctx, strings.Repeat("f", 40), []string{s.keys.state}).Err()
	if isNoScript(err) {
		err = nil
	}
	add("evalsha", "+evalsha", "", err)
	node, err := s.node(ctx, c)
	if err != nil {
		return
	}
	add("info", "+info", "", node.Info(ctx, "persistence").Err())
	add("command info", "+command|info", "", node.Do(ctx, "COMMAND", "INFO", "WAITAOF").Err())
	add("wait", "+wait", "", node.Do(ctx, "WAIT", 0, 1).Err())
	if knowsWaitAOF(ctx, node) {
		add("waitaof", "+waitaof", "", node.Do(ctx, "WAITAOF", 0, 0, 1).Err())
	}
	if s.o.Server.Topology == Cluster {
		add("cluster slots", "+cluster|slots", "", node.Do(ctx, "CLUSTER", "SLOTS").Err())
	}
	stream := s.keys.stream[frame.Live]
	add("xrevrange", "+xrevrange", "telhub tail and audit", c.XRevRangeN(ctx, stream, "+", "-", 1).Err())
	add("xread", "+xread", "telhub tail and audit", c.XRead(ctx, &redis.XReadArgs{Streams: []string{stream, "$"}, Count: 1, Block: -1}).Err())
}

// rehearseScript tries what the script does on each lane's keys.
func (x *Examination) rehearseScript(ctx context.Context, s *Sink, c redis.UniversalClient, add func(command, rule, who string, err error)) {
	for i := range frame.Lanes {
		keys := []string{s.keys.stream[i], s.keys.state}
		got, err := c.Eval(ctx, rehearsal, keys, s.keys.field[i]).StringSlice()
		if err == nil && len(got) != 3 {
			err = fmt.Errorf("the script gives %d answers, want 3: the server's Lua is not Redis'", len(got))
		}
		if i == 0 || err != nil {
			add("eval", "+eval", "", err)
		}
		if err != nil {
			return
		}
		if i == 0 {
			add("hget "+s.keys.state, "+hget", "", answer(got[0], ""))
			add("hset "+s.keys.state, "+hset", "", answer(got[1], "wrong number of arg"))
		}
		add("xadd "+s.keys.stream[i], "+xadd", "", answer(got[2], "must be greater than 0-0"))
	}
}

// answer gives what the script caught as an error, but for what shows that the
// command got through.
func answer(text, through string) error {
	switch {
	case text == "" && through != "":
		return errors.New("the server takes what Redis refuses: it is not compatible")
	case text == "":
		return nil
	case through != "" && strings.Contains(strings.ToLower(text), through):
		return nil
	}
	return errors.New(text)
}
