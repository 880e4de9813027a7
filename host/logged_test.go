package host

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// loggedIn names the folder of a run in which this test program is the one
// that becomes another.
const loggedIn = "TEST_EXEC_LOGGED_IN"

// TestExecLogged: the reader gets all that the program prints, its last words
// too, and keeps the caller's own output; the program's status is the
// caller's.
func TestExecLogged(t *testing.T) {
	if dir := os.Getenv(loggedIn); dir != "" {
		reader := Command{Path: "sh", Args: []string{"-c", "cat >stdout; cat <&3 >stderr; echo read"}, Dir: dir}
		program := Command{Path: "sh", Args: []string{"-c", "echo out; echo err >&2; (sleep 0.2; echo late) & printf last; exit 7"}}
		t.Fatal(program.ExecLogged(reader))
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestExecLogged$")
	cmd.Env = append(os.Environ(), loggedIn+"="+dir)
	var out bytes.Buffer
	cmd.Stdout = &out // and so it waits for the reader as well
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
	if out.String() != "read\n" {
		t.Errorf("it printed %q", out.String())
	}
	for name, want := range map[string]string{"stdout": "out\nlastlate\n", "stderr": "err\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
