package board

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tree reads the three file systems in which the kernel describes itself.
type tree struct {
	root string // no slash at its end
	base string // the device tree's root directory
}

func newTree(root string) *tree {
	t := &tree{root: strings.TrimRight(root, "/")}
	t.base = t.root + "/proc/device-tree"
	if _, err := os.Stat(t.base); err != nil {
		t.base = t.root + "/sys/firmware/devicetree/base"
	}
	return t
}

// text reads a small file of /proc or /sys without its line end; "" if absent.
func (t *tree) text(path string) string {
	b, err := os.ReadFile(t.root + path)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n\x00")
}

// dt reads a string property of the device tree; "" if absent.
func (t *tree) dt(property string) string {
	b, err := os.ReadFile(t.base + "/" + property)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00\n")
}

// compatible is a list of NUL-terminated strings (Devicetree Specification
// v0.4, 2.3.1), most specific first.
func (t *tree) compatible() []string {
	if s := t.dt("compatible"); s != "" {
		return strings.Split(s, "\x00")
	}
	return nil
}

// dmi names a PC, which has no device tree.
func (t *tree) dmi() string {
	vendor := t.text("/sys/class/dmi/id/sys_vendor")
	product := t.text("/sys/class/dmi/id/product_name")
	return strings.TrimSpace(vendor + " " + product)
}

// alias resolves an entry of /aliases, "serial0", to a node's path.
func (t *tree) alias(name string) string { return t.dt("aliases/" + name) }

// bluetooth reports whether a Bluetooth chip sits behind the serial node.
func (t *tree) bluetooth(node string) bool {
	child := strings.TrimPrefix(node, "/") + "/bluetooth"
	if node == "" || t.dt(child+"/compatible") == "" {
		return false
	}
	s := t.dt(child + "/status") // absent means okay (Devicetree Specification v0.4, 2.3.4)
	return s == "" || s == "okay" || s == "ok"
}

// node gives the device tree path behind a directory of /sys, or "". The link
// sits on the device or, since serial ports have devices of their own (Linux
// 6.5), on one of its two parents; the kernel resolves the dots.
func (t *tree) node(dir string) string {
	for _, up := range []string{"", "/..", "/../.."} {
		link, err := os.Readlink(t.root + dir + up + "/of_node")
		if err != nil {
			continue
		}
		if _, node, ok := strings.Cut(link, "devicetree/base"); ok {
			return node
		}
	}
	return ""
}

// list returns the entries of a directory that are one of the stems followed
// by a number, in natural order.
func (t *tree) list(dir string, stems ...string) []string {
	entries, err := os.ReadDir(t.root + dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if stem, _ := splitNumber(e.Name()); stem != e.Name() && slices.Contains(stems, stem) {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, natural)
	return names
}

func (t *tree) exists(path string) bool {
	_, err := os.Lstat(t.root + path)
	return err == nil
}

// links lists the symlinks of a directory by the base name they lead to.
func (t *tree) links(dir string, into map[string][]string) {
	entries, err := os.ReadDir(t.root + dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type() != fs.ModeSymlink {
			continue // /dev has a hundred of them: asking each took half of the detection
		}
		path := dir + "/" + e.Name()
		if to, err := os.Readlink(t.root + path); err == nil {
			into[filepath.Base(to)] = append(into[filepath.Base(to)], path)
		}
	}
}

// clocks names the real-time clocks' drivers.
func (t *tree) clocks() []string {
	var names []string
	for _, rtc := range t.list("/sys/class/rtc", "rtc") {
		names = append(names, t.text("/sys/class/rtc/"+rtc+"/name"))
	}
	return names
}

// natural orders "ttyS2" before "ttyS10".
func natural(a, b string) int {
	sa, na := splitNumber(a)
	sb, nb := splitNumber(b)
	if sa == sb {
		return na - nb
	}
	return strings.Compare(sa, sb)
}

// splitNumber cuts the decimal number from the end of a device's name.
func splitNumber(s string) (stem string, n int) {
	stem = strings.TrimRight(s, "0123456789")
	n, _ = strconv.Atoi(s[len(stem):]) // no number sorts as 0
	return stem, n
}
