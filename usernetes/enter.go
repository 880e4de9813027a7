package usernetes

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// searchPath is where the node's programs are. The stand-in for systemctl
// comes first.
const searchPath = libexec + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// A Program is a program with its arguments, to be run in the node or beside
// it.
type Program struct {
	Name string
	Args []string
}

// inNode gives the command that runs a program in the node's namespaces, as
// their root. It is for u7s-admin to run. Source: nsenter(1).
func inNode(p Program) (host.Command, error) { return inNodeWith(p, nil) }

// inNodeWith is inNode for a program that has variables of its own.
func inNodeWith(p Program, own []string) (host.Command, error) {
	pid, err := childPID()
	if err != nil {
		return host.Command{}, err
	}
	env, err := p.environment(own)
	if err != nil {
		return host.Command{}, err
	}
	args := []string{
		"--target=" + strconv.Itoa(pid), "--user", "--preserve-credentials",
		"--mount", "--net", "--pid", "--cgroup", "--ipc", "--uts", "--", p.Name,
	}
	return host.Command{
		Name: p.title(), Path: "nsenter", Args: append(args, p.Args...), Env: env,
		End: func(pid int) error { return signalProgram(pid, unix.SIGTERM) },
	}, nil
}

// title is what errors call a program: its name and the words up to its first
// flag, such as kubeadm init.
func (p Program) title() string {
	words := []string{filepath.Base(p.Name)}
	for _, arg := range p.Args {
		if !commandWord.MatchString(arg) || len(words) == 3 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

var commandWord = regexp.MustCompile(`^[a-z][a-z-]*$`)

// clusterConfig picks the identity with the most rights that the node has.
func clusterConfig() string {
	if _, err := os.Stat(kept(adminConf)); err != nil {
		return kubeletConf
	}
	return adminConf
}

// ExecInNode replaces this process by a program in the node.
func ExecInNode(name string, args ...string) error {
	cmd, err := inNode(Program{Name: name, Args: args})
	if err != nil {
		return err
	}
	return cmd.Exec()
}

// unitCommand is inNode for what a user unit runs: the program gets the unit's
// own variables.
func (p Program) unitCommand(ctx context.Context) (host.Command, error) {
	own, err := unitVariables(ctx)
	if err != nil {
		return host.Command{}, err
	}
	return inNodeWith(p, own)
}

// execUnit replaces this process, which a user unit runs, by a program in the
// node.
func (p Program) execUnit(ctx context.Context) error {
	cmd, err := p.unitCommand(ctx)
	if err != nil {
		return err
	}
	return cmd.Exec()
}
