package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/processing/config"
)

// leveled writes log lines of a level that may change.
type leveled struct {
	io.Writer
	level atomic.Int32
}

// newLog returns a logger that writes to w as the configuration says.
func newLog(c config.Log, w io.Writer) (zerolog.Logger, *leveled) {
	if c.Format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !terminal(w)}
	}
	l := &leveled{Writer: zerolog.SyncWriter(w)}
	l.set(c.Level)
	return zerolog.New(l).Level(zerolog.TraceLevel).With().Timestamp().Logger(), l
}

// set changes the level to one that the configuration has checked.
func (l *leveled) set(level string) {
	lv, err := zerolog.ParseLevel(level)
	if err != nil {
		lv = zerolog.InfoLevel
	}
	l.level.Store(int32(lv))
}

// Level is the level in force.
func (l *leveled) Level() zerolog.Level { return zerolog.Level(l.level.Load()) }

// WriteLevel implements zerolog.LevelWriter.
func (l *leveled) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	if level < l.Level() {
		return len(p), nil
	}
	return l.Write(p)
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
