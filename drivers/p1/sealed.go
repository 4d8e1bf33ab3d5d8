package p1

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// DefaultAuth is the authentication key that Luxembourg's operators use for
// every customer.
const DefaultAuth = "00112233445566778899aabbccddeeff"

// A general-glo-ciphering APDU (DLMS Green Book, "general ciphering"), as the
// meters send it:
//
//	DB 08 title[8] 82 length[2] 30 counter[4] ciphertext tag[12]
//
// length counts from the security byte 30 (authenticated and encrypted, suite
// 0) on. Nonce: title and counter. Additional data: 30 and the authentication
// key.
const (
	sealTag    = 0xDB
	sealHeader = 18 // up to the ciphertext
	sealMAC    = 12
)

// sealed collects an encrypted frame. Without a key it never wants a byte.
type sealed struct {
	aead  cipher.AEAD
	aad   []byte
	nonce []byte
	buf   []byte // the frame; its capacity is fixed
	want  int    // its length; 0 = not known yet
	plain []byte
	begun int64
}

func (s *sealed) init(opt *Options) error {
	if opt.Key == "" {
		if opt.Auth != "" {
			return fmt.Errorf("auth: has no meaning without key")
		}
		return nil
	}
	key, err := hex.DecodeString(opt.Key)
	if err != nil || len(key) != 16 {
		return fmt.Errorf("key: want the 32 hexadecimal digits that the grid operator gave")
	}
	text := opt.Auth
	if text == "" {
		text = DefaultAuth
	}
	auth, err := hex.DecodeString(text)
	if err != nil || len(auth) != 16 {
		return fmt.Errorf("auth: want 32 hexadecimal digits")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if s.aead, err = cipher.NewGCMWithTagSize(block, sealMAC); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	s.aad = append([]byte{0x30}, auth...)
	s.nonce = make([]byte, 12)
	s.buf = make([]byte, 0, maxTelegram)
	s.plain = make([]byte, 0, maxTelegram)
	return nil
}

func (s *sealed) reset()            { s.buf, s.want = s.buf[:0], 0 }
func (s *sealed) open() bool        { return len(s.buf) > 0 }
func (s *sealed) wants(c byte) bool { return s.aead != nil && (s.open() || c == sealTag) }

// fixed are the bytes of a frame's header that never differ.
func fixed(i int) (b byte, is bool) {
	switch i {
	case 0:
		return sealTag, true
	case 1:
		return 8, true
	case 10:
		return 0x82, true
	case 13:
		return 0x30, true
	}
	return 0, false
}

// receiveSealed takes a byte of a frame, opens the frame with the last one,
// and reports whether it held a reading.
func (d *Decoder) receiveSealed(c byte, stamp int64, dst *drivers.Reading) (ok bool) {
	s := &d.sealed
	if !s.open() {
		s.begun = stamp
	}
	i := len(s.buf)
	s.buf = append(s.buf, c)
	if b, is := fixed(i); is && b != c {
		s.reset()
		if i > 1 { // a lone DB is noise
			d.stats.Corrupt++
		}
		return false
	}
	if i == 12 {
		s.want = 13 + int(s.buf[11])<<8 + int(s.buf[12])
		if s.want < sealHeader+sealMAC || s.want > cap(s.buf) {
			s.reset()
			d.stats.Corrupt++
			return false
		}
	}
	return s.want > 0 && len(s.buf) == s.want && d.unseal(dst)
}

// unseal opens the complete frame and reads the telegram in it.
func (d *Decoder) unseal(dst *drivers.Reading) (ok bool) {
	s := &d.sealed
	copy(s.nonce, s.buf[2:10])
	copy(s.nonce[8:], s.buf[14:18])
	plain, err := s.aead.Open(s.plain[:0], s.nonce, s.buf[sealHeader:], s.aad)
	s.reset()
	if err != nil {
		d.stats.Corrupt++
		return false
	}
	d.state = between
	for _, c := range plain {
		if d.receive(c, s.begun, dst) {
			ok = true // a frame holds one telegram; the last one wins
		}
	}
	if d.state == ended && d.digits > 0 {
		ok = d.finish(dst) || ok
	}
	if d.state != between {
		d.fail()
	}
	return ok
}
