package main

func (e *env) cmdBench(args []string) error { return usagef("bench: see make bench") }
