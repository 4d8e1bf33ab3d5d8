// Package rig tests the agent on an emulated Raspberry Pi: the arm64 binary on
// Debian's kernel, with that kernel's drivers for I2C, serial ports, SD card
// and network, against a redis-server of this machine. Its files are tests
// with the build tag hil; scripts/test-hil.sh prepares what they need and runs
// them, docs/hil_testing.md says what they prove.
//
// The scripts beside it make the board and switch it on and off. The test
// plays the world: it sets temperatures through QEMU's control socket, speaks
// at the other end of the serial lines, pulls the network and the power, and
// judges by what stands in the streams. It may import what reads streams, and
// nothing of the agent.
package rig
