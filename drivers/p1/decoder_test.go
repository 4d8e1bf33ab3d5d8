package p1

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// telegramOf makes a telegram of lines, with its checksum.
func telegramOf(lines ...string) string {
	body := "/TST5 meter\r\n\r\n" + strings.Join(lines, "\r\n") + "\r\n!"
	crc := uint16(0)
	for _, c := range []byte(body) {
		crc ^= uint16(c)
		for range 8 {
			carry := crc & 1
			if crc >>= 1; carry == 1 {
				crc ^= 0xA001
			}
		}
	}
	return fmt.Sprintf("%s%04X\r\n", body, crc)
}

// reading decodes one telegram.
func reading(t *testing.T, opt Options, text string) (map[string]float64, *Decoder, *drivers.Reading) {
	t.Helper()
	d := newDecoder(t, opt)
	readings := feed(d, []byte(text), nil)
	if len(readings) != 1 {
		t.Fatalf("%d readings of %q", len(readings), text)
	}
	return values(d, &readings[0]), d, &readings[0]
}

// "123456789" has the CRC-16/ARC BB3D in every catalogue of CRCs.
func TestCRC(t *testing.T) {
	var d Decoder
	for _, c := range []byte("123456789") {
		d.sum(c)
	}
	if d.crc != 0xBB3D {
		t.Errorf("got %04X, want BB3D", d.crc)
	}
}

func TestUnitsKeepEveryDigit(t *testing.T) {
	for _, tt := range []struct {
		line, name string
		want       float64
	}{
		{"1-0:1.8.1(999999.999*kWh)", "energy_import_t1", 3599999996400},
		{"1-0:1.8.0(006545766*Wh)", "energy_import", 23564757600},
		{"1-0:1.8.0*255(00052185.7825309*kWh)", "energy_import", 187868817111.24}, // mode D: 0.1 mWh
		{"1-0:2.8.0(0.001*MWh)", "energy_export", 3.6e6},
		{"1-0:3.8.0(000000.123*kvarh)", "reactive_energy_import", 442800},
		{"1-0:3.7.0(000000166*var)", "reactive_power_import", 166},
		{"1-0:1.7.0(00.001*kW)", "power_import", 1},
		{"1-0:1.7.0(001688.21*W)", "power_import", 1688.21},
		{"1-0:32.7.0(0229.9*V)", "voltage_l1", 229.9},
		{"1-0:31.7.0(-0.48*A)", "current_l1", -0.48},
		{"1-0:71.7.0(860*mA)", "current_l3", 0.86},
		{"1-0:14.7.0(50.00*Hz)", "frequency", 50},
		{"1-0:13.7.0(0.997)", "power_factor", 0.997},
		{"0-0:96.14.0(0002)", "tariff", 2},
		{"0-0:17.0.0(999.9*kW)", "power_limit", 999900},
		{"1-0:1.6.0(200509134558S)(02.589*kW)", "demand_max", 2589},
		{"1-1:1.7.0(00.244*kW)", "power_import", 244},
	} {
		got, _, _ := reading(t, central, telegramOf(tt.line))
		if len(got) != 1 || got[tt.name] != tt.want {
			t.Errorf("%s: got %v, want %s %v", tt.line, got, tt.name, tt.want)
		}
	}
}

func TestLinesThatAreNoValues(t *testing.T) {
	for _, line := range []string{
		"1-0:32.7.0()", "1-0:32.7.0(230.0*W)", "1-0:32.7.0(230.0)", "1-0:32.7.0(230.0*furlong)", "1-0:1.8.0*1(000001.000*kWh)",
		"1-0:99.97.0(1)(0-0:96.7.19)(190326095015W)(0000002014*s)", "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(200501000000S)(200423192538S)(03.695*kW)",
		"0-0:96.13.0(" + strings.Repeat("30", 1024) + ")", "rubbish", "1-0:1.8.0", "1-0:1.8.0(1*kWh", "1-0:256.8.0(1*kWh)",
		"0-1:24.2.1(200426223325S)(00246.138*m3)", // no meter of a known kind
		"0-1:24.2.1(700101010000W)(00000000)", "0-0:1.0.0(632525252525W)",
	} {
		d := newDecoder(t, central)
		if got := feed(d, []byte(telegramOf(line)), nil); len(got) != 0 {
			t.Errorf("%s: got %v", line, values(d, &got[0]))
		}
		if good, corrupt := d.Counts(); good != 1 || corrupt != 0 {
			t.Errorf("%s: counts %d, %d; the checksum is right", line, good, corrupt)
		}
	}
	d := newDecoder(t, central)
	got := feed(d, []byte(telegramOf("1-0:32.7.0(2x0.0*V)")), nil)
	if i := indexOf(d, "voltage_l1"); len(got) != 1 || !got[0].IsBad(i) {
		t.Error("a value that is no number is not marked bad")
	}
}

