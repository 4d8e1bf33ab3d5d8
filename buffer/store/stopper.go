package store

import (
	"errors"
	"fmt"
)

// stopper is bbolt's logger, and keeps nothing. While it is armed, what bbolt
// logs as an error ends in a panic of the committer's goroutine, which rescue
// turns back into the error: after an error of a write or of a sync bbolt would
// scan the whole file through its mapping for free pages, in a goroutine of its
// own, where neither recover nor SetPanicOnFault reaches, and the disk has just
// failed. All errors of Tx.Commit are logged before that scan begins. The file
// is given up after any of them, so nobody misses its free list.
type stopper struct{ armed bool }

// stopped is the panic.
type stopped struct{ cause error }

func (s *stopper) Errorf(format string, v ...any) {
	if !s.armed {
		return
	}
	for _, arg := range v {
		if err, ok := arg.(error); ok {
			panic(stopped{err})
		}
	}
	panic(stopped{fmt.Errorf(format, v...)})
}

func (s *stopper) Error(v ...any) {
	if s.armed {
		panic(stopped{errors.New(fmt.Sprint(v...))})
	}
}

func (s *stopper) Debug(...any)              {}
func (s *stopper) Debugf(string, ...any)     {}
func (s *stopper) Info(...any)               {}
func (s *stopper) Infof(string, ...any)      {}
func (s *stopper) Warning(...any)            {}
func (s *stopper) Warningf(string, ...any)   {}
func (s *stopper) Fatal(v ...any)            { s.Error(v...) } // bbolt 1.5 calls neither of these
func (s *stopper) Fatalf(f string, v ...any) { s.Errorf(f, v...) }
func (s *stopper) Panic(v ...any)            { s.Error(v...) }
func (s *stopper) Panicf(f string, v ...any) { s.Errorf(f, v...) }
