package config

import (
	"errors"
	"net/url"
	"os"

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

// Password returns the password of Redis in force, read anew so that a changed
// file is seen at the next connection. The first of these wins: the variable
// TTP_REDIS_PASSWORD, redis.password_file (or the systemd credential
// redis_password), the password in redis.url. It is empty when there is none.
func (r *Redis) Password() (string, error) {
	if r.EnvPassword != "" || r.PasswordFile != "" {
		return password(r.EnvPassword, r.PasswordFile)
	}
	u, err := redisurl.Parse(r.URL.Reveal())
	return u.Password.Reveal(), err
}

// Password is Redis.Password for PostgreSQL: TTP_POSTGRES_PASSWORD,
// postgres.password_file or the credential postgres_password, postgres.url.
func (p *Postgres) Password() (string, error) {
	if p.EnvPassword != "" || p.PasswordFile != "" {
		return password(p.EnvPassword, p.PasswordFile)
	}
	u, err := url.Parse(p.URL.Reveal())
	if err != nil { // checked when it was loaded; the error would show the password
		return "", errors.New("postgres.url is not a URL")
	}
	text, _ := u.User.Password()
	return text, nil
}

// password gives what the environment held, or else the file holds now.
func password(env Secret, file string) (string, error) {
	if env != "" {
		return env.Reveal(), nil
	}
	text, err := secret.Read(file)
	return text.Reveal(), err
}

// CheckFiles reports the files that the configuration names and this process
// cannot read. "ttp check" shows them as warnings, since it may run as another
// user or on another machine; the commands that connect refuse to start.
func (c *Config) CheckFiles() Problems {
	var ps Problems
	for _, f := range []struct{ path, file string }{
		{"redis.password_file", c.Redis.PasswordFile},
		{"redis.ca_file", c.Redis.CAFile},
		{"redis.cert_file", c.Redis.CertFile},
		{"redis.key_file", c.Redis.KeyFile},
		{"postgres.password_file", c.Postgres.PasswordFile},
	} {
		if f.file == "" {
			continue
		}
		if err := readable(f.file); err != nil {
			source := c.file
			if source == "" {
				source = "environment"
			}
			ps = append(ps, Problem{
				Source: source, Path: f.path, Value: f.file, Msg: "cannot be read: " + reason(err),
				Cure: "check the path, and that the user of ttp may read it",
			})
		}
	}
	return ps
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
