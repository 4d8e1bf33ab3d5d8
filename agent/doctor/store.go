package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/internal/brief"
	"github.com/telhub/telhub/uplink/frame"
)

// store looks at the spool and the file system under it.
func (x *exam) store(context.Context) {
	dir, made := x.existing(x.cfg.Spool.Path)
	x.mayWrite(dir, made)
	x.mount(dir)
	x.room(dir, made)
	if made {
		x.backlog()
	}
}

// existing returns the spool's directory or, where the agent has yet to make
// it, the next one above that there is.
func (x *exam) existing(path string) (dir string, made bool) {
	for dir = path; ; dir = filepath.Dir(dir) {
		if x.tree.exists(dir) || dir == "/" {
			return dir, dir == path
		}
	}
}

// mayWrite reports whether the user may use the directory. The mode bits do not
// tell of a file system that is mounted read-only; mount does.
func (x *exam) mayWrite(dir string, made bool) {
	path := x.cfg.Spool.Path
	if info, err := os.Stat(x.tree.path(dir)); err != nil || !info.IsDir() {
		x.fail("path", dir+" is not a directory", "remove it, or set spool.path to a directory")
		return
	}
	ok, seen, cure := x.mayOpen(dir)
	switch {
	case !ok && x.tree.readOnly(dir): // said there
	case ok && made:
		x.ok("path", path)
	case ok:
		x.ok("path", path+" will be made when the agent first runs")
	case x.unit.get("StateDirectory") != "" && path == "/var/lib/"+x.unit.get("StateDirectory"):
		x.ok("path", path+" is made by systemd (StateDirectory=)")
	default:
		if !made {
			cure = fmt.Sprintf("mkdir %s && chown %s %s", path, x.who.name, path)
		}
		x.fail("path", dir+": "+seen, cure)
	}
}

// readOnly reports whether the file system of a directory is mounted so.
func (t tree) readOnly(dir string) bool {
	m, ok := t.mountOf(dir)
	return ok && slices.Contains(m.options, "ro")
}

// mountInfo is a line of /proc/self/mountinfo (proc(5)).
type mountInfo struct {
	point, kind, source string
	options             []string // of the mount and of the file system
}

// mountOf finds the mount that a path is on: the longest mount point, and of
// several there the last, which hides the others.
func (t tree) mountOf(path string) (best mountInfo, ok bool) {
	for line := range strings.Lines(t.text("/proc/self/mountinfo")) {
		before, after, found := strings.Cut(strings.TrimSpace(line), " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !found || len(f) < 6 || len(g) < 3 {
			continue
		}
		point := unescape(f[4])
		if !within(path, point) || len(point) < len(best.point) {
			continue
		}
		best = mountInfo{point: point, kind: g[0], source: g[1], options: append(strings.Split(f[5], ","), strings.Split(g[2], ",")...)}
		ok = true
	}
	return best, ok
}

// unescape undoes the octal escapes of mount points: a blank is \040.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func within(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

// kinds of file systems that a spool should not be on.
func poorKind(kind string) (what, cure string) {
	const other = "set spool.path to a directory on the board's flash (ext4, f2fs, btrfs)"
	switch kind {
	case "tmpfs", "ramfs":
		return "memory: a power cut or a restart of the board loses the spool", other
	case "overlay", "aufs":
		return "usually memory over a read-only system: a restart of the board loses the spool", "bind a directory of a writable partition to it (RequiresMountsFor= in the unit), or set spool.path there"
	case "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs":
		return "the network, which the spool is there to do without", other
	case "vfat", "exfat", "msdos", "ntfs", "ntfs3":
		return "without a journal: a power cut can damage any file on it", other
	case "squashfs", "erofs", "iso9660", "romfs", "cramfs":
		return "cannot be written at all", other
	}
	return "", ""
}

func (x *exam) mount(dir string) {
	m, ok := x.tree.mountOf(dir)
	if !ok {
		x.warn("file system", "/proc/self/mountinfo does not tell what "+dir+" is on", "look at findmnt -T "+dir)
		return
	}
	seen := fmt.Sprintf("%s on %s at %s", m.kind, m.source, m.point)
	what, cure := poorKind(m.kind)
	switch {
	case slices.Contains(m.options, "ro"):
		x.fail("file system", seen+" is mounted read-only", "look at dmesg for errors of the disk; mount -o remount,rw "+m.point+", or set spool.path elsewhere")
	case what != "":
		x.warn("file system", seen+": "+what, cure)
	default:
		x.ok("file system", seen)
	}
	for _, o := range [...]struct{ option, what, cure string }{
		{"sync", "every write waits for the disk, which the spool asks for only when it matters: more wear, less speed", "remove sync from its options"},
		{"nobarrier", "a power cut can take back what was committed", "remove it from its options"},
		{"barrier=0", "a power cut can take back what was committed", "remove it from its options"},
		{"data=writeback", "after a power cut new files can hold old blocks: the spool notices by its checksums and sets them aside", "use data=ordered, the default"},
		{"strictatime", "each read writes the time of access", "mount with relatime or noatime"},
	} {
		if slices.Contains(m.options, o.option) {
			x.warn("mount option", o.option+": "+o.what, o.cure)
		}
	}
}

