package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// How long a node may take to boot, to end, and to let go of a command.
const (
	bootTimeout   = 3 * time.Minute
	downTimeout   = 2 * time.Minute
	rebootTimeout = 4 * time.Minute  // services may take their time to end
	pipeTimeout   = 10 * time.Second // for the rest of a command's output, once the command was given up
)

// ErrNoNode says that no node of a name runs.
var ErrNoNode = errors.New("there is no such node: make node NODE=NAME")

// A Node is a machine that runs.
type Node struct {
	Name       string
	Address    netip.Addr
	Generation string

	hub         hub
	interactive bool // commands get the caller's terminal
}

// An ExitError is a command in a node that ended with another status than 0.
type ExitError struct {
	Command string
	Status  int
}

// Error names the command.
func (e *ExitError) Error() string { return fmt.Sprintf("%q: exit status %d", e.Command, e.Status) }

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,14}$`)

// Boot boots a bare node: Debian with a repository of ALT's packages, and
// nothing of ours installed.
func Boot(ctx context.Context, g generation.Generation, name string) (*Node, error) {
	parts, err := Prepare(ctx, g)
	if err != nil {
		return nil, err
	}
	return boot(ctx, g, parts, name)
}

// BootReady boots a node that has all that podsec-k8s requires.
func BootReady(ctx context.Context, g generation.Generation, name string) (*Node, error) {
	parts, err := Prepare(ctx, g)
	if err != nil {
		return nil, err
	}
	if parts, err = parts.withRequired(ctx, g); err != nil {
		return nil, err
	}
	return boot(ctx, g, parts, name)
}

func boot(ctx context.Context, g generation.Generation, parts Parts, name string) (*Node, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("node name %q: lower-case letters, digits and dashes, 15 at most", name)
	}
	if _, err := Find(name); err == nil {
		return nil, fmt.Errorf("node %s is up already: make down NODE=%s", name, name)
	}
	n := &Node{Name: name, Generation: g.Name}
	if err := n.register(ctx); err != nil {
		return nil, err
	}
	if err := n.start(ctx, g, parts); err != nil {
		return nil, errors.Join(err, Down(context.WithoutCancel(ctx), name))
	}
	return n, nil
}

// register gives the node its hub and its address, and makes it known to
// others, who may boot and end nodes at the same time.
func (n *Node) register(ctx context.Context) error {
	unlock, err := lockLabs()
	if err != nil {
		return err
	}
	defer unlock()
	if n.hub, err = ensureHub(ctx); err != nil {
		return err
	}
	if n.Address, err = pickAddress(n.Name); err != nil {
		return err
	}
	if err := remove(n.dir()); err != nil {
		return err
	}
	if err := os.MkdirAll(n.dir(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.dir(), "record"), []byte(n.Address.String()+" "+n.Generation+"\n"), 0o644)
}

func (n *Node) start(ctx context.Context, g generation.Generation, parts Parts) error {
	if err := n.fill(ctx, parts); err != nil {
		return fmt.Errorf("making node %s: %w", n.Name, err)
	}
	if err := n.mount(ctx, parts); err != nil {
		return fmt.Errorf("making node %s: %w", n.Name, err)
	}
	if err := n.hub.run(ctx, n.nspawn(parts)...); err != nil {
		return fmt.Errorf("booting node %s: %w", n.Name, err)
	}
	if err := n.WaitBooted(ctx); err != nil {
		return err
	}
	return n.configure(ctx, g)
}

// dir is the node's folder, on the machine; inDir is the same in the hub. unit
// is the node's name in the hub, and of its cgroup, which all labs have in one
// tree.
func (n *Node) dir() string   { return filepath.Join(runDir(), "nodes", n.Name) }
func (n *Node) inDir() string { return filepath.Join("/lab/nodes", n.Name) }
func (n *Node) unit() string  { return "node-" + n.Name + labName() + ".service" }

func (n *Node) mount(ctx context.Context, parts Parts) error {
	lower, _ := parts.layers()
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/up,workdir=%s/work", lower, n.inDir(), n.inDir())
	return n.hub.run(ctx, "mount", "-t", "overlay", "overlay", "-o", options, n.inDir()+"/root")
}

// nspawn is the node as a unit of the hub. Status 133 asks for a reboot.
// Source: systemd-nspawn(1), "--keep-unit".
func (n *Node) nspawn(parts Parts) []string {
	return []string{
		"systemd-run", "--quiet", "--collect", "--unit=" + n.unit(), "--property=Delegate=yes", "--property=KillMode=mixed",
		"--property=RestartForceExitStatus=133", "--property=SuccessExitStatus=133", "--property=StartLimitIntervalSec=0",
		"--setenv=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "--setenv=SYSTEMD_NSPAWN_LOCK=0",
		"systemd-nspawn", "--quiet", "--boot", "--directory=" + n.inDir() + "/root", "--machine=" + n.Name,
		"--network-veth", "--network-bridge=br0", "--register=no", "--keep-unit", "--capability=all",
		"--system-call-filter=@keyring bpf mount",
		"--bind=" + n.inDir() + "/lib:/var/lib",
		"--bind-ro=" + parts.Repository + ":/srv/repo", "--bind-ro=" + parts.Packages + ":/srv/podsec-k8s",
		"--bind-ro=" + parts.Images + ":/srv/images", bindCache(),
	}
}

// WaitBooted waits until the node's systemd has started what it starts, and answers
// each time: on a busy machine one was seen that answered once, and then not for a
// moment, as if no systemd had booted it.
func (n *Node) WaitBooted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	for answers := 0; answers < steadyAnswers; answers++ {
		state := n.state(ctx)
		if state != "" {
			answers = -1
		}
		select {
		case <-ctx.Done():
			log, _ := n.hub.output(context.WithoutCancel(ctx), "journalctl", "-u", n.unit(), "-n", "20", "--no-pager", "-o", "cat")
			return fmt.Errorf("node %s did not boot in %s: it is %q\n%s", n.Name, bootTimeout, state, log)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// steadyAnswers is how often a node answers in a row that has booted.
const steadyAnswers = 3

// state says why the node has not booted, or "". The status of systemctl tells of
// degraded, which will do.
func (n *Node) state(ctx context.Context) string {
	out, _ := n.Output(ctx, "systemctl is-system-running")
	if state := strings.TrimSpace(out); state != "running" && state != "degraded" {
		return cmp.Or(state, "silent")
	}
	if out, err := n.Output(ctx, "true"); err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return ""
}

// leader finds the node's first process, as the hub counts it.
func (n *Node) leader(ctx context.Context) (string, error) {
	out, err := n.hub.output(ctx, "sh", "-c", `p=$(systemctl show -P MainPID "$0"); cat /proc/$p/task/$p/children`, n.unit())
	if err != nil {
		return "", err
	}
	fields := strings.Fields(out)
	if len(fields) == 0 {
		return "", fmt.Errorf("node %s does not run", n.Name)
	}
	return fields[0], nil
}

// Exec runs a shell command in the node, as root. A status other than 0 is
// an *ExitError. When ctx has a deadline, the command ends with it.
func (n *Node) Exec(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) error {
	leader, err := n.leader(ctx)
	if err != nil {
		return err
	}
	id, err := strconv.Atoi(leader)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	line := append(enter(n.hub.leader), enter(id)...)
	line = append(line, n.service(ctx, command)...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.WaitDelay = pipeTimeout // nsenter's child, which has the pipes, outlives it
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return &ExitError{Command: command, Status: exit.ExitCode()}
	}
	return err
}

// service is a command as a transient service of the node's systemd: what
// only enters a node's namespaces stays outside of its cgroups, which logind
// and others find out. The command goes by the environment, for systemd
// would expand what looks like a variable in it.
// Source: systemd-run(1); systemd.service(5), "Command lines".
func (n *Node) service(ctx context.Context, command string) []string {
	line := []string{
		"systemd-run", "--quiet", "--collect", "--wait", "--service-type=exec", "--working-directory=/root",
		"--setenv=HOME=/root", "--setenv=TERM=" + os.Getenv("TERM"), "--setenv=SYSTEMD_PAGER=",
		"--setenv=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--setenv=LAB=" + command,
	}
	if isTerminal(os.Stdin) && n.interactive {
		line = append(line, "--pty")
	} else {
		line = append(line, "--pipe")
	}
	if deadline, ok := ctx.Deadline(); ok {
		line = append(line, fmt.Sprintf("--property=RuntimeMaxSec=%.0f", max(1, time.Until(deadline).Seconds())))
	}
	return append(line, "sh", "-c", `c=$LAB; unset LAB; eval "$c"`)
}

// Shell runs a shell in the node, at the caller's terminal.
func (n *Node) Shell(ctx context.Context) error {
	at := *n
	at.interactive = true
	return at.Exec(ctx, "exec bash -l", os.Stdin, os.Stdout, os.Stderr)
}

func isTerminal(file *os.File) bool {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// Output runs a shell command and returns what it printed on either output.
func (n *Node) Output(ctx context.Context, command string) (string, error) {
	var out strings.Builder
	err := n.Exec(ctx, command, nil, &out, &out)
	return out.String(), err
}

// Outside runs a shell command on a machine that is no node, on the same
// bridge as all nodes, and returns what it printed.
func Outside(ctx context.Context, command string) (string, error) {
	h, err := findHub()
	if err != nil {
		return "", err
	}
	return h.output(ctx, "bash", "-c", command)
}

// Find returns a node that runs, or ErrNoNode.
func Find(name string) (*Node, error) {
	all, err := List()
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", name, ErrNoNode)
}

// List returns the nodes that run.
func List() ([]*Node, error) {
	h, err := findHub()
	if errors.Is(err, ErrNoNode) {
		return nil, nil
	}
	records, err := filepath.Glob(filepath.Join(runDir(), "nodes/*/record"))
	if err != nil {
		return nil, err
	}
	var all []*Node
	for _, record := range records {
		data, err := os.ReadFile(record)
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(string(data))
		n := &Node{Name: filepath.Base(filepath.Dir(record)), hub: h}
		if len(fields) != 2 {
			return nil, fmt.Errorf("the record of node %s is broken: make down NODE=%s", n.Name, n.Name)
		}
		if n.Address, err = netip.ParseAddr(fields[0]); err != nil {
			return nil, err
		}
		n.Generation = fields[1]
		all = append(all, n)
	}
	return all, nil
}

// Down ends a node and removes what it wrote. The hub goes with the last.
func Down(ctx context.Context, name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("there can be no node %q", name)
	}
	h, err := findHubOrClear(ctx)
	if err != nil || h == (hub{}) {
		return err
	}
	n := &Node{Name: name, hub: h}
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	// Both may be done already; what counts is that nothing is left.
	_ = h.run(ctx, "systemctl", "kill", "--signal=KILL", n.unit())
	_ = h.run(ctx, "systemctl", "stop", n.unit())
	_ = h.run(ctx, "umount", "--recursive", n.inDir()+"/root")
	unlock, err := lockLabs()
	if err != nil {
		return err
	}
	defer unlock()
	if err := remove(n.dir()); err != nil {
		return fmt.Errorf("removing node %s: %w", name, err)
	}
	left, err := List()
	if err != nil || len(left) > 0 {
		return err
	}
	return DownAll(ctx)
}
