package config

import (
	"strconv"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/toml"
)

// profiles reads every [profile.NAME] and compiles it.
func (l *loader) profiles(t *toml.Node) {
	if t == nil {
		return
	}
	if t.Kind != toml.Table {
		l.add(l.line(t), "profile", fault{"is " + t.Kind.String(), "write [profile.NAME] once for each chip"})
		return
	}
	for _, name := range t.Keys {
		l.profile(name, t.Fields[name])
	}
}

func (l *loader) profile(name string, t *toml.Node) {
	path := "profile." + toml.Shorten(name)
	if t.Kind != toml.Table {
		l.add(l.at(t), path, fault{"is " + t.Kind.String(), "write it as a table: [profile.NAME]"})
		return
	}
	if f := checkName(name); !f.ok() {
		l.add(l.line(t), path, fault{"the name " + f.Msg, f.Cure})
	}
	if first, again := l.places[path]; again {
		l.add(l.line(t), path, fault{"is described in " + first.source + ":" + strconv.Itoa(first.line) + ", too", "delete one of them, or give it another name"})
		return
	}
	l.places[path] = l.line(t)
	l.broken[path] = true
	if l.unfit(path, t) {
		return
	}
	goodMode := l.profileMode(path, t)
	problems := l.cfg.Profiles.Add(name, t.Plain().(map[string]any))
	for _, p := range problems {
		l.add(l.below(t, p.Path), join(path, p.Path), fault{p.Msg, ""})
	}
	if len(problems) > 0 || !goodMode {
		return
	}
	delete(l.broken, path)
	l.constants(path, name, t)
}

// profileMode checks the serial mode of a profile's devices, if it names one.
func (l *loader) profileMode(path string, t *toml.Node) bool {
	mode := t.Fields["mode"]
	if mode == nil || mode.Kind != toml.Text {
		return true // package profile says that it wants text
	}
	f := checkMode(mode.Text)
	if !f.ok() {
		l.add(l.at(mode), path+".mode", f)
	}
	return f.ok()
}

// constants reports a profile's constants that no sensor could set, because a
// key of every sensor has the same name.
func (l *loader) constants(path, name string, t *toml.Node) {
	engine, ok := catalog.Lookup(name, l.cfg.Profiles)
	for i := 0; ok && i < len(engine.Options); i++ {
		o := engine.Options[i].Name
		if findKey(sensorKeys, o) != nil {
			l.add(l.below(t, "const."+o), path+".const."+o, fault{"is the name of a key that every sensor has", "choose another name"})
		}
	}
}

// below gives the place of a value within a table: the value's own if it is
// there, else that of the nearest table around it.
func (l *loader) below(t *toml.Node, path string) place {
	n, found := t.Find(path)
	if !found || path == "" {
		return l.line(n)
	}
	return l.at(n)
}

// unfit reports dates, which have no place in a profile, and numbers that are
// none. It returns whether there were any.
func (l *loader) unfit(path string, n *toml.Node) (found bool) {
	f := fault(n.Fault)
	if n.Kind == toml.Date {
		f = fault{"is a date", "put text in double quotes"}
	}
	if !f.ok() {
		l.add(l.at(n), path, f)
		return true
	}
	for _, name := range n.Keys {
		found = l.unfit(join(path, toml.Shorten(name)), n.Fields[name]) || found
	}
	for i, it := range n.Items {
		found = l.unfit(path+"["+strconv.Itoa(i)+"]", it) || found
	}
	return found
}