func indexOf(d *Decoder, name string) int {
	for i, o := range d.Outputs() {
		if o.Name == name {
			return i
		}
	}
	return -1
}

func TestMBusMeters(t *testing.T) {
	line := func(ch int, kind, when, value string) string {
		return fmt.Sprintf("0-%d:24.1.0(%s)\r\n0-%d:24.2.1(%s)(%s)", ch, kind, ch, when, value)
	}
	old := line(1, "003", "190101000000W", "00001.000*m3")
	for _, tt := range []struct {
		name  string
		lines []string
		want  map[string]float64
	}{
		{"kind after value", []string{"0-2:24.2.1(200426223001S)(00246.138*m3)", "0-2:24.1.0(003)"},
			map[string]float64{"gas_volume": 246.138, "gas_time": 1587933001}},
		{"exchanged", []string{old, line(4, "003", "200426223001S", "00246.138*m3")},
			map[string]float64{"gas_volume": 246.138, "gas_time": 1587933001}},
		{"exchanged, on a lower channel", []string{line(1, "003", "200426223001S", "00246.138*m3"), strings.ReplaceAll(old, "0-1", "0-4")},
			map[string]float64{"gas_volume": 246.138, "gas_time": 1587933001}},
		{"never read", []string{line(1, "003", "700101010000W", "00000000"), line(2, "003", "200426223001S", "00246.138*m3")},
			map[string]float64{"gas_volume": 246.138, "gas_time": 1587933001}},
		{"two of the same time", []string{line(1, "003", "200426223001S", "1.5*m3"), line(2, "003", "200426223001S", "2.5*m3")},
			map[string]float64{"gas_volume": 1.5, "gas_time": 1587933001}},
		{"warm and cold water: the first", []string{line(1, "006", "200426223001S", "1.5*m3"), line(2, "007", "200426223001S", "2.5*m3")},
			map[string]float64{"water_volume": 1.5, "water_time": 1587933001}},
		{"heat", []string{line(3, "012", "200426223001S", "12.345*GJ")},
			map[string]float64{"heat_energy": 12.345e9, "heat_time": 1587933001}},
		{"heat in cubic metres", []string{line(3, "012", "200426223001S", "12.345*m3"), "1-0:1.7.0(1*W)"},
			map[string]float64{"power_import": 1}},
		{"no letter", []string{line(1, "003", "200426223001", "1.5*m3")}, map[string]float64{"gas_volume": 1.5}},
	} {
		got, _, _ := reading(t, central, telegramOf(tt.lines...))
		same(t, tt.name, got, tt.want)
	}
}

// Two gas meters in use must not alternate when one is captured first.
func TestAGasMeterIsKept(t *testing.T) {
	d := newDecoder(t, central)
	at := func(a, b string) string {
		return telegramOf("0-1:24.1.0(003)", "0-2:24.1.0(003)", "0-1:24.2.1("+a+")(1*m3)", "0-2:24.2.1("+b+")(2*m3)")
	}
	for _, s := range []string{at("200426220000S", "200426210000S"), at("200426220000S", "200426230000S"), at("200426230000S", "200426230500S")} {
		got := feed(d, []byte(s), nil)
		if v := values(d, &got[0])["gas_volume"]; v != 1 {
			t.Errorf("got %v, want 1", v)
		}
	}
	got := feed(d, []byte(at("200426230000S", "200427020000S")), nil)
	if v := values(d, &got[0])["gas_volume"]; v != 2 {
		t.Errorf("got %v, want 2: the first has not moved for three hours", v)
	}
}

func TestTime(t *testing.T) {
	for _, tt := range []struct {
		text string
		zone time.Duration
		want string
	}{
		{"170102192002W", time.Hour, "2017-01-02T18:20:02Z"},
		{"200512135409S", time.Hour, "2020-05-12T11:54:09Z"},
		{"241027025959S", time.Hour, "2024-10-27T00:59:59Z"}, // the hour that comes twice
		{"241027020000W", time.Hour, "2024-10-27T01:00:00Z"},
		{"200512135409S", 2 * time.Hour, "2020-05-12T10:54:09Z"}, // Finland, Lithuania
		{"240229000000W", 0, "2024-02-29T00:00:00Z"},
	} {
		got, ok := parseTime([]byte(tt.text), tt.zone)
		if s := time.Unix(got, 0).UTC().Format(time.RFC3339); !ok || s != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.text, s, ok, tt.want)
		}
	}
	for _, text := range []string{
		"", "170102192002", "170102192002X", "170102192002w", "230229000000W", "171302192002W", "170102242002W", "17010219200AW",
		"632525252525W", "230202132747S", "230702132747W", // letters that contradict the month
	} {
		if got, ok := parseTime([]byte(text), time.Hour); ok {
			t.Errorf("%s: got %d, want none", text, got)
		}
	}
}

