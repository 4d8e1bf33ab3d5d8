//go:build !linux

package bench

import (
	"os/exec"
	"runtime"
)

func cpus() ([]int, error) { return make([]int, runtime.NumCPU()), nil }

func pin(int, []int) error { return nil } // only Linux is asked

func dieWithUs(*exec.Cmd) {}
