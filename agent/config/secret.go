package config

import (
	"errors"
	"os"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/redisurl"
	"github.com/telhub/telhub/internal/secret"
)

// Secret is text that never shows itself: whatever prints it prints "***".
type Secret = secret.Text

// URL is an address that may hold a password, which its String does not show.
type URL string

// String gives the URL with *** in place of its password.
func (u URL) String() string { return Redacted(string(u)) }

// GoString hides the password from %#v.
func (u URL) GoString() string { return u.String() }

// MarshalText hides the password from JSON.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Reveal gives the URL as it was configured, password included.
func (u URL) Reveal() string { return string(u) }

// Redacted replaces the password in a URL by ***, also in text that is not a
// valid URL, because messages show those.
func Redacted(url string) string { return redisurl.Redacted(url) }

// Password returns the Redis password in force, read anew so that a changed
// file is seen at the next connection. The first of these wins: the variable
// TELEMETRY_REDIS_PASSWORD, redis.password_file (or the systemd credential
// redis_password), the password in redis.url. It is empty when there is none.
func (r *Redis) Password() (string, error) {
	if r.EnvPassword != "" {
		return r.EnvPassword.Reveal(), nil
	}
	if r.PasswordFile != "" {
		text, err := secret.Read(r.PasswordFile)
		return text.Reveal(), err
	}
	target, err := ParseRedisURL(r.URL.Reveal())
	if err != nil {
		return "", err
	}
	return target.Password.Reveal(), nil
}

// CheckFiles reports the files that the configuration names and this process
// cannot read. "telhub check" shows them as warnings, since it may run as
// another user or on another machine; "telhub run" refuses to start with them.
// Device nodes are not among them: those may appear later.
func (c *Config) CheckFiles() Problems {
	var ps Problems
	for _, f := range c.files() {
		if f.file == "" {
			continue
		}
		if err := readable(f.file); err != nil {
			ps = append(ps, Problem{
				Source: c.file, Path: f.path, Value: f.file, Msg: "cannot be read: " + reason(err),
				Cure: "check the path, and that the agent's user may read it",
			})
		}
	}
	return ps
}

// named is a file that a key of the configuration names.
type named struct{ path, file string }

// files lists them; those that are not set are empty.
func (c *Config) files() []named {
	list := []named{
		{"redis.password_file", c.Redis.PasswordFile},
		{"redis.ca_file", c.Redis.CAFile},
		{"redis.cert_file", c.Redis.CertFile},
		{"redis.key_file", c.Redis.KeyFile},
	}
	for i := range c.Sensors {
		s := &c.Sensors[i]
		for j := range s.Engine.Options {
			if o := &s.Engine.Options[j]; o.Type == catalog.File {
				file, _ := s.Options[o.Name].(string)
				list = append(list, named{"sensor[" + s.Name + "]." + o.Name, file})
			}
		}
	}
	return list
}

func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		return errors.New("is a directory")
	}
	return err
}

// reason strips the operation and path from a file error: the message around
// it names them already.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
