package gpio

import (
	"unsafe"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"
)

// kernel is what is asked of a chip's and a line's descriptor. What the line
// tells of its edges is read from the descriptor itself.
type kernel struct {
	chip   func(fd int, dst *uapi.ChipInfo) error
	info   func(fd int, dst *uapi.LineInfoV2) error // of the line dst.Offset
	line   func(fd int, request *uapi.LineRequest) error
	values func(fd int, dst *uapi.LineValues) error
	now    func() int64 // CLOCK_MONOTONIC in ns
}

// real is the kernel itself.
func real() kernel {
	return kernel{
		chip: func(fd int, dst *uapi.ChipInfo) (err error) {
			*dst, err = uapi.GetChipInfo(uintptr(fd))
			return err
		},
		info: func(fd int, dst *uapi.LineInfoV2) (err error) {
			*dst, err = uapi.GetLineInfoV2(uintptr(fd), int(dst.Offset))
			return err
		},
		line: func(fd int, request *uapi.LineRequest) error {
			return uapi.GetLine(uintptr(fd), request)
		},
		values: func(fd int, dst *uapi.LineValues) error {
			return uapi.GetLineValuesV2(uintptr(fd), dst)
		},
		now: monotonic,
	}
}

func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it is always there
	return ts.Nano()
}

// size of an event as the kernel writes it.
const eventSize = int(unsafe.Sizeof(uapi.LineEvent{}))
