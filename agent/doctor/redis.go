package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis"
)

// redis looks at the way to Redis and at the server as the agent will find it.
func (x *exam) redis(ctx context.Context) {
	o := agent.RedisOptions(x.cfg)
	e, err := redis.Examine(ctx, o)
	if err != nil {
		x.fail("redis.url", err.Error(), "telhub check tells more")
		return
	}
	j := &judge{exam: x, e: e, o: &o}
	for i := range e.Nodes {
		j.reach(&e.Nodes[i])
	}
	if e.Err != nil {
		if !errors.Is(e.Err, uplink.ErrUnreachable) {
			what, do := splitCure(e.Err.Error())
			x.fail("answer", what, orElse(do, "look at the server's log"))
		}
		return
	}
	j.server()
	j.role()
	j.rights()
	j.durability()
	j.policy()
	j.headroom()
	j.time()
	j.fence()
}

// judge weighs an examination.
type judge struct {
	*exam
	e *redis.Examination
	o *redis.Options
}

// splitCure takes an error's own word on what to do from its end.
func splitCure(text string) (what, do string) {
	if what, do, ok := cutLast(text, "; "); ok {
		return what, do
	}
	return text, ""
}

// expires is how long before its end a certificate is worth a word.
const expires = 21 * 24 * time.Hour

func (j *judge) reach(r *redis.Reach) {
	j.allowed(r)
	if r.Err != nil {
		what, do := splitCure(r.Err.Error())
		switch {
		case r.Found == nil && strings.Contains(what, "lookup "):
			do = "check the name in redis.url, and the resolver: /etc/resolv.conf, resolvectl query"
		case errors.Is(r.Err, os.ErrPermission):
			do = "let " + j.who.name + " into the group that owns the socket"
		case do == "":
			do = "is the server running, does it listen on that address and not only on 127.0.0.1 (bind), is a firewall between?"
		}
		j.fail(r.Addr, what, do)
		return
	}
	seen := "reached in " + short(r.Took)
	if len(r.Found) > 0 {
		seen += ", is " + strings.Join(r.Found, " ")
	}
	if !j.o.Server.TLS {
		j.ok(r.Addr, seen)
		return
	}
	left := time.Until(r.Expires)
	seen += ", TLS, certificate until " + r.Expires.UTC().Format(time.DateOnly)
	if left < expires {
		j.warn(r.Addr, fmt.Sprintf("%s: that is in %.0f hours", seen, left.Hours()), "renew the server's certificate before then")
		return
	}
	j.ok(r.Addr, seen)
}

// oldest is the first major version that the append script was tried on.
const oldest = 6

func (j *judge) server() {
	info := j.e.Info
	if j.e.InfoErr != nil {
		j.warn("server", "it does not tell what it is: "+j.e.InfoErr.Error(), "grant +info: without it the durability in force is a guess, too")
		return
	}
	name, version := "Redis", info["redis_version"]
	switch {
	case info["dragonfly_version"] != "":
		name, version = "Dragonfly", info["dragonfly_version"]
	case info["valkey_version"] != "":
		name, version = "Valkey", info["valkey_version"]
	}
	mode := orElse(info["redis_mode"], info["server_mode"])
	seen := fmt.Sprintf("%s %s, %s, round trip %s", name, version, mode, short(j.e.Round))
	var major int
	if _, err := fmt.Sscanf(version, "%d.", &major); name == "Redis" && err == nil && major < oldest {
		j.fail("server", seen+": too old", "update it to Redis 7.2 or Valkey 8; the oldest that telhub works with is Redis 6")
		return
	}
	switch {
	case mode == "cluster" && j.o.Server.Topology != redis.Cluster:
		j.fail("server", seen+": part of a cluster, and redis.url does not say so", "write redis+cluster:// in redis.url")
	case j.e.Round > 200*time.Millisecond:
		j.warn("server", seen+", which is long: backlogs drain slowly", "raise uplink.frame, or put the server nearer")
	default:
		j.ok("server", seen)
	}
	if info["loading"] == "1" {
		j.warn("server", "it is still loading its data", "wait; the agent does, too")
	}
}

func (j *judge) role() {
	if j.e.Info["role"] != "slave" {
		return
	}
	j.fail("role", fmt.Sprintf("this is a replica of %s:%s, link %s: it takes no writes", j.e.Info["master_host"], j.e.Info["master_port"], j.e.Info["master_link_status"]),
		"give the master's address in redis.url, or redis+sentinel:// so that it is found")
}

// rights prints what is missing, or one line when nothing is.
func (j *judge) rights() {
	var mine, others []string
	rules := ""
	told := map[string]bool{}
	for i := range j.e.Rights {
		r := &j.e.Rights[i]
		switch {
		case r.Missing && r.For == "":
			mine, rules = append(mine, r.Command), rules+" "+r.Rule
		case r.Missing:
			others = append(others, r.Command)
		case r.Err != nil && !told[r.Err.Error()]:
			told[r.Err.Error()] = true
			what, do := splitCure(r.Err.Error())
			j.fail(r.Command, what, orElse(do, "look at the server's log"))
		}
	}
	if len(mine) > 0 {
		j.fail("rights", "the user may not: "+strings.Join(mine, ", "),
			fmt.Sprintf("ACL SETUSER %s ~%s:*%s (keys and commands; the whole list is in docs/doctor.md)", orElse(j.user(), "USER"), j.o.Stream, rules))
	} else if len(told) == 0 {
		j.ok("rights", "the user may do all that the agent does; tried with calls that cannot succeed, Lua included")
	}
	if len(others) > 0 {
		j.warn("rights", "telhub tail and audit need "+strings.Join(others, ", ")+", too", "grant them, or use another user for those commands")
	}
}

