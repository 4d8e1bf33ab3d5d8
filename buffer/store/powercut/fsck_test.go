package powercut

import (
	"errors"
	"fmt"
	"os/exec"
)

// groupBlocks is the size of the file system's groups; the second begins with
// a copy of the superblock.
const groupBlocks = 4096

// fsck repairs a file system as a board does when it starts, and replays its
// journal.
func fsck(file string) (out []byte, err error) {
	for _, args := range [][]string{{"-fy"}, {"-fy", "-B", "4096", "-b", fmt.Sprint(groupBlocks)}} {
		out, err = exec.Command("e2fsck", append(args, file)...).CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 1 { // errors corrected
			return out, nil
		}
		if err == nil {
			return out, nil
		}
	}
	return out, err
}
