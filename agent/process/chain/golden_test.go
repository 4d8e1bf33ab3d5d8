package chain

import (
	"bytes"
	"encoding/csv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The results in testdata come from awk, SQLite and Python (testdata/README.md).

// column is a step and the column of its results in a file.
type column struct {
	at        int
	spec      Spec
	tolerance float64 // relative
}

func TestStepsAgreeWithAwk(t *testing.T) {
	compare(t, "steps_awk.csv", []column{
		{1, Spec{Op: Offset, Args: []float64{-0.35}}, 1e-14},
		{2, Spec{Op: Scale, Args: []float64{0.1}}, 1e-14},
		{3, Spec{Op: Calibrate, Args: []float64{10, 9.5, 20, 20.25, 30, 29}}, 1e-14},
		{4, Spec{Op: Polynomial, Args: []float64{1, -0.5, 0.01}}, 1e-12},
		{5, Spec{Op: Convert, Unit: "degF"}, 1e-14},
		{6, Spec{Op: Valid, Args: []float64{5, 60}}, 0},
		{7, Spec{Op: Rate, Args: []float64{1.5}}, 0},
		{8, Spec{Op: EWMA, Window: 30 * time.Second}, 1e-13},
		{9, Spec{Op: Throttle, Window: 10 * time.Second}, 0},
	})
}

func TestWindowsAgreeWithSQLite(t *testing.T) {
	compare(t, "windows.csv", []column{
		{1, Spec{Op: Mean, Count: 7}, 1e-14},
		{2, Spec{Op: Min, Count: 7}, 0},
		{3, Spec{Op: Max, Count: 7}, 0},
		{4, Spec{Op: Mean, Window: 10 * time.Second}, 1e-14},
		{5, Spec{Op: Min, Window: 10 * time.Second}, 0},
		{6, Spec{Op: Max, Window: 10 * time.Second}, 0},
	})
}

// TestStepsAgreeWithExactArithmetic: Python's fractions and decimals do not
// round on the way, and neither do we, as far as one can tell from the result.
func TestStepsAgreeWithExactArithmetic(t *testing.T) {
	compare(t, "steps_python.csv", []column{
		{1, Spec{Op: Median, Count: 5}, 0},
		{2, Spec{Op: Median, Count: 6}, 0},
		{3, Spec{Op: Median, Window: 10 * time.Second}, 0},
		{4, Spec{Op: Mean, Count: 5}, 0},
		{5, Spec{Op: Mean, Window: 10 * time.Second}, 0},
		{6, Spec{Op: Outlier, Args: []float64{3}}, 0},
		{7, Spec{Op: Round, Args: []float64{1}}, 0},
		{8, Spec{Op: Round, Args: []float64{-1}}, 0},
		{9, Spec{Op: Step, Args: []float64{0.25}}, 0},
	})
}

// compare runs each column's step over input.csv.
func compare(t *testing.T, file string, columns []column) {
	input, results := readCSV(t, "input.csv"), readCSV(t, file)
	if len(input) != len(results) || len(input) != 600 {
		t.Fatalf("%d rows of input, %d of results, want 600", len(input), len(results))
	}
	for _, c := range columns {
		t.Run(c.spec.String(), func(t *testing.T) {
			ch := compile(t, Info{Every: time.Second, Unit: "Cel", Resolution: 0.01}, c.spec)
			for i, row := range results {
				stamp, v := parseRow(t, input[i])
				got, verdict := ch.Apply(v, stamp)
				if row[0] != input[i][0] {
					t.Fatalf("row %d is of stamp %s, want %s", i+1, row[0], input[i][0])
				}
				if (row[c.at] == "x") != (verdict != Pass) {
					t.Fatalf("row %d: verdict %d of %v, the reference says %s", i+1, verdict, v, row[c.at])
				}
				if verdict != Pass {
					continue
				}
				want, err := strconv.ParseFloat(row[c.at], 64)
				if err != nil || math.Abs(got-want) > c.tolerance*math.Abs(want) {
					t.Fatalf("row %d: %v gives %.17g, the reference says %s", i+1, v, got, row[c.at])
				}
			}
		})
	}
}

// TestReferencesCanBeMadeAnew runs the programs behind testdata that are
// installed. Their last digits may differ between versions.
func TestReferencesCanBeMadeAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	for file, command := range map[string]string{
		"input.csv":        "python3 input.py",
		"windows.csv":      "sqlite3 :memory: < windows.sql",
		"steps_awk.csv":    "awk -f steps.awk input.csv",
		"steps_python.csv": "python3 steps.py",
	} {
		tool, _, _ := bytes.Cut([]byte(command), []byte(" "))
		if _, err := exec.LookPath(string(tool)); err != nil {
			t.Logf("NOT MADE ANEW: %s, %s is not installed", file, tool)
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		sameNumbers(t, file, out)
	}
}

func sameNumbers(t *testing.T, file string, made []byte) {
	want := readCSV(t, file)
	got, err := csv.NewReader(bytes.NewReader(made)).ReadAll()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%s made anew: %d rows, %v; want %d", file, len(got), err, len(want))
	}
	for i := range want {
		for k, w := range want[i] {
			a, aerr := strconv.ParseFloat(got[i][k], 64)
			b, berr := strconv.ParseFloat(w, 64)
			same := got[i][k] == w || aerr == nil && berr == nil && math.Abs(a-b) <= 1e-12*math.Abs(b)
			if !same {
				t.Fatalf("%s made anew, row %d: %s, want %s", file, i+1, got[i][k], w)
			}
		}
	}
}

func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func parseRow(t *testing.T, row []string) (stamp int64, v float64) {
	t.Helper()
	stamp, err := strconv.ParseInt(row[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = strconv.ParseFloat(row[1], 64); err != nil {
		t.Fatal(err)
	}
	return stamp, v
}

func compile(t testing.TB, info Info, specs ...Spec) *Chain {
	t.Helper()
	c, err := Compile(specs, info)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
