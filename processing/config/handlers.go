package config

import (
	"slices"

	"github.com/telhub/telhub/internal/toml"
)

// handlers reads the tables [handler.TYPE].
func (l *loader) handlers(t *toml.Node) {
	if t == nil {
		return
	}
	if t.Kind != toml.Table {
		l.add(l.at(nil, t), "handler", fault{"is " + t.Kind.String(), "write a table for each type of task: [handler.TYPE]"})
		return
	}
	for _, name := range t.Keys {
		l.handler(name, t.Fields[name])
	}
}

// handler reads one of them.
func (l *loader) handler(taskType string, t *toml.Node) {
	path := "handler." + toml.Shorten(taskType)
	at := place{source: l.file, line: t.Line}
	if t.Kind != toml.Table {
		l.add(l.at(nil, t), path, fault{"is " + t.Kind.String(), "write a table for each type of task: [handler.TYPE]"})
		return
	}
	if f := checkTaskType(taskType); !f.ok() {
		l.add(at, path, f)
		return
	}
	before := len(l.problems)
	h := Handler{Type: taskType}
	for i := range handlerKeys {
		setDefault(&handlerKeys[i], target{handler: &h})
	}
	for _, name := range t.Keys {
		n := t.Fields[name]
		if k := findKey(handlerKeys, name); k != nil {
			l.put(k, path+"."+name, l.at(k, n), n, target{handler: &h})
			continue
		}
		l.add(place{l.file, n.Line, ""}, path+"."+toml.Shorten(name), fault{"unknown key", didYouMean(name, names(handlerKeys))})
	}
	if len(l.problems) == before {
		l.settle(path, at, &h)
	}
	l.cfg.Handlers = append(l.cfg.Handlers, h)
}

// needed maps a kind to the key that it cannot do without.
var needed = map[string]string{"http": "url", "exec": "command"}

// kindsOf maps a key to the kinds that it means something to.
var kindsOf = map[string][]string{"url": {"http"}, "headers": {"http"}, "command": {"exec"}, "timeout": {"http", "exec"}}

// settle checks a handler's keys against its kind.
func (l *loader) settle(path string, at place, h *Handler) {
	if h.Kind == "" {
		l.add(at, path, fault{"has no kind", `write kind = "http" (or echo, sleep, exec)`})
		return
	}
	if key := needed[h.Kind]; key != "" {
		if _, ok := l.set[path+"."+key]; !ok {
			l.add(at, path, fault{h.Kind + " needs " + key, "write " + key + " = " + findKey(handlerKeys, key).example})
		}
	}
	for i := range handlerKeys {
		key := handlerKeys[i].path
		at, isSet := l.set[path+"."+key]
		if kinds := kindsOf[key]; isSet && kinds != nil && !slices.Contains(kinds, h.Kind) {
			l.add(at, path+"."+key, fault{"means nothing to " + h.Kind, "delete the line, or choose kind = \"" + kinds[0] + "\""})
		}
	}
	if h.Kind == "exec" && len(h.Command) > 0 {
		if f := checkProgram(h.Command[0]); !f.ok() {
			l.add(l.set[path+".command"], path+".command", f)
		}
	}
}

func names(keys []key) []string {
	list := make([]string, len(keys))
	for i := range keys {
		list[i] = keys[i].path
	}
	return list
}
