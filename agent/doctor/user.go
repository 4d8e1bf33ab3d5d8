package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/catalog"
)

// identity is who is to run the agent.
type identity struct {
	name   string
	uid    int
	groups []int
	self   bool // this process: what it may do is asked of the kernel
	why    string
	err    error // the name is not known
}

// identify finds out for whom devices and directories must be open: whom the
// command line names, the unit's user, or this process's.
func (x *exam) identify() identity {
	name, why := x.o.User, "--user"
	if name == "" && x.unit != nil {
		name, why = x.unit.get("User"), x.unit.path
		if name == "" && x.unit.get("DynamicUser") != "yes" {
			name = "root"
		}
	}
	me := identity{uid: os.Geteuid(), self: true, why: "this process"}
	me.groups, _ = os.Getgroups()
	me.groups = append(me.groups, os.Getegid())
	me.name = x.tree.userName(me.uid)
	if name == "" || name == me.name {
		return me
	}
	who := identity{name: name, why: why}
	uid, gid, ok := x.tree.lookupUser(name)
	if !ok {
		who.err = fmt.Errorf("there is no user %s", name)
		return who
	}
	who.uid, who.groups = uid, append(x.tree.groupsOf(name), gid)
	if x.unit != nil {
		for _, g := range strings.Fields(x.unit.get("SupplementaryGroups")) {
			if id, ok := x.tree.lookupGroup(g); ok {
				who.groups = append(who.groups, id)
			}
		}
	}
	return who
}

// user tells who runs the agent and which groups of devices that user is in.
func (x *exam) user(context.Context) {
	if x.who.err != nil {
		x.fail("user", x.who.err.Error()+" ("+x.who.why+")",
			"create it with: useradd --system --no-create-home --groups i2c,dialout,gpio "+x.who.name)
		return
	}
	x.ok("user", fmt.Sprintf("%s, uid %d (%s)", x.who.name, x.who.uid, x.who.why))
	for _, g := range [...]struct{ group, what string }{{"i2c", "I2C buses"}, {"dialout", "serial ports"}, {"gpio", "GPIO lines"}} {
		if !x.needs(g.group) || x.who.uid == 0 {
			continue
		}
		id, ok := x.tree.lookupGroup(g.group)
		switch {
		case !ok: // what matters is whether the devices can be opened, and that is asked of each
			x.ok("group "+g.group, "does not exist here; each device is looked at below")
		case slices.Contains(x.who.groups, id):
			x.ok("group "+g.group, x.who.name+" is in it: "+g.what)
		default:
			x.warn("group "+g.group, x.who.name+" is not in it, which usually owns the "+g.what, x.join(g.group))
		}
	}
}

// needs reports whether the configuration uses what a group owns.
func (x *exam) needs(group string) bool {
	switch group {
	case "i2c":
		return slices.ContainsFunc(x.cfg.Sensors, func(s config.Sensor) bool { return s.Engine.Kind == catalog.I2C })
	case "dialout":
		return slices.ContainsFunc(x.cfg.Buses, func(b config.Bus) bool { return b.Port != "" })
	}
	return len(x.cfg.Indicators) > 0 ||
		slices.ContainsFunc(x.cfg.Sensors, func(s config.Sensor) bool { return s.Use == "gpio" }) ||
		slices.ContainsFunc(x.cfg.Buses, func(b config.Bus) bool { return b.Power.Chip != "" })
}

// join says how the user comes into a group.
func (x *exam) join(group string) string {
	if x.who.self {
		return fmt.Sprintf("usermod -aG %s %s, then log in anew", group, x.who.name)
	}
	return fmt.Sprintf("usermod -aG %s %s, then systemctl restart telhub", group, x.who.name)
}

