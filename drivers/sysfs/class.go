package sysfs

// Class walks over the devices of a class, such as hwmon0, hwmon1, … of
// /sys/class/hwmon, with the attribute that tells what each is. The numbers
// change from boot to boot: nothing is known by its number.
type Class struct {
	root, dir, stem, attr string

	// Path is the directory of the device that Next has found. The caller may
	// extend it and has to cut it again.
	Path Path
	// Entry is its name in the class ("hwmon3"), Value what its attribute says
	// ("lm75"), Device the last part of its device's path ("1-0048"), empty
	// where the class shows none. They are valid until the next call.
	Entry, Value, Device []byte

	list          Dir
	entry, device [256]byte
	value         [128]byte
}

// Walk begins: dir as in "/sys/class/hwmon", stem what the entries' names
// begin with, attr the file that tells what they are.
func (c *Class) Walk(root, dir, stem, attr string) error {
	c.root, c.dir, c.stem, c.attr = root, dir, stem, attr
	return c.list.Open(c.Path.Root(root).Add(dir))
}

// Next goes to the next device and reports whether there was one.
func (c *Class) Next() bool {
	for {
		name := c.list.Next()
		if name == nil {
			return false
		}
		if len(name) < len(c.stem) || string(name[:len(c.stem)]) != c.stem {
			continue
		}
		c.Entry = c.entry[:copy(c.entry[:], name)]
		n := c.Path.Root(c.root).Add(c.dir).Add("/").AddBytes(c.Entry).Len()
		value, err := c.Path.Add("/").Add(c.attr).Read(c.value[:])
		if err != nil {
			c.Path.Cut(n)
			continue
		}
		c.Value = value
		c.Device = c.Path.Cut(n).Add("/device").Link(c.device[:])
		c.Path.Cut(n)
		return true
	}
}

// Close ends the walk before its end.
func (c *Class) Close() { c.list.Close() }

// Is reports whether the device is the wanted one; an empty device is any.
func (c *Class) Is(value, device string) bool {
	return string(c.Value) == value && (device == "" || string(c.Device) == device)
}

// List is a bounded text that is gathered without allocating: what there is
// instead of what was looked for.
type List struct {
	b [160]byte
	n int
}

// Reset empties the list.
func (l *List) Reset() { l.n = 0 }

// Add appends an entry: "lm75 (1-0048)", or "lm75" alone.
func (l *List) Add(what, where []byte) {
	if l.n > 0 {
		l.add(", ")
	}
	l.n += copy(l.b[l.n:], what)
	if len(where) > 0 {
		l.add(" (")
		l.n += copy(l.b[l.n:], where)
		l.add(")")
	}
}

// Empty reports whether nothing was added.
func (l *List) Empty() bool { return l.n == 0 }

// String gives the entries.
func (l *List) String() string { return string(l.b[:l.n]) }

func (l *List) add(s string) { l.n += copy(l.b[l.n:], s) }
