package agent

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/agent/config"
)

// Log hands out a logger per component, each with a level of its own.
type Log struct {
	base   zerolog.Logger
	level  zerolog.Level
	levels map[string]zerolog.Level

	mu      sync.Mutex // guards loggers
	loggers map[string]*zerolog.Logger
}

// NewLog returns a log that writes to w as the configuration says.
func NewLog(c config.Log, w io.Writer) *Log {
	if c.Format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !terminal(w)}
	}
	l := &Log{
		base: zerolog.New(w).With().Timestamp().Logger(), level: level(c.Level),
		levels: make(map[string]zerolog.Level), loggers: make(map[string]*zerolog.Logger),
	}
	for name, text := range c.Components {
		l.levels[name] = level(text)
	}
	return l
}

// level parses a level that the configuration has checked.
func level(text string) zerolog.Level {
	lv, err := zerolog.ParseLevel(text)
	if err != nil || text == "" {
		return zerolog.InfoLevel
	}
	return lv
}

// For returns the logger of a component.
func (l *Log) For(component string) *zerolog.Logger {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x := l.loggers[component]; x != nil {
		return x
	}
	lv, ok := l.levels[component]
	if !ok {
		lv = l.level
	}
	x := l.base.Level(lv).With().Str("component", component).Logger()
	l.loggers[component] = &x
	return &x
}

// terminal reports whether w is one, where colours help.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
