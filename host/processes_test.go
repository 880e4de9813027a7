package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// Ids that nobody has.
const (
	strangeUID = 3999000000
	strangeSub = 3999100000
	otherUID   = 3999900000
)

func strange(uid uint32) bool {
	return uid == strangeUID || uid >= strangeSub && uid < strangeSub+65536
}

// run starts a program under an id and ends it with the test. It is waited for
// when it has said that it is ready.
func run(t *testing.T, uid uint32, argv ...string) *exec.Cmd {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}, Setpgid: true}
	cmd.Stderr = &said
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	if n, err := ready.Read(make([]byte, 1)); n == 0 {
		t.Fatalf("%q: %v: %s", argv, err, &said)
	}
	return cmd
}

func alive(uid uint32) (pids []int) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		status, _ := os.ReadFile(folder + "/status")
		if isOurs(pid, func(id uint32) bool { return id == uid }) && !bytes.Contains(status, []byte("\nState:\tZ")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKillUsers: what runs under ids of ours ends, however it resists; what runs
// under others, or is root's and has taken on an id of ours, goes on.
func TestKillUsers(t *testing.T) {
	roottest.Need(t)
	t.Cleanup(func() { killUsers(context.Background(), strange) }) //nolint:errcheck // only after a fault there is something
	stubborn := `trap '' TERM HUP INT; echo ready; while :; do sleep 1; done`
	children := func(cmd *exec.Cmd) { go cmd.Wait() } //nolint:errcheck // its parent has to take note of its end
	children(run(t, strangeUID, "sh", "-c", stubborn))
	children(run(t, strangeSub+65535, "setsid", "sh", "-c", stubborn))
	// A chain of processes each of which forks and ends, and a bomb; for half a
	// minute at the most.
	children(run(t, strangeUID, "bash", "-c", `f() { ((SECONDS < 30)) && f & }; echo ready; f; f`))
	children(run(t, strangeSub, "bash", "-c", `ulimit -u 40; f() { ((SECONDS < 30)) || exit; f & f & wait; }; exec 2>/dev/null; echo ready; f`))
	others := []*exec.Cmd{
		run(t, otherUID, "sh", "-c", stubborn),
		run(t, 0, "setpriv", "--euid="+strconv.Itoa(strangeUID), "sh", "-c", stubborn),
	}
	for _, uid := range []uint32{strangeUID, strangeSub, strangeSub + 65535} {
		if len(alive(uid)) == 0 {
			t.Fatalf("nothing runs as %d", uid)
		}
	}
	began := time.Now()
	left, err := killUsers(t.Context(), strange)
	if err != nil || len(left) > 0 {
		t.Errorf("after %s: %v, %v", time.Since(began), left, err)
	}
	for _, uid := range []uint32{strangeUID, strangeSub, strangeSub + 65535} {
		if pids := alive(uid); len(pids) > 0 {
			t.Errorf("still there: %d", pids)
		}
	}
	for _, cmd := range others {
		if cmd.Process.Signal(syscall.Signal(0)) != nil {
			t.Errorf("%q has ended", cmd.Args)
		}
	}
}

// TestKillUsersNamesWhatStays: the end of a process that nobody takes note of
// does not come; it is named in a form that can be printed, after a time.
func TestKillUsersNamesWhatStays(t *testing.T) {
	roottest.Need(t)
	cmd := run(t, strangeUID, "sh", "-c", `printf 'a\033[2Jb' > /proc/self/comm; echo ready; read x`)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	left, err := killUsers(ctx, strange)
	if err != nil || len(left) != 1 || left[0].PID != cmd.Process.Pid {
		t.Fatalf("%v, %v", left, err)
	}
	if text := left[0].String(); strings.Contains(text, "\x1b") {
		t.Errorf("it is called %q", text)
	}
}

func read(t *testing.T, h *Host, path string) string {
	t.Helper()
	data, err := os.ReadFile(h.path(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestEraseEndsProcesses: the user goes when nothing runs as it; else all that
// it is made of stays, and the rest of it goes with a later run.
func TestEraseEndsProcesses(t *testing.T) {
	h := testHost(t)
	before := tree(t, h)
	apply(t, h, testPlan())
	put(t, h, "/etc/subuid", read(t, h, "/etc/subuid")+"alice:165600:10\n")
	left := []Process{{4242, `evil\x1b`}}
	h.Kill = func(_ context.Context, ours func(uint32) bool) ([]Process, error) {
		for uid, want := range map[uint32]bool{0: false, 165536: true, 165599: true, 165600: false, 165610: true, 231071: true, 231072: false} {
			if ours(uid) != want {
				t.Errorf("whether %d is ended: not %v", uid, want)
			}
		}
		return left, nil
	}
	var f *Fault
	err := Erase(t.Context(), h)
	if !errors.As(err, &f) || !strings.Contains(err.Error(), `4242 (evil\x1b)`) || !strings.Contains(f.Remedy.String(), "kill -9 4242") || !strings.Contains(f.Remedy.String(), "userdel u7s-admin") {
		t.Errorf("erase says %v", err)
	}
	for path, line := range map[string]string{"/etc/passwd": "u7s-admin:", "/etc/subuid": "u7s-admin:165536"} {
		if data := read(t, h, path); !strings.Contains(data, line) {
			t.Errorf("%s lacks %s: %q", path, line, data)
		}
	}
	if !h.present("/var/lib/u7s-admin") {
		t.Error("the home is gone")
	}
	left = nil
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	put(t, h, "/etc/subuid", strings.ReplaceAll(read(t, h, "/etc/subuid"), "alice:165600:10\n", ""))
	sameTree(t, before, tree(t, h))
}

// TestIDsToEnd: nothing of a user that was there before is ended, but what runs
// under ids that podsec-k8s gave it.
func TestIDsToEnd(t *testing.T) {
	h := testHost(t)
	put(t, h, "/etc/passwd", "root:x:0:0::/:/bin/sh\nu7s-admin:x:998:998::/x:/bin/sh\ntwin:x:998:998::/x:/bin/sh\nbob:x:300005:1::/x:/bin/sh\n")
	put(t, h, "/etc/subuid", "u7s-admin:200000:10\n998:250000:10\nalice:300003:1\nu7s-admin:300000:10\n")
	given := []SubIDRange{{UIDStart: 300000, Count: 10}}
	for made, want := range map[bool]map[uint32]bool{
		true:  {998: false, 200000: true, 250009: true, 300000: true, 300003: false, 300005: false, 300010: false, 0: false},
		false: {998: false, 200000: false, 250009: false, 300000: true, 300003: false, 300005: false, 0: false},
	} {
		ours, err := h.idsToEnd(User{Name: "u7s-admin", UID: 998}, made, given)
		if err != nil {
			t.Fatal(err)
		}
		for uid, want := range want {
			if ours(uid) != want {
				t.Errorf("made %v: whether %d is ended: not %v", made, uid, want)
			}
		}
	}
}

// A slowManager does not stop a unit before its processes are gone.
type slowManager struct {
	playedManager
	slow string
}

func (m *slowManager) Stop(ctx context.Context, unit string) error {
	if unit == m.slow {
		return fmt.Errorf("stopping %s: %w", unit, context.DeadlineExceeded)
	}
	return m.playedManager.Stop(ctx, unit)
}

// TestEraseKillsWhatIsNotStopped: a unit that does not stop in time holds
// nothing up: its processes are ended, and it is stopped then.
func TestEraseKillsWhatIsNotStopped(t *testing.T) {
	for _, slow := range []string{"user@998.service", "kubelet.service"} {
		h := testHost(t)
		before := tree(t, h)
		m := &slowManager{slow: slow}
		apply(t, h, testPlan())
		h.Units = func(context.Context) (UnitManager, error) { return m, nil }
		killed := 0
		h.Kill = func(context.Context, func(uint32) bool) ([]Process, error) {
			killed++
			m.slow = ""
			return nil, nil
		}
		run := h.Run
		h.Run = func(ctx context.Context, c Command) error {
			if c.Path == "loginctl" {
				return nil
			}
			return run(ctx, c)
		}
		if err := Erase(t.Context(), h); err != nil || killed != 1 || !slices.Contains(m.calls, "stop "+slow) {
			t.Errorf("%s: %v; killed %d times, %q", slow, err, killed, m.calls)
		}
		sameTree(t, before, tree(t, h))
	}
}
