package config

import (
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/toml"
)

// channelKeys are the keys of an output that the configuration declares.
var channelKeys = []Key{
	{Path: "key", Type: Text, Example: `"W"`, check: checkPrintable, Doc: "What the device calls it, if not the output's name."},
	{Path: "unit", Type: Text, Example: `"kg"`, check: checkUnit, Doc: "SenML unit (RFC 8428, RFC 8798)."},
	{Path: "resolution", Type: Float, Min: "0", Example: "0.1", Doc: "Step between neighbouring values, in its unit."},
}

// channels reads the outputs that a sensor declares, in the file's order.
func (l *loader) channels(d *draft, k *Key, t *toml.Node) []catalog.Channel {
	if t.Kind != toml.Table {
		l.fail(d, k.Path, k.wrongType(t))
		return nil
	}
	list := make([]catalog.Channel, 0, len(t.Keys))
	for _, name := range t.Keys {
		list = append(list, l.channel(d, k, name, t.Fields[name]))
	}
	return list
}

func (l *loader) channel(d *draft, k *Key, name string, t *toml.Node) catalog.Channel {
	path := d.label + "." + k.Path + "." + toml.Shorten(name)
	c := catalog.Channel{Name: name}
	problem := func(at place, path string, f fault) {
		d.broken = true
		l.add(at, path, f)
	}
	if t.Kind != toml.Table && findKey(outputKeys, name) != nil {
		problem(l.line(t), path, fault{"is a key of outputs, and " + k.Path + " an option of " + d.Engine.Name, "give the output another name than " + k.Path})
		return c
	}
	if t.Kind != toml.Table {
		problem(l.at(t), path, fault{"is " + t.Kind.String(), "write a table, as in " + name + ` = { unit = "kg" }`})
		return c
	}
	for _, key := range t.Keys {
		n, where := t.Fields[key], path+"."+toml.Shorten(key)
		ck := findKey(channelKeys, key)
		if ck == nil {
			problem(l.line(n), where, fault{"unknown key", didYouMean(key, pathsOf(channelKeys))})
			continue
		}
		v, f := ck.parse(n)
		if !f.ok() {
			problem(l.at(n), where, f)
			continue
		}
		switch key {
		case "key":
			c.Key = v.(string)
		case "unit":
			c.Unit = v.(string)
		case "resolution":
			c.Resolution = v.(float64)
		}
	}
	return c
}
