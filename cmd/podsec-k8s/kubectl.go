package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const (
	kubectlProgram = "/usr/bin/kubectl"
	kubectlConfig  = runFolder + "/kubectl.conf"
)

// runKubectl becomes kubectl. On a master root needs no namespace for it: it runs
// as root, in the caller's folder and with the caller's environment, by a
// kubeconfig of root's own. Elsewhere it runs in the node.
func runKubectl(c *cli.Context, p *printer) error {
	args := c.Args().Slice()
	if os.Geteuid() != 0 {
		return inNode(c.Context, "kubectl", args)
	}
	if ownKubeconfig(args) {
		return host.Command{Path: kubectlProgram, Args: args}.Exec()
	}
	node, err := accessQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	if err := checkReach(c.Context, node); err != nil {
		return err
	}
	if !node.Master {
		p.aside("podsec-k8s: this is a worker: kubectl acts as its node, system:node:%s", node.Name)
		return inNode(c.Context, "kubectl", args)
	}
	if err := writeKubectlConfig(node.Access); err != nil {
		return err
	}
	env := setEnv(withoutProxy(os.Environ(), node.Access.Host()), "KUBECONFIG", kubectlConfig)
	return host.Command{Path: kubectlProgram, Args: args, Env: env}.Exec()
}

// ownKubeconfig reports whether the call names a kubeconfig, and so needs no
// node. What follows -- is for another program.
func ownKubeconfig(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(arg string) bool { return arg == "--kubeconfig" || strings.HasPrefix(arg, "--kubeconfig=") })
}

// checkReach tells what is to be done where no cluster can be asked. A master
// that is stopped may be one of several: then another one answers.
func checkReach(ctx context.Context, a usernetes.NodeAccess) error {
	switch {
	case !a.Begun:
		return node.NoNode()
	case !a.Member:
		return host.NewFault("run the command that creates the node again; or start over: podsec-k8s reset", "this node is not part of a cluster")
	case a.Running || (a.Master && reachable(ctx, a.Access.Server)):
		return nil
	default:
		return host.NewFault("start the node: systemctl start kubelet", "the node is stopped")
	}
}

// reachTimeout is how long a port may take to be opened.
const reachTimeout = 2 * time.Second

func reachable(ctx context.Context, server string) bool {
	address, err := url.Parse(server)
	if err != nil {
		return false
	}
	conn, err := (&net.Dialer{Timeout: reachTimeout}).DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// writeKubectlConfig writes the kubeconfig in memory, for root alone. While the
// cluster and the user are the same it stays as it is: kubectl config may have
// set a namespace in it.
func writeKubectlConfig(access kubeapi.Access) error {
	data, err := kubeconfigOf(access)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(kubectlConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if have, err := kubeapi.ParseKubeconfig(old); err == nil && have.Equal(access) {
		return nil
	}
	if err := host.MkdirAll(runFolder, 0o700); err != nil {
		return err
	}
	return host.WriteFile(kubectlConfig, data, 0o600)
}

// withoutProxy adds a host to those that are asked without a proxy, where the
// environment has one. Programs read the name in capitals first.
// Source: the module golang.org/x/net/http/httpproxy.
func withoutProxy(env []string, name string) []string {
	proxy, direct := false, ""
	for _, one := range env {
		key, value, _ := strings.Cut(one, "=")
		switch strings.ToLower(key) {
		case "https_proxy", "http_proxy", "all_proxy":
			proxy = proxy || value != ""
		case "no_proxy":
			if direct == "" || key == "NO_PROXY" {
				direct = value
			}
		}
	}
	if !proxy {
		return env
	}
	if direct != "" {
		name = direct + "," + name
	}
	return setEnv(setEnv(env, "NO_PROXY", name), "no_proxy", name)
}

// setEnv sets a variable in place of the one that may be there.
func setEnv(env []string, key, value string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(one string) bool { return strings.HasPrefix(one, key+"=") })
	return append(env, key+"="+value)
}
