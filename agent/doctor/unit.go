package doctor

import "strings"

// unit is the agent's systemd unit with its drop-ins.
type unit struct {
	path  string
	words map[string]string // last value of each key; lists joined by blanks
}

const unitName = "telhub.service"

// unit reads the unit as systemd looks for it; nil without one
// (systemd.unit(5): the first directory wins, drop-ins of all count).
func (t tree) unit() *unit {
	u := &unit{words: make(map[string]string)}
	dirs := []string{"/etc/systemd/system/", "/run/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"}
	for _, dir := range dirs {
		if text := t.text(dir + unitName); text != "" {
			u.path = dir + unitName
			u.read(text)
			break
		}
	}
	if u.path == "" {
		return nil
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		for _, file := range t.glob(dirs[i] + unitName + ".d/*.conf") {
			u.read(t.text(file))
		}
	}
	return u
}

// read takes in a file's assignments. Lists add up and an empty value clears
// them; of other keys the last one counts.
func (u *unit) read(text string) {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch key {
		case "SupplementaryGroups", "DeviceAllow", "ReadWritePaths", "IPAddressAllow":
			if value != "" {
				value = strings.TrimSpace(u.words[key] + " " + value)
			}
		}
		u.words[key] = value
	}
}

// get returns a key's value; "" when it is not set. A nil unit has none.
func (u *unit) get(key string) string {
	if u == nil {
		return ""
	}
	return u.words[key]
}