func (j *judge) user() string {
	if j.o.User != "" {
		return j.o.User
	}
	return j.o.Server.User
}

// durability says which level will be in force, and why it is no better.
func (j *judge) durability() {
	info, fsync := j.e.Info, j.e.Config["appendfsync"]
	level, want := j.e.Level, j.cfg.Redis.Durability
	seen := "level " + level.String()
	switch {
	case j.e.LevelErr != nil:
		j.warn("durability", seen+", because the server does not tell: "+j.e.LevelErr.Error(), "grant +info and +command|info")
		return
	case level == uplink.Replica, level == uplink.AgedReplica:
		seen += fmt.Sprintf(": %s replicas follow, and WAIT asks them", info["connected_slaves"])
	case level == uplink.AOF:
		seen += ": WAITAOF asks whether the log is on disk" + fsyncText(fsync)
	case level == uplink.Age:
		seen += ": the server writes a log and cannot be asked how far, or not be believed (WAITAOF is sound from Redis 8 on), so frames count as safe after 5 s" + fsyncText(fsync)
	case want == "memory":
		seen += ", as redis.durability asks: what the server loses in a crash is lost"
	default:
		seen += ": the server writes no log (appendonly no) and has no replica, so what it loses in a crash is lost"
	}
	log := "CONFIG SET appendonly yes, and the same in the server's configuration; the agent notices within a minute"
	switch {
	case want != "auto" && want != level.String():
		j.fail("durability", seen+"; redis.durability asks for "+want, "look at the server's appendonly setting and its replicas, or set redis.durability = \"auto\"")
	case level == uplink.Memory && want != "memory":
		j.warn("durability", seen, log)
	case fsync == "no" && (level == uplink.Age || level == uplink.AOF):
		j.warn("durability", seen, "CONFIG SET appendfsync everysec")
	default:
		j.ok("durability", seen)
	}
	if info["aof_enabled"] == "1" && info["aof_last_write_status"] != "" && info["aof_last_write_status"] != "ok" {
		j.fail("log", "the server's last write of its log failed", "look for a full or failing disk on the server")
	}
	if may := j.e.Loader; may != "" && may != "+@all ~*" && info["aof_enabled"] == "1" {
		j.fail("log", fmt.Sprintf("the server reads its log with the rights of its user default, which may only %q: at its next start it drops what scripts wrote, so every frame", may),
			"ACL SETUSER default off resetpass ~* &* +@all, and the same in the server's configuration: off, but with all rights")
	}
	if info["rdb_last_bgsave_status"] == "err" {
		j.warn("snapshot", "the server's last snapshot failed; it may refuse writes (stop-writes-on-bgsave-error)", "look for a full disk or too little memory on the server")
	}
}

func fsyncText(fsync string) string {
	if fsync == "" {
		return "" // the user may not ask
	}
	return ", appendfsync " + fsync
}

// policy warns of a server that deletes keys when memory is short.
func (j *judge) policy() {
	policy := orElse(j.e.Info["maxmemory_policy"], j.e.Config["maxmemory-policy"])
	switch {
	case policy == "":
	case policy == "noeviction":
		j.ok("maxmemory-policy", policy)
	case strings.HasPrefix(policy, "volatile-"):
		j.ok("maxmemory-policy", policy+": evicts only keys that expire, which telhub's do not")
	default:
		j.fail("maxmemory-policy", policy+": when memory is short the server deletes any key, streams and marks included",
			"CONFIG SET maxmemory-policy noeviction, and the same in the server's configuration")
	}
}

// skew is by how much clocks may differ before that is worth a word.
const skew = 2 * time.Second

func (j *judge) time() {
	switch d := j.e.Ahead; {
	case !j.e.Told:
	case d > skew:
		j.warn("time", "the server's clock is "+short(d)+" ahead of this board's", "see under clock which one is wrong; samples are dated by the board")
	case d < -skew:
		j.warn("time", "the server's clock is "+short(-d)+" behind this board's", "see under clock which one is wrong; samples are dated by the board")
	default:
		j.ok("time", "server and board agree within "+short(max(d.Abs(), j.e.Round/2)))
	}
}

// fence tells whether an agent of this name has been here, and whether it is ours.
func (j *judge) fence() {
	if j.e.MarkErr != nil {
		what, do := splitCure(j.e.MarkErr.Error())
		j.fail("stream state", what, orElse(do, "see rights"))
		return
	}
	fence, seen := j.e.Seen()
	switch {
	case !seen:
		j.ok("stream state", "no agent has sent under the name "+j.cfg.Device+" yet")
	case j.exam.agent != nil && j.exam.agent.status != nil && j.exam.agent.status.Epoch < fence:
		j.fail("stream state", fmt.Sprintf("run %d of %s owns the streams, and the agent here is at run %d: another agent has this name", fence, j.cfg.Device, j.exam.agent.status.Epoch),
			"give one of the two another device name and restart it")
	default:
		j.ok("stream state", fmt.Sprintf("readable; the last run that sent as %s is number %d", j.cfg.Device, fence))
	}
}

// short prints a duration for people.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
