package config

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
)

// envPrefix begins the name of every variable that concerns telhub.
const envPrefix = "TELEMETRY_"

// Variables that are not keys of the file.
const (
	envRedisPassword = envPrefix + "REDIS_PASSWORD"
	envComponents    = envPrefix + "LOG_COMPONENTS_"
	envBus           = envPrefix + "BUS_"
	envCredentials   = "CREDENTIALS_DIRECTORY" // systemd.exec(5)
)

// credentialPassword is the name of the systemd credential with the password.
const credentialPassword = "redis_password"

// envName gives a key's or bus's name as it stands in variables.
func envName(path string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case isAlnum(r):
			return r
		}
		return '_'
	}, path)
}

// environment applies the variables. It runs after the file's buses are known.
func (l *loader) environment(env []string) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case name == envCredentials:
			l.credentials = value
		case strings.HasPrefix(name, envPrefix):
			l.variable(name, value)
		}
	}
	if file := l.credential(credentialPassword); file != "" && l.cfg.Redis.PasswordFile == "" {
		l.cfg.Redis.PasswordFile = file
	}
}

// credential gives the file of that name that systemd provides, if it does.
func (l *loader) credential(name string) string {
	if l.credentials == "" {
		return ""
	}
	file := filepath.Join(l.credentials, name)
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// sensorCredentials takes the files that systemd provides for the options that
// a sensor was not given: SENSOR_key for key_file and key.
func (l *loader) sensorCredentials(d *draft) {
	for i := range d.Engine.Options {
		o := &d.Engine.Options[i]
		secret := strings.TrimSuffix(o.Name, "_file")
		if o.Type != catalog.File || d.Name == "" || d.Options[o.Name] != nil || d.Options[secret] != nil {
			continue
		}
		if file := l.credential(d.Name + "_" + secret); file != "" {
			d.Options[o.Name] = file
		}
	}
}

// variable applies one variable with our prefix.
func (l *loader) variable(name, value string) {
	n := &toml.Node{Kind: toml.Untyped, Text: value, Raw: value}
	at := place{source: name, shown: toml.Shorten(value)}
	if value == "" {
		at.shown = `""`
	}
	if name == envRedisPassword {
		l.password(value)
		return
	}
	for i := range rootKeys {
		if k := &rootKeys[i]; k.Env() == name {
			if k.secret {
				at.shown = toml.Shorten(Redacted(value))
			}
			if l.put(k, k.Path, at, n, target{cfg: l.cfg}) {
				l.set[k.Path] = at
			}
			return
		}
	}
	if part, ok := strings.CutPrefix(name, envComponents); ok {
		l.component(strings.ToLower(part), at, n)
		return
	}
	if strings.HasPrefix(name, envBus) && l.busVariable(name, at, n) {
		return
	}
	l.add(place{source: toml.Shorten(name)}, "", fault{"unknown variable", l.variableCure(name)})
}

func (l *loader) password(value string) {
	if value == "" {
		l.add(place{source: envRedisPassword}, "", fault{"is empty", "unset it if there is no password"})
		return
	}
	l.cfg.Redis.EnvPassword = Secret(value)
}

// busVariable sets a key of one of the file's buses, as TELEMETRY_BUS_GPS_PORT
// sets bus.gps.port. It reports whether the name is one.
func (l *loader) busVariable(name string, at place, n *toml.Node) bool {
	for i := range l.cfg.Buses {
		bus := &l.cfg.Buses[i]
		for j := range busKeys {
			k := &busKeys[j]
			if k.Type == Inner {
				continue // a table does not fit into a variable
			}
			if name == envBus+envName(bus.Name)+"_"+envName(k.Path) {
				l.broken["bus."+bus.Name] = !l.put(k, "bus."+bus.Name+"."+k.Path, at, n, target{bus: bus})
				return true
			}
		}
	}
	return false
}

// variableCure suggests the variable that was meant.
func (l *loader) variableCure(name string) string {
	switch {
	case strings.HasPrefix(name, envPrefix+"SENSOR_"), strings.HasPrefix(name, envPrefix+"PROFILE_"),
		strings.HasPrefix(name, envPrefix+"INDICATOR_"):
		return "sensors, profiles and indicators are described in the file only"
	case strings.HasPrefix(name, envBus) && len(l.cfg.Buses) == 0:
		return "the file defines no bus; variables change the buses that it defines"
	}
	known := []string{envRedisPassword}
	for i := range rootKeys {
		known = append(known, rootKeys[i].Env())
	}
	for i := range l.cfg.Buses {
		for j := range busKeys {
			if busKeys[j].Type == Inner {
				continue
			}
			known = append(known, envBus+envName(l.cfg.Buses[i].Name)+"_"+envName(busKeys[j].Path))
		}
	}
	if near := nearestVariable(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "a variable is TELEMETRY_ and the key in capitals, as in TELEMETRY_QUEUE_CAPACITY for queue.capacity; unset it"
}

// nearestVariable compares without the prefix, which would make any two
// variables look alike.
func nearestVariable(name string, known []string) string {
	rest := make([]string, len(known))
	for i, k := range known {
		rest[i] = strings.TrimPrefix(k, envPrefix)
	}
	if near := spell.Nearest(strings.TrimPrefix(name, envPrefix), rest); near != "" {
		return envPrefix + strings.ToUpper(near)
	}
	return ""
}
