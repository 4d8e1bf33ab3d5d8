package profile

import (
	"slices"
	"strings"
	"testing"
)

// Check values of the catalogue of parametrised CRC algorithms: over the
// digits 1 to 9.
func TestFrameSumsAreTheCatalogues(t *testing.T) {
	known := frameSums()
	for name, want := range map[string]uint16{
		"crc8": 0xf4, "crc8-nrsc5": 0xf7, "crc8-maxim": 0xa1, "crc16-modbusbe": 0x4b37, "crc16-arcbe": 0xbb3d, "crc16-x25be": 0x906e,
		"crc16-kermitbe": 0x2189, "crc16-ccittbe": 0x29b1, "crc16-xmodembe": 0x31c3,
		"sum8": 0xdd, "sum8-inverse": 0x22, "sum8-zero": 0x23, "xor8": 0x31, "sum16be": 477,
	} {
		s := known[name]
		if s.over == nil {
			t.Errorf("%s is not known", name)
			continue
		}
		if got := s.over([]byte("123456789")); got&(1<<(8*s.size)-1) != want {
			t.Errorf("%s: got %#x, want %#x", name, got, want)
		}
	}
}

func TestProblemsOfTelegrams(t *testing.T) {
	const out = "\nout.x = { at = 2, type = \"u8\" }"
	for _, test := range []struct{ text, path, msg string }{
		{"length = 8" + out, "header", "missing"},
		{"header = [1]" + out, "length", "missing"},
		{"header = [1]\nlength = 513" + out, "length", "up to 512"},
		{"header = [1, 2]\ntail = [3]\nlength = 2" + out, "length", "header and tail included"},
		{"header = [1]\nlength = 8\nout.x = { at = 8, type = \"u8\" }", "out.x.at", "from 0 to 7"},
		{"header = [1]\nlength = 8\nchecksum = { type = \"sum8\" }\nout.x = { at = 7, type = \"u8\" }", "out.x.at", "is a checksum"},
		{"header = [1]\nlength = 8\nchecksum = { type = \"sum9\" }" + out, "checksum.type", "unknown checksum; did you mean"},
		{"header = [1]\nlength = 8\nchecksum = { type = \"sum16be\", at = 7 }" + out, "checksum.at", "within the telegram"},
		{"header = [1]\nlength = { at = 1, type = \"i8\" }" + out, "length.type", "unsigned"},
		{"header = [1]\nlength = 8\nmatch = { at = 1 }" + out, "match[0].equals", "missing"},
		{"header = [1]\nlength = 8\ninit = [[1]]" + out, "init", "want poll with it"},
		{"header = [1]\nlength = 8\npoll = [1]\ninit = [{ wait = \"6s\" }]" + out, "init", "at most 5s"},
		{"stuffing = { flag = 1, escape = 1 }" + out, "stuffing.escape", "another byte"},
		{"header = [1]\nlength = 8\nread = []" + out, "read", "unknown key"},
	} {
		_, problems := Compile("x", tree(t, "kind = \"framed\"\n"+test.text))
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == test.path && strings.Contains(p.Msg, test.msg) }) {
			t.Errorf("%s: got %v, want %s: … %s", test.text, problems, test.path, test.msg)
		}
	}
}

// What a length field can say never leads out of the buffer.
func TestLengthsStayWithinBounds(t *testing.T) {
	p := mustCompile(t, `
kind   = "framed"
header = [0x01]
length = { at = 1, type = "u16be", unit = 4, add = -3, max = 64 }
checksum = { type = "sum8" }
out.x  = { at = 4, type = "u8" }`)
	g := p.Telegram()
	for _, test := range []struct {
		begin string
		n     int
		ok    bool
	}{
		{"\x01", 0, true}, {"\x02", 0, false}, {"\x01\x00\x02", 5, true}, {"\x01\x00\x00", -3, false},
		{"\x01\x00\x10", 61, true}, {"\x01\x00\x11", 65, false}, {"\x01\xff\xff", 2045, false},
	} {
		if n, ok := g.Need([]byte(test.begin)); ok != test.ok || ok && n != test.n {
			t.Errorf("%x: got %d, %v, want %d, %v", test.begin, n, ok, test.n, test.ok)
		}
	}
}
