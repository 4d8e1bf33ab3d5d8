package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// Salvage reports one damaged file.
type Salvage struct {
	File    string // its path
	Bad     string // where it stands now; empty if it could not be set aside
	Damage  error  // what was wrong with it
	Frames  int    // copied into a file in its place
	Partial int    // frames of which only a part was found
	Err     error  // why salvage itself did not succeed; tried again when the file is wanted
}

// scanBlock is how much of a file is searched at a time.
const scanBlock = 256 << 10

// longestValue bounds a record while searching.
const longestValue = valueLen + 0xFFFF

// scanRecords finds every whole record of frames (lane < frame.Lanes) or of
// the state (lane = stateLane) in a file, wherever it stands and whatever is
// around it. It trusts nothing but the record's own checksum. each gets the
// record's offset; records can come twice, from pages of elder transactions.
func scanRecords(path string, lane byte, each func(k, v []byte, at int64)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 0, scanBlock+keyLen+longestValue)
	for base := int64(0); ; {
		n, err := io.ReadFull(f, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		end := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !end {
			return fmt.Errorf("search for records: %w", err)
		}
		done := scanBuffer(buf, end, func(k, v []byte, at int) {
			if k[0] == lane || lane != stateLane && k[0] < frame.Lanes {
				each(k, v, base+int64(at))
			}
		})
		if end {
			return nil
		}
		base += int64(done)
		buf = buf[:copy(buf, buf[done:])]
	}
}

// scanBuffer searches buf and returns how much of its start needs no second
// look. Unless end, a record that might reach beyond buf is left for then.
func scanBuffer(buf []byte, end bool, each func(k, v []byte, at int)) (done int) {
	at := keyLen
	for at <= len(buf) {
		i := bytes.Index(buf[at:], magic[:])
		if i < 0 {
			break
		}
		at += i
		if !end && len(buf)-at < longestValue {
			return at - keyLen
		}
		if size := recordAt(buf, at); size > 0 {
			each(buf[at-keyLen:at], buf[at:at+size], at-keyLen)
			at += size
			continue
		}
		at++
	}
	return max(0, len(buf)-len(magic)+1-keyLen)
}

// recordAt returns the length of the value at buf[at:], whose key stands
// before it, or 0 if that is no record.
func recordAt(buf []byte, at int) int {
	if len(buf)-at < valueLen {
		return 0
	}
	size := valueLen + int(binary.BigEndian.Uint16(buf[at+4:]))
	if size > len(buf)-at {
		return 0
	}
	if _, err := openValue(buf[at-keyLen:at], buf[at:at+size]); err != nil {
		return 0
	}
	return size
}

// found is a record that a search came across.
type found struct {
	key key
	at  int64 // of the key; the value follows
	len int   // of the value
}

// findRecords returns the records of a damaged file, each once, in the order of
// their keys. With rest, a file that cannot be read to its end gives what stands
// before.
func findRecords(path string, rest bool) (all []found, err error) {
	err = scanRecords(path, 0, func(k, v []byte, at int64) {
		fk, _ := parseKey(k)
		all = append(all, found{fk, at, len(v)})
	})
	if err != nil && (!rest || len(all) == 0) {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b found) int { return bytes.Compare(a.key[:], b.key[:]) })
	return slices.CompactFunc(all, func(a, b found) bool { return a.key == b.key }), nil
}

// joinFound reads the values of records and joins them to frames. each is told
// of each whole frame, and which records it is made of.
func joinFound(path string, all []found, each func(a *assembler, from, to int)) (partial int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var a assembler
	buf, begin := make([]byte, longestValue), 0
	for i := range all {
		r := &all[i]
		value := buf[:r.len]
		if _, err := f.ReadAt(value, r.at+keyLen); err != nil {
			return partial, err
		}
		if r.key.chunk() == 0 {
			begin = i
		}
		done, err := a.add(&r.key, value[valueLen:])
		if err != nil {
			partial++
		}
		if done {
			each(&a, begin, i+1)
		}
	}
	if a.pending() {
		partial++
	}
	return partial, nil
}

// findFrames returns the records of all complete frames of a damaged file, in
// the order of their keys, and how many frames were incomplete.
func findFrames(path string, rest bool) (whole []found, frames, partial int, err error) {
	all, err := findRecords(path, rest)
	if err != nil {
		return nil, 0, 0, err
	}
	partial, err = joinFound(path, all, func(_ *assembler, from, to int) {
		whole = append(whole, all[from:to]...)
		frames++
	})
	if err != nil {
		return nil, 0, 0, err
	}
	return whole, frames, partial, nil
}

// eachFound tells each of all complete frames of a damaged file, in the order of
// their keys.
func eachFound(path string, each func(*assembler)) error {
	all, err := findRecords(path, false)
	if err == nil {
		_, err = joinFound(path, all, func(a *assembler, _, _ int) { each(a) })
	}
	return err
}

// salvageBatch bounds the memory of copying.
const salvageBatch = 256 << 10

// copyRecords writes the records of the file at from into a new file at to and
// makes it durable.
func copyRecords(from, to string, records []found) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	db, err := openWriter(to, 0, true)
	if err != nil {
		return err
	}
	buf := make([]byte, 0, salvageBatch+longestValue)
	for len(records) > 0 && err == nil {
		_, err = update(db, func(b *bolt.Bucket) error {
			buf = buf[:0]
			for len(records) > 0 && len(buf) < salvageBatch {
				r := records[0]
				value := buf[len(buf) : len(buf)+r.len]
				if _, err := f.ReadAt(value, r.at+keyLen); err != nil {
					return err
				}
				if err := b.Put(r.key[:], value); err != nil {
					return err
				}
				buf = buf[:len(buf)+r.len]
				records = records[1:]
			}
			return nil
		})
	}
	if errors.Is(err, errStuck) {
		return err
	}
	if err == nil {
		err = db.Sync()
	}
	return errors.Join(err, db.Close())
}

// salvageFile copies what is whole in a damaged segment into a new file in its
// place and sets the damaged one aside. It reports whether a segment is left.
// An error that the disk gives ends it and leaves all as it was; with rest, one
// that comes behind the first records only ends the search for them.
func salvageFile(path string, damage error, rest bool) (s Salvage, left bool) {
	s = Salvage{File: path, Damage: damage}
	var whole []found
	if whole, s.Frames, s.Partial, s.Err = findFrames(path, rest); s.Err != nil {
		return s, false
	}
	if len(whole) == 0 {
		s.Bad, s.Err = setAside(path)
		return s, false
	}
	made := path + tmpSuffix
	os.Remove(made)
	if s.Err = copyRecords(path, made, whole); s.Err != nil {
		os.Remove(made)
		return s, false
	}
	s.Bad, s.Err = replaceBad(path, made)
	return s, s.Err == nil
}
