package main

import (
	"bytes"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hugePages says what the kernel backs memory with: the word in brackets
// (Linux, Documentation/admin-guide/mm/transhuge.rst).
const hugePages = "/sys/kernel/mm/transparent_hugepage/enabled"

// smallPages keeps the kernel from backing memory with pages of 2 MB, which
// Debian's arm64 kernel does unasked: of an agent with 3 MB in use it made 13.
// What the runtime has allocated before main stays large, some 2 MB; the agent,
// which runs for months, is therefore begun anew, once: the setting survives
// execve(2). A kernel that refuses either is as good.
func smallPages(args []string) {
	done, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	if err != nil || done != 0 || unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) != nil {
		return
	}
	if len(args) < 2 || args[1] != "run" {
		return
	}
	if text, err := os.ReadFile(hugePages); err != nil || !bytes.Contains(text, []byte("[always]")) {
		return
	}
	// Not /proc/self/exe, which ps, pidof and the kernel's messages would call it then.
	if program, err := os.Executable(); err == nil {
		_ = syscall.Exec(program, args, os.Environ())
	}
}