func TestClockIsToldOnlyWhenAsked(t *testing.T) {
	text := telegramOf("0-0:1.0.0(170102192002W)", "1-0:1.7.0(1*kW)")
	_, _, r := reading(t, central, text)
	if r.UTC != 0 {
		t.Errorf("UTC = %d without being asked", r.UTC)
	}
	_, _, r = reading(t, Options{Zone: time.Hour, Clock: true}, text)
	if want := time.Date(2017, 1, 2, 18, 20, 2, 0, time.UTC).UnixMilli(); r.UTC != want {
		t.Errorf("UTC = %d, want %d", r.UTC, want)
	}
	_, _, r = reading(t, Options{Zone: time.Hour, Clock: true}, telegramOf("0-0:1.0.0(170702192002W)", "1-0:1.7.0(1*kW)"))
	if r.UTC != 0 {
		t.Errorf("UTC = %d of a time in doubt", r.UTC)
	}
}

func TestStampIsTheSlash(t *testing.T) {
	d := newDecoder(t, central)
	var r drivers.Reading
	text := telegramOf("1-0:1.7.0(1*kW)")
	d.Feed([]byte("xx"), 5, &r)
	d.Feed([]byte(text[:4]), 7, &r)
	if _, ok := d.Feed([]byte(text[4:]), 9, &r); !ok || r.Stamp != 7 {
		t.Errorf("stamp %d, %v; want 7", r.Stamp, ok)
	}
}

func TestIdleEndsWhatItCan(t *testing.T) {
	text := telegramOf("1-0:1.7.0(1.234*kW)", "1-0:2.7.0(00.00*kW)")
	var r drivers.Reading
	short := "/TST5 meter\r\n\r\n1-0:1.7.0(00.000*kW)\r\n!"
	for i := range 10000 { // a telegram whose checksum begins with 0
		s := telegramOf(fmt.Sprintf("1-0:1.7.0(%06d*W)", i))
		if at := strings.IndexByte(s, '!'); s[at+1] == '0' && s[at+2] != '0' {
			short = s[:at+1] + s[at+2:at+5]
			break
		}
	}
	d := newDecoder(t, central)
	if got := feed(d, []byte(short), nil); len(got) != 0 {
		t.Fatal("complete before its end")
	}
	if d.Idle(endGap-1, &r) || !d.Idle(endGap, &r) {
		t.Error("silence does not end a telegram whose line end is missing")
	}
	d = newDecoder(t, central)
	feed(d, []byte(text[:40]), nil)
	if d.Idle(telegramGap-1, &r) {
		t.Error("half a telegram gives a reading")
	}
	if _, corrupt := d.Counts(); corrupt != 0 {
		t.Error("given up too early")
	}
	d.Idle(telegramGap, &r)
	if _, corrupt := d.Counts(); corrupt != 1 {
		t.Errorf("%d corrupt, want 1", corrupt)
	}
	if got := feed(d, []byte(text[40:]), nil); len(got) != 0 {
		t.Error("the other half gives a reading")
	}
	d = newDecoder(t, central)
	feed(d, []byte(text[:40]), nil)
	d.Reset()
	if got := feed(d, []byte(text[40:]+text), nil); len(got) != 1 {
		t.Errorf("%d readings after Reset, want 1", len(got))
	}
}

func TestEndlessTelegramsAreGivenUp(t *testing.T) {
	d := newDecoder(t, central)
	feed(d, []byte("/"+strings.Repeat("x", 2*maxTelegram)), nil)
	if _, corrupt := d.Counts(); corrupt != 1 || d.state != between {
		t.Errorf("%d corrupt, state %d", corrupt, d.state)
	}
}

