package usernetes

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopProgramReachesTheProgram stops a shell that waits for a program
// which takes its time to end.
func TestStopProgramReachesTheProgram(t *testing.T) {
	shell := exec.Command("sh", "-c", `sh -c 'trap "sleep 0.2; exit 7" TERM; while :; do sleep 0.05; done'; exit $?`)
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
	if err := stopProgram(t.Context(), "60"); err != nil {
		t.Fatal(err)
	}
	if err := shell.Wait(); err == nil || shell.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
}

func TestStopProgramWithNothingToStop(t *testing.T) {
	for name, pid := range map[string]string{"ended by itself": "", "gone": "2147483646"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MAINPID", pid)
			if err := stopProgram(t.Context(), "60"); err != nil {
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
		"of a component": {[]string{Self, "unit", "log", "etcd"}, true},
		"in the node":    {[]string{Self, "unit", "flanneld-inside"}, false},
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
	shell := exec.Command("sh", "-c", `sh -c 'trap "" TERM; while :; do sleep 0.05; done'; exit 9`)
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
	if err := stopProgram(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if err := shell.Wait(); err == nil || shell.ProcessState.ExitCode() != 9 {
		t.Errorf("it ended with %v", err)
	}
}
