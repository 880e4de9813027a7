package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// TestNode: a node passes exit statuses on, and leaves nothing when it ends.
func TestNode(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PODSEC_K8S_RUN", dir)
	mountsBefore := mounts(t)
	g := generation.All()[0]
	m := bootBare(t, g, "t-node")
	for command, want := range map[string]int{
		"true": 0, "exit 7": 7, "nonsense-command": 127, `test "$HOME" = /root -a "$(id -u)" = 0`: 0, "echo 'a  b' | grep -q 'a  b'": 0,
	} {
		if out, status := m.try(command); status != want {
			t.Errorf("%s: exit status %d, want %d\n%s", command, status, want, out)
		}
	}
	m.fails("rpm -q podsec-k8s", 1, "not installed")
	if _, err := node.Boot(t.Context(), g, "t-node"); err == nil || !strings.Contains(err.Error(), "make down") {
		t.Errorf("a second node of one name: %v", err)
	}
	own := processesIn(t, strings.TrimSpace(m.run("readlink /proc/1/ns/pid")))
	if len(own) == 0 {
		t.Fatal("the node's processes are not seen from outside")
	}
	m.end()
	if _, err := node.Find("t-node"); !errors.Is(err, node.ErrNoNode) {
		t.Errorf("the node is still there: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the run folder is still there: %v", err)
	}
	if after := mounts(t); !slices.Equal(after, mountsBefore) {
		t.Errorf("mounts left behind: %q, before %q", after, mountsBefore)
	}
	for pid, start := range own {
		if start != "" && node.StartTime(pid) == start {
			t.Errorf("process left behind: %d", pid)
		}
	}
}

// mounts lists what is mounted on this machine.
func mounts(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

// processesIn lists the processes in a pid namespace, by their number on this
// machine, with when they started. Numbers of processes are used again, and those
// of namespaces at once.
func processesIn(t *testing.T, namespace string) map[int]string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]string{}
	for _, link := range links {
		target, err := os.Readlink(link)
		pid, errPID := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil && errPID == nil && target == namespace { // a process may have ended
			all[pid] = node.StartTime(pid)
		}
	}
	return all
}
