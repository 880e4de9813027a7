package node

import (
	"fmt"
	"os/exec"
	"strings"
)

// remove deletes a folder that a node could write, however deep it is: rm has
// a bounded number of folders open, and os.RemoveAll has not.
func remove(dir string) error {
	out, err := exec.Command("rm", "-rf", "--one-file-system", "--", dir).CombinedOutput()
	if err != nil {
		text := strings.TrimSpace(string(out))
		return fmt.Errorf("removing %s: %w: %.300s", dir, err, text)
	}
	return nil
}