// fewInodes is how many files must still fit.
const fewInodes = 64

// room compares what is free with what the spool may take. It asks the kernel
// about the path as this process sees it.
func (x *exam) room(dir string, made bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(x.tree.path(dir), &st); err != nil {
		x.warn("space", "cannot be told: "+err.Error(), "look at df "+dir)
		return
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	used := int64(0)
	if made {
		used = x.tree.usedBy(x.cfg.Spool.Path)
	}
	want := max(x.cfg.Spool.MaxSize-used, 0)
	seen := fmt.Sprintf("%s free, the spool holds %s of spool.max_size %s", brief.Bytes(free), brief.Bytes(used), brief.Bytes(x.cfg.Spool.MaxSize))
	switch {
	case free < 1<<20 && want > 0:
		x.fail("space", seen+": the disk is full", "free some, or set spool.path to another disk")
	case free < want:
		x.warn("space", seen+": an outage fills the disk before it fills the spool", fmt.Sprintf("free %s, or lower spool.max_size", brief.Bytes(want-free)))
	default:
		x.ok("space", seen)
	}
	if st.Files > 0 && st.Ffree < fewInodes {
		x.fail("inodes", fmt.Sprintf("%d of %d are free: no file can be made", st.Ffree, st.Files), "delete small files; df -i "+dir)
	}
}

// usedBy is what the files in a directory take.
func (t tree) usedBy(dir string) (bytes int64) {
	entries, err := os.ReadDir(t.path(dir))
	if err != nil {
		return 0
	}
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Stat(t.path(dir+"/"+e.Name()), &st) == nil {
			bytes += int64(st.Blocks) * 512
		}
	}
	return bytes
}

// readAtMost is how much of a spool is read to tell what is in it: a second's
// worth on a slow card.
const readAtMost = 64 << 20

// backlog tells what waits in the spool, beside a running agent as well.
func (x *exam) backlog() {
	dir := x.tree.path(x.cfg.Spool.Path)
	if x.agent != nil && x.agent.status != nil {
		s := &x.agent.status.Spool
		x.ok("backlog", fmt.Sprintf("%d frames, %s; the agent says: %s", s.Frames, brief.Bytes(int64(s.Bytes)), s.State))
		x.setAside(dir)
		return
	}
	if bytes := x.tree.usedBy(x.cfg.Spool.Path); bytes > readAtMost {
		x.ok("backlog", brief.Bytes(bytes)+" are stored; telhub spool verify reads all of it")
		x.setAside(dir)
		return
	}
	in, err := store.Verify(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		x.warn("backlog", "cannot be read: "+err.Error(), "run telhub doctor as root or as "+x.who.name)
		return
	case err != nil:
		x.fail("backlog", err.Error(), "telhub spool verify tells more")
		return
	}
	frames, samples := 0, int64(0)
	for i := range in.Segments {
		for lane := range frame.Lanes {
			frames += in.Segments[i].Lanes[lane].Frames
			samples += int64(in.Segments[i].Lanes[lane].Samples)
		}
	}
	if !in.Sound() {
		x.warn("spool", "a file is damaged", "telhub spool repair, or simply start the agent: both save what can be read and set the rest aside")
	} else {
		x.ok("backlog", fmt.Sprintf("%d frames with %d samples in %d files, all of them sound", frames, samples, len(in.Segments)))
	}
	x.setAside(dir)
}

// setAside tells of damaged files that were renamed.
func (x *exam) setAside(dir string) {
	bad, _ := filepath.Glob(filepath.Join(dir, "*.bad-*")) // its only error is a bad pattern
	if len(bad) > 0 {
		x.warn("set aside", fmt.Sprintf("%d damaged files, the latest %s; they count against spool.max_size", len(bad), filepath.Base(bad[len(bad)-1])),
			"look for the cause (dmesg, the card, power cuts), then delete them")
	}
}
