package config

import "fmt"

// groups checks what sensors that are measured at one instant, or several
// times in a row, have to be.
func (l *loader) groups(drafts []*draft) {
	first := make(map[string]*draft) // of each group
	for _, d := range drafts {
		if d.Engine.Name == "" {
			continue
		}
		if !d.polled() {
			l.notPolled(d)
			continue
		}
		leader := first[d.Group]
		switch {
		case d.Group == "" || d.broken:
		case leader == nil:
			first[d.Group] = d
		case leader.Every != d.Every:
			key := "every"
			if d.table.Fields[key] == nil {
				key = "group"
			}
			l.fail(d, key, fault{
				fmt.Sprintf("%v is not the period of %s in line %d, which belongs to the same group", d.Every, leader.label, leader.table.Line),
				fmt.Sprintf("write every = \"%s\" in both, or take the sensor out of the group", shortSpan(leader.Every)),
			})
		}
	}
}

// notPolled reports keys that have no meaning for a sensor that speaks by
// itself.
func (l *loader) notPolled(d *draft) {
	if d.table.Fields["group"] != nil && d.Group != "" {
		l.fail(d, "group", fault{d.Engine.Name + " sends by itself, nobody can choose the instant", "delete the line"})
	}
	if d.Oversample > 1 {
		l.fail(d, "oversample", fault{d.Engine.Name + " sends by itself, and each value once", `delete the line; filter = "mean 10s" for an output is the mean over a time`})
	}
}
