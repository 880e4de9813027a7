package usernetes

import (
	"os/exec"
	"strconv"
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
	if err := stopProgram(t.Context()); err != nil {
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
			if err := stopProgram(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