func TestFurtherOutputs(t *testing.T) {
	opt := Options{Zone: time.Hour, Outputs: []Output{
		{Name: "total", Key: "1-0:15.8.0", Unit: "J", Resolution: 3600},
		{Name: "second_gas", Key: "0-2:24.2.1", Unit: "m3"},
		{Name: "power_factor_l2", Key: "1-0:53.7.0"},
	}}
	got, d, _ := reading(t, opt, telegramOf("1-0:15.8.0(000800.817*kWh)", "0-2:24.2.1(200426223001S)(3.5*m3)", "1-0:53.7.0(4.542)"))
	same(t, "further", got, map[string]float64{"total": 2882941200, "second_gas": 3.5, "power_factor_l2": 4.542})
	if o := d.Outputs()[len(lines())+numDerived]; o.Name != "total" || o.Unit != "J" || o.Resolution != 3600 {
		t.Errorf("got %+v", o)
	}
	for _, tt := range []struct {
		opt  Options
		want string
	}{
		{Options{Outputs: []Output{{Name: "x", Key: "1.8.0", Unit: "J"}}}, `output "x": key "1.8.0": want an OBIS code`},
		{Options{Outputs: []Output{{Name: "x", Key: "1-0:1.8.0(", Unit: "J"}}}, "want an OBIS code"},
		{Options{Outputs: []Output{{Name: "x", Key: "1-0:15.8.0", Unit: "kWh"}}}, `unit "kWh": want one of J`},
		{Options{Outputs: []Output{{Name: "x", Key: "1-0:1.8.0", Unit: "J"}}}, "its line is the output energy_import already"},
		{Options{Outputs: []Output{{Name: "tariff", Key: "1-0:15.8.0", Unit: "J"}}}, "choose another"},
		{Options{Outputs: make([]Output, 1)}, "want an OBIS code"},
		{Options{Zone: 15 * time.Hour}, "zone 15h0m0s"},
		{Options{Key: "12"}, "key: want the 32 hexadecimal digits"},
		{Options{Auth: DefaultAuth}, "auth: has no meaning without key"},
		{Options{Key: DefaultAuth, Auth: "x"}, "auth: want 32"},
	} {
		if _, err := New(tt.opt); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "p1: ") {
			t.Errorf("%+v: got %v, want %s", tt.opt, err, tt.want)
		}
	}
	many := Options{}
	for i := range drivers.MaxOutputs {
		many.Outputs = append(many.Outputs, Output{Name: fmt.Sprint("x", i), Key: fmt.Sprintf("1-0:200.%d.0", i)})
	}
	if _, err := New(many); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("too many outputs: %v", err)
	}
}

func TestOutputsAreNamedAndFit(t *testing.T) {
	out := newDecoder(t, central).Outputs()
	if len(out) > drivers.MaxOutputs {
		t.Fatalf("%d outputs", len(out))
	}
	seen := map[string]bool{}
	for i, o := range out {
		if o.Name == "" || seen[o.Name] || o.Resolution <= 0 {
			t.Errorf("output %d: %+v is empty or doubled", i, o)
		}
		seen[o.Name] = true
	}
}

// seal wraps a telegram as Luxembourg's meters do.
func seal(t *testing.T, key string, counter uint32, plain []byte) []byte {
	t.Helper()
	k, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		t.Fatal(err)
	}
	title := []byte("SAG\x01\x02\x03\x04\x05")
	nonce := binary.BigEndian.AppendUint32(append([]byte(nil), title...), counter)
	aad, _ := hex.DecodeString("3000112233445566778899AABBCCDDEEFF")
	text := gcm.Seal(nil, nonce, plain, aad)
	frame := append([]byte{0xDB, 8}, title...)
	frame = append(frame, 0x82)
	frame = binary.BigEndian.AppendUint16(frame, uint16(5+len(text)))
	frame = append(frame, 0x30)
	frame = binary.BigEndian.AppendUint32(frame, counter)
	return append(frame, text...)
}

func TestEncryptedTelegrams(t *testing.T) {
	const key = "056F9B0CFEDF150E889BEAD52FA7A174"
	data := telegrams(t)["telegram_v5"]
	want := oracle(t, "telegram_v5")
	opt := central
	opt.Key = key
	d := newDecoder(t, opt)
	var stream []byte
	for i := range 20 {
		frame := seal(t, key, uint32(i), data)
		switch i % 4 {
		case 1:
			frame[len(frame)/2] ^= 4
		case 2:
			frame = frame[:len(frame)-i]
		}
		stream = append(stream, frame...)
	}
	readings := feed(d, stream, nil)
	good, corrupt := d.Counts()
	if len(readings) < 5 || good != uint64(len(readings)) || corrupt < 10 {
		t.Errorf("%d readings, counts %d, %d", len(readings), good, corrupt)
	}
	for i := range readings {
		same(t, "sealed", values(d, &readings[i]), want)
	}
	other := opt
	other.Key = strings.Repeat("00", 16)
	d = newDecoder(t, other)
	if got := feed(d, stream, nil); len(got) != 0 {
		t.Error("opened with another key")
	}
}

func TestValuesAreFinite(t *testing.T) {
	d := newDecoder(t, central)
	for _, s := range []string{"999999999999999", "9999999999999999999999", "0.000000000000000000000000000001", "1e400", "-", ".", "1.", ".5", "--1", "1.2.3", "0x1", "1_0", ""} {
		for _, r := range feed(d, []byte(telegramOf("1-0:1.8.0("+s+"*MWh)")), nil) {
			for i := range d.Outputs() {
				if v := r.Values[i]; r.Has(i) && (math.IsNaN(v) || math.IsInf(v, 0)) {
					t.Errorf("%s: %v", s, v)
				}
			}
		}
	}
}
