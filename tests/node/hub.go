package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/rootfs"
)

// hubStart is how long the hub may take to boot, hubStop how long to end.
const (
	hubStart = 60 * time.Second
	hubStop  = 30 * time.Second
)

// runDir holds what nodes write. It is below the hub's /lab too.
func runDir() string {
	if dir := os.Getenv("PODSEC_K8S_RUN"); dir != "" {
		return dir
	}
	return "/var/tmp/podsec-k8s-nodes" + labName()
}

// labName tells the labs of several checkouts on one machine apart, by what
// they append to the names of folders. Each has a hub, and so a network, of
// its own.
func labName() string {
	if name := os.Getenv("PODSEC_K8S_LAB"); name != "" {
		return "-" + name
	}
	return ""
}

// hub is the outer machine.
type hub struct{ leader int }

// findHub returns the hub that runs, or ErrNoNode.
func findHub() (hub, error) {
	data, err := os.ReadFile(filepath.Join(runDir(), "hub"))
	if err != nil {
		return hub{}, ErrNoNode
	}
	var pid int
	var started string
	if _, err := fmt.Sscan(string(data), &pid, &started); err != nil || StartTime(pid) != started {
		return hub{}, ErrNoNode
	}
	leader, err := childOf(pid)
	if err != nil {
		return hub{}, ErrNoNode
	}
	return hub{leader}, nil
}

// StartTime tells processes of one number apart; "" is none that lives.
// Source: proc(5), stat.
func StartTime(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

func childOf(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) == 0 {
		return 0, fmt.Errorf("process %d has no child", pid)
	}
	return strconv.Atoi(fields[0])
}

// lockLabs waits until nobody else makes or ends nodes or hubs. The lock is in the
// cache, which stays when a run folder goes.
func lockLabs() (unlock func(), err error) { return cache.Lock("labs") }

// findHubOrClear returns the hub. Where none runs, it removes what one has left,
// and returns no hub; one that is being booted meanwhile is waited for.
func findHubOrClear(ctx context.Context) (hub, error) {
	unlock, err := lockLabs()
	if err != nil {
		return hub{}, err
	}
	defer unlock()
	if h, err := findHub(); err == nil {
		return h, nil
	}
	return hub{}, DownAll(ctx)
}

// ensureHub returns the hub, booted when none runs. The caller holds the lab's
// lock.
func ensureHub(ctx context.Context) (hub, error) {
	if err := os.MkdirAll(filepath.Join(runDir(), "nodes"), 0o755); err != nil {
		return hub{}, fmt.Errorf("making the run folder: %w", err)
	}
	if h, err := findHub(); err == nil {
		return h, nil
	}
	return bootHub(ctx)
}

// bootHub starts the outer machine. Its root is a cached one under a layer
// of memory, so that nothing is mounted on the machine itself.
func bootHub(ctx context.Context) (hub, error) {
	root, err := rootfs.Build(ctx, generation.All()[0])
	if err != nil {
		return hub{}, err
	}
	if err := writeHubFiles(); err != nil {
		return hub{}, fmt.Errorf("writing the hub's network: %w", err)
	}
	console, err := os.Create(filepath.Join(runDir(), "hub.log"))
	if err != nil {
		return hub{}, err
	}
	defer console.Close() //nolint:errcheck // the machine has it
	cmd := exec.Command("systemd-nspawn", hubArgs(root)...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return hub{}, fmt.Errorf("starting systemd-nspawn: %w", err)
	}
	record := fmt.Sprintf("%d %s\n", cmd.Process.Pid, StartTime(cmd.Process.Pid))
	if err := os.WriteFile(filepath.Join(runDir(), "hub"), []byte(record), 0o600); err != nil {
		return hub{}, err
	}
	go cmd.Wait() //nolint:errcheck // only to leave no zombie while we live
	return waitHub(ctx, console.Name())
}

func hubArgs(root string) []string {
	bind := func(name, at string) string { return "--bind-ro=" + filepath.Join(runDir(), name) + ":" + at }
	return []string{
		"--quiet", "--boot", "--directory=" + root, "--volatile=overlay", "--machine=podsec-k8s-hub",
		"--private-network", "--register=no", "--keep-unit", "--capability=all",
		"--system-call-filter=@keyring bpf mount @privileged @raw-io",
		bind("br0.netdev", "/etc/systemd/network/10-br0.netdev"), bind("br0.network", "/etc/systemd/network/10-br0.network"),
		"--bind=" + runDir() + ":/lab", bindCache(),
	}
}

// bindCache shows a machine the cache, without what is mounted below it: the
// hub's own root is there.
func bindCache() string { return "--bind-ro=" + cache.Dir() + ":" + cache.Dir() + ":norbind" }

// writeHubFiles makes the bridge that is all the network there is.
func writeHubFiles() error {
	for name, text := range map[string]string{
		"br0.netdev":  "[NetDev]\nName=br0\nKind=bridge\n",
		"br0.network": "[Match]\nName=br0\n\n[Network]\nAddress=" + gateway.String() + "/24\nConfigureWithoutCarrier=yes\n",
	} {
		if err := os.WriteFile(filepath.Join(runDir(), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func waitHub(ctx context.Context, console string) (hub, error) {
	ctx, cancel := context.WithTimeout(ctx, hubStart)
	defer cancel()
	var last error
	for {
		h, err := findHub()
		if err == nil {
			err = h.run(ctx, "ip", "link", "show", "br0")
		}
		if err == nil {
			return h, nil
		}
		last = err
		select {
		case <-ctx.Done():
			return hub{}, fmt.Errorf("the hub did not come up in %s (%w), see %s", hubStart, last, console)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// enter is the command line that enters a machine by its leader.
func enter(leader int) []string {
	return []string{"nsenter", "--target=" + strconv.Itoa(leader), "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--"}
}

// run runs a program in the hub.
func (h hub) run(ctx context.Context, argv ...string) error {
	_, err := h.output(ctx, argv...)
	return err
}

func (h hub) output(ctx context.Context, argv ...string) (string, error) {
	line := append(enter(h.leader), argv...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER="}
	cmd.WaitDelay = pipeTimeout
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("in the hub: %q: %w: %s", argv, err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// DownAll ends the hub, and with it every node, and removes what they wrote.
func DownAll(ctx context.Context) error {
	if h, err := findHub(); err == nil {
		if err := h.end(ctx); err != nil {
			return err
		}
	}
	return remove(runDir())
}

// end kills the hub's first process: the kernel ends all others with it.
func (h hub) end(ctx context.Context) error {
	if err := unix.Kill(h.leader, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("ending the hub: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, hubStop)
	defer cancel()
	for {
		if _, err := findHub(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the hub did not end in %s", hubStop)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
