package usernetes

import (
	"os"
	"strconv"

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
func inNode(p Program) (host.Command, error) {
	pid, err := childPID()
	if err != nil {
		return host.Command{}, err
	}
	args := []string{
		"--target=" + strconv.Itoa(pid), "--user", "--preserve-credentials",
		"--mount", "--net", "--pid", "--cgroup", "--ipc", "--uts", "--", p.Name,
	}
	return host.Command{Path: "nsenter", Args: append(args, p.Args...), Env: environment()}, nil
}

// environment is what the node's programs get: nothing of the caller's but
// its terminal, its language and systemd's socket.
func environment() []string {
	env := []string{
		"PATH=" + searchPath, "HOME=" + Home, "USER=root", "XDG_RUNTIME_DIR=" + runtimeDir(),
		"_CRIO_ROOTLESS=1", // CRI-O's own switch for a user namespace
		"KUBECONFIG=" + clusterConfig(),
		"CONTAINER_RUNTIME_ENDPOINT=unix://" + crioSocket,
	}
	for _, key := range []string{"NOTIFY_SOCKET", "TERM", "LANG", "LC_ALL", "LC_MESSAGES"} {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return env
}

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
