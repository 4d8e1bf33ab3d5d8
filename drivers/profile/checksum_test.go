package profile

import "testing"

// The check values of the CRC catalogue, over the ASCII digits 1 to 9.
func TestChecksumCheckValues(t *testing.T) {
	digits := []byte("123456789")
	for _, tt := range []struct {
		name string
		kind checksum
		want uint16
	}{
		{"CRC-8/NRSC-5", crcSensirion, 0xf7},
		{"CRC-8/SMBUS", crcPEC, 0xf4},
		{"CRC-16/MODBUS", crcModbus, 0x4b37},
		{"sum", sum8, 0xdd}, // 477 mod 256
		{"exclusive or", xor8, 0x31},
		{"none", noChecksum, 0},
	} {
		if got := tt.kind.over(digits, 0); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
}

// Frames from data sheets, checksums included.
func TestChecksumOfRealFrames(t *testing.T) {
	for _, tt := range []struct {
		name  string
		op    op
		addr  uint16
		frame string
	}{
		// Sensirion SCD4x v1.3 table 32 and SGP40 v1.0 table 7.
		// TE HTU21D, "CRC-8 checksum calculations": the three examples.
		{"htu21d dc", op{crc: crcSHT2x}, 0x40, "dc79"},
		{"htu21d temperature", op{crc: crcSHT2x}, 0x40, "683a7c"},
		{"htu21d humidity", op{crc: crcSHT2x}, 0x40, "4e856b"},
		{"sensirion words", op{crc: crcSensirion, perWord: true}, 0x62, "beef92abab72000081"},
		// Sensirion SCD4x, example of read_measurement.
		{"scd4x measurement", op{crc: crcSensirion, perWord: true}, 0x62, "01f4336667a25eb93c"},
		// Recording of an AHT20: one checksum over six bytes.
		{"aht20 frame", op{crc: crcSensirion}, 0x38, "187552058e407f"},
		// Melexis MLX90614, figure of the SMBus read: address 0x5A, command 7, 0x3AD2, PEC 0x30.
		{"mlx90614 pec", op{crc: crcPEC, w: []byte{0x07}}, 0x5a, "d23a30"},
		// Aosong AM2320, example of reading: 50.0 %RH, 25.0 degrees.
		{"am2320 modbus", op{crc: crcModbus}, 0x5c, "030401f400fa31a5"},
	} {
		frame := []byte(hex(tt.frame))
		if want, got, ok := tt.op.verify(tt.addr, frame); !ok {
			t.Errorf("%s: computed %#x, frame has %#x", tt.name, want, got)
		}
		for i := range frame {
			frame[i] ^= 0x10
			if _, _, ok := tt.op.verify(tt.addr, frame); ok {
				t.Errorf("%s: damaged byte %d not noticed", tt.name, i)
			}
			frame[i] ^= 0x10
		}
	}
}

func TestPECWithStopCoversTheReadOnly(t *testing.T) {
	o := op{crc: crcPEC, w: []byte{7}, stop: true}
	if got, want := o.pecStart(0x5a), byte(crcPEC.over([]byte{0xb5}, 0)); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
}
