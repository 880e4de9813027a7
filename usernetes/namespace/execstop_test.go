package namespace

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestStopProgramReachesTheProgram stops a shell that waits for a program
// which takes its time to end.
func TestStopProgramReachesTheProgram(t *testing.T) {
	stopShell(t, `sh -c 'trap "sleep 0.2; exit 7" TERM; while :; do sleep 0.05; done'; exit $?`, "60", 7)
}

func TestStopProgramWithNothingToStop(t *testing.T) {
	for name, pid := range map[string]string{"ended by itself": "", "gone": "2147483646"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MAINPID", pid)
			if err := StopProgram(t.Context(), "60"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStopSparesTheLog: what carries the program's output is told from the
// program by its command line.
func TestStopSparesTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		argv []string
		want bool
	}{
		"of a component": {[]string{node.Self, "unit", "log", "etcd"}, true},
		"in the node":    {[]string{node.Self, "unit", "flanneld"}, false},
		"another's":      {[]string{"/usr/bin/other", "unit", "log", "etcd"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mkfifo(dir+"/unit", 0o600); err != nil {
				t.Fatal(err)
			}
			waits := exec.Cmd{Path: "/bin/cat", Args: c.argv, Dir: dir} // it opens the pipe, which nobody writes to
			if err := waits.Start(); err != nil {
				t.Fatal(err)
			}
			for line := ""; !strings.Contains(line, "unit"); { // there is none before execve has ended
				data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", waits.Process.Pid))
				if err != nil {
					t.Fatal(err)
				}
				line = string(data)
			}
			got := carriesLog(waits.Process.Pid)
			if err := waits.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = waits.Wait()
			if got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestStopProgramKillsWhatDoesNotEnd: the main process ends by the same signal
// as nsenter would, and nothing is left.
func TestStopProgramKillsWhatDoesNotEnd(t *testing.T) {
	stopShell(t, `sh -c 'trap "" TERM; while :; do sleep 0.05; done'; exit 9`, "1", 9)
}

// stopShell starts a shell with a program and stops it within seconds; the shell
// ends with that exit status.
func stopShell(t *testing.T, script, seconds string, status int) {
	t.Helper()
	shell := exec.Command("sh", "-c", script)
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAINPID", strconv.Itoa(shell.Process.Pid))
	for deadline := time.Now().Add(5 * time.Second); len(children(shell.Process.Pid)) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the program did not start")
		}
	}
	time.Sleep(100 * time.Millisecond) // until its trap is set
	if err := StopProgram(t.Context(), seconds); err != nil {
		t.Fatal(err)
	}
	if err := shell.Wait(); err == nil || shell.ProcessState.ExitCode() != status {
		t.Errorf("it ended with %v", err)
	}
}
