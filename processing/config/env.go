package config

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
)

// envPrefix begins the name of every variable that concerns ttp.
const envPrefix = "TTP_"

// Variables that are not keys of the file.
const (
	EnvConfig           = envPrefix + "CONFIG" // the file's path; the command line reads it
	envRedisPassword    = envPrefix + "REDIS_PASSWORD"
	envPostgresPassword = envPrefix + "POSTGRES_PASSWORD"
	envCredentials      = "CREDENTIALS_DIRECTORY" // systemd.exec(5)
)

// envName gives a key's path as it stands in variables.
func envName(path string) string {
	return strings.ReplaceAll(strings.ToUpper(path), ".", "_")
}

// environment applies the variables.
func (l *loader) environment(env []string) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case name == envCredentials && value != "":
			defer l.credential(&l.cfg.Redis.PasswordFile, value, "redis_password")
			defer l.credential(&l.cfg.Postgres.PasswordFile, value, "postgres_password")
		case name == EnvConfig:
		case strings.HasPrefix(name, envPrefix):
			l.variable(name, value)
		}
	}
}

// credential takes the password file that systemd provides, if it does and no
// other is named.
func (l *loader) credential(dst *string, dir, name string) {
	if *dst != "" {
		return
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err == nil {
		*dst = file
	}
}

// variable applies one variable with our prefix.
func (l *loader) variable(name, value string) {
	switch name {
	case envRedisPassword:
		l.password(&l.cfg.Redis.EnvPassword, name, value)
		return
	case envPostgresPassword:
		l.password(&l.cfg.Postgres.EnvPassword, name, value)
		return
	}
	at := place{source: name, shown: toml.Shorten(value)}
	if value == "" {
		at.shown = `""`
	}
	for i := range rootKeys {
		k := &rootKeys[i]
		if k.env() != name {
			continue
		}
		if k.secret {
			at.shown = toml.Shorten(Redacted(value))
		}
		l.put(k, k.path, at, &toml.Node{Kind: toml.Untyped, Text: value, Raw: value}, target{cfg: l.cfg})
		return
	}
	l.add(place{source: toml.Shorten(name)}, "", fault{"unknown variable", variableCure(name)})
}

func (l *loader) password(dst *Secret, name, value string) {
	if value == "" {
		l.add(place{source: name}, "", fault{"is empty", "unset it if there is no password"})
		return
	}
	*dst = Secret(value)
}

// variableCure suggests the variable that was meant. It compares without the
// prefix, which would make any two variables look alike.
func variableCure(name string) string {
	if strings.HasPrefix(name, envPrefix+"HANDLER_") {
		return "handlers are described in the file only"
	}
	known := []string{"CONFIG", "REDIS_PASSWORD", "POSTGRES_PASSWORD"}
	for i := range rootKeys {
		known = append(known, envName(rootKeys[i].path))
	}
	if near := spell.Nearest(strings.TrimPrefix(name, envPrefix), known); near != "" {
		return "did you mean " + envPrefix + near + "?"
	}
	return "a variable is TTP_ and the key in capitals, as in TTP_WORKER_COUNT for worker.count; unset it"
}
