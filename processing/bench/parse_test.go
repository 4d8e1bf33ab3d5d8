package bench

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	o, err := Parse(strings.Fields("--rounds 3 --payloads 16,1024 --handlers 0s,5ms --aof always --parts open,late --systems ttp --open 50 --json --for 3s"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Rounds, want.Payloads, want.Handlers, want.AOFs = 3, []int{16, 1024}, []time.Duration{0, 5 * time.Millisecond}, []AOF{AOFAlways}
	want.Parts, want.Systems, want.Fractions, want.JSON, want.For = []string{"open", "late"}, []string{"ttp"}, []float64{50}, true, 3*time.Second
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v\nwant %+v", o, want)
	}
}

func TestQuickGivesWayToWhatIsNamed(t *testing.T) {
	o, err := Parse([]string{"--tasks", "77", "--quick"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.Tasks != 77 || o.Rounds != 1 {
		t.Errorf("tasks %d, rounds %d; want 77 and 1", o.Tasks, o.Rounds)
	}
}

func TestParseNamesAllThatIsWrong(t *testing.T) {
	_, err := Parse(strings.Fields("--rounds 0 --tasks -1 --payloads 8 --pin hard --open 120 --rate NaN"), io.Discard)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"--rounds 0", "--tasks -1", "--payloads 8", `--pin "hard"`, "--open 120", "--rate NaN"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in: %v", want, err)
		}
	}
	for _, args := range []string{"--aof sometimes", "--parts flod", "--systems river", "--masters x", "extra", "--nonsense"} {
		if _, err := Parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var b bytes.Buffer
	if _, err := Parse([]string{"--help"}, &b); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	for _, name := range []string{"quick", "rounds", "tasks", "workers", "parts", "systems", "payloads", "handlers", "aof", "open", "rate", "for", "backlog", "critical-rate", "masters", "rtt", "asynq-servers", "pin", "url", "json", "plot"} {
		if !strings.Contains(b.String(), "--"+name+" ") {
			t.Errorf("--help does not tell --%s", name)
		}
	}
}

func TestRateOf(t *testing.T) {
	// As redis-benchmark 7.0.15 writes it; the test's name holds the payload.
	out := "\"test\",\"rps\",\"avg_latency_ms\"\n\"XADD k * t 1 a b d x,\"\"y\",\"166666.67\",\"0.549\"\n"
	got, err := rateOf(out)
	if err != nil || got != 166666.67 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := rateOf(strings.Replace(out, "166666.67", "inf", 1)); err != nil || got != 0 {
		t.Errorf("of too few requests: got %v, %v; want 0", got, err)
	}
	for _, bad := range []string{"", "WARNING: nothing", "\"test\",\"rps\"\n"} {
		if got, err := rateOf(bad); err == nil {
			t.Errorf("%q: got %v and no error", bad, got)
		}
	}
}

func TestLastEval(t *testing.T) {
	sent := "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n" +
		"*5\r\n$7\r\nevalsha\r\n$2\r\nab\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\n1\r\n" +
		"*5\r\n$7\r\nEVALSHA\r\n$2\r\nab\r\n$1\r\n1\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\n" +
		"*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nevals" // cut
	got := lastEval([]byte(sent), nil)
	if len(got) != 5 || string(got[4]) != "\r\n\r\n" {
		t.Errorf("got %q", got)
	}
	if got := callNumber(got); got != 4 {
		t.Errorf("the call's number is argument %d, want 4", got)
	}
}
