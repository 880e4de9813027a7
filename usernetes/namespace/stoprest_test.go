package namespace

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

func TestUnitGroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/user.slice/u7s-crio.service/.control\n": "/user.slice/u7s-crio.service", "1:name=systemd:/x\n0::/a.service\n": "/a.service", "": "",
	} {
		if got := unitGroup(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestSignalGroup: all processes of a group and of those below it are meant, but not
// who asks.
func TestSignalGroup(t *testing.T) {
	dir := t.TempDir()
	var sleepers []*exec.Cmd
	for _, folder := range []string{dir, dir + "/below", dir + "/.control"} {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()         //nolint:errcheck // it was killed
		defer cmd.Process.Kill() //nolint:errcheck // it may have ended
		sleepers = append(sleepers, cmd)
		roottest.WriteFile(t, folder+"/cgroup.procs", fmt.Sprintf("%d\n%d\n0\n", cmd.Process.Pid, os.Getpid()))
	}
	if count, err := signalGroup(dir, unix.SIGTERM); err != nil || count != 2 {
		t.Errorf("%d processes, %v", count, err)
	}
	for i, want := range []string{"signal: terminated", "signal: terminated"} {
		if err := sleepers[i].Wait(); err == nil || err.Error() != want {
			t.Errorf("%d: %v", i, err)
		}
	}
	if count, err := signalGroup(dir, 0); err != nil || count != 0 {
		t.Errorf("%d are left, %v", count, err)
	}
	if count, err := signalGroup(dir+"/none", 0); err != nil || count != 0 {
		t.Errorf("%d in no group, %v", count, err)
	}
	if err := StopRest(t.Context(), "soon"); err == nil {
		t.Error("a time that is none")
	}
}