// mayOpen reports whether the user may read and write a device or directory;
// if not, what was seen and what helps.
func (x *exam) mayOpen(path string) (ok bool, seen, cure string) {
	info, err := os.Stat(x.tree.path(path))
	if err != nil {
		return false, err.Error(), ""
	}
	st, isStat := info.Sys().(*syscall.Stat_t)
	if x.who.self && x.tree.real() || !isStat {
		if unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.W_OK, unix.AT_EACCESS) == nil {
			return true, "", ""
		}
	} else if permitted(&x.who, info.Mode(), st, 0o6) {
		return true, "", ""
	}
	return false, fmt.Sprintf("%s may not open it: %s, owned by %s:%s", x.who.name, info.Mode(), x.tree.userName(int(st.Uid)), x.tree.groupName(int(st.Gid))),
		x.openCure(path, info.Mode(), st)
}

// permitted evaluates the mode bits, as the kernel does without capabilities
// and access lists.
func permitted(who *identity, mode os.FileMode, st *syscall.Stat_t, want os.FileMode) bool {
	switch perm := mode.Perm(); {
	case who.uid == 0:
		return true
	case int(st.Uid) == who.uid:
		return perm>>6&want == want
	case slices.Contains(who.groups, int(st.Gid)):
		return perm>>3&want == want
	default:
		return perm&want == want
	}
}

// openCure says which group or udev rule lets the user open a device.
func (x *exam) openCure(path string, mode os.FileMode, st *syscall.Stat_t) string {
	group := x.tree.groupName(int(st.Gid))
	if mode.Perm()&0o060 == 0o060 && st.Gid != 0 {
		return x.join(group)
	}
	match, group := `KERNEL=="`+lastOf(path)+`"`, "dialout"
	switch {
	case strings.Contains(path, "i2c-"):
		match, group = `SUBSYSTEM=="i2c-dev"`, "i2c"
	case strings.Contains(path, "gpiochip"):
		match, group = `SUBSYSTEM=="gpio"`, "gpio"
	case strings.Contains(path, "iio:device"):
		return x.iioRule()
	case mode.IsDir():
		return fmt.Sprintf("chown %s %s && chmod u+rwx %s", x.who.name, path, path)
	}
	return fmt.Sprintf(`put %s, GROUP="%s", MODE="0660" into /etc/udev/rules.d/60-telhub.rules, run udevadm trigger, and %s`, match, group, x.join(group))
}

func lastOf(path string) string {
	_, name, _ := cutLast(path, "/")
	return name
}

// userName gives the name of a user id, or the id.
func (t tree) userName(uid int) string { return t.nameOf("/etc/passwd", uid) }

// groupName gives the name of a group id, or the id.
func (t tree) groupName(gid int) string { return t.nameOf("/etc/group", gid) }

func (t tree) nameOf(file string, id int) string {
	want := strconv.Itoa(id)
	for line := range strings.Lines(t.text(file)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == want {
			return f[0]
		}
	}
	return want
}

// lookupUser reads a line "name:x:uid:gid:…" of /etc/passwd.
func (t tree) lookupUser(name string) (uid, gid int, ok bool) {
	for line := range strings.Lines(t.text("/etc/passwd")) {
		if f := strings.Split(line, ":"); len(f) > 3 && f[0] == name {
			u, err1 := strconv.Atoi(f[2])
			g, err2 := strconv.Atoi(f[3])
			return u, g, err1 == nil && err2 == nil
		}
	}
	return 0, 0, false
}

// lookupGroup reads a line "name:x:gid:members" of /etc/group.
func (t tree) lookupGroup(name string) (gid int, ok bool) {
	for line := range strings.Lines(t.text("/etc/group")) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[0] == name {
			g, err := strconv.Atoi(f[2])
			return g, err == nil
		}
	}
	return 0, false
}

// groupsOf lists the groups that name a user as their member.
func (t tree) groupsOf(name string) (gids []int) {
	for line := range strings.Lines(t.text("/etc/group")) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), name) {
			continue
		}
		if g, err := strconv.Atoi(f[2]); err == nil {
			gids = append(gids, g)
		}
	}
	return gids
}
