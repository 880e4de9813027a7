package namespace

import (
	"context"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Environment is what every program of the node gets: nothing of the caller's
// but its terminal, its language and systemd's socket.
func Environment() []string {
	env := []string{
		"PATH=" + searchPath(), "HOME=" + node.Home, "USER=root", "XDG_RUNTIME_DIR=" + node.OwnRuntimeDir(),
		"_CRIO_ROOTLESS=1", // CRI-O's own switch for a user namespace
		"KUBECONFIG=" + clusterConfig(),
		"CONTAINER_RUNTIME_ENDPOINT=unix://" + node.CRIOSocket,
	}
	for _, key := range []string{"NOTIFY_SOCKET", "TERM", "LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"} {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// isEtcd reports whether the program is etcd, or this one on the way to it.
// etcd calls out to nobody but the cluster's other members, and kubeadm gives
// it no proxy either.
func (p Program) isEtcd() bool {
	return p.Name == "etcd" || p.Name == node.Self && len(p.Args) > 0 && p.Args[len(p.Args)-1] == "etcd"
}

// environment is what the program gets in the node: variables of its own,
// those of every program, which win, and those of the proxy.
func (p Program) environment(own []string) ([]string, error) {
	var proxy node.Proxy
	var err error
	if !p.isEtcd() {
		if proxy, err = node.LoadProxy(node.SiteDir); err != nil {
			return nil, err
		}
	}
	if proxy, err = proxy.Over(node.VariableMap(own)); err != nil {
		return nil, err
	}
	env := node.MergeVariables(node.WithoutProxies(own), Environment())
	if !proxy.Used() {
		return env, nil
	}
	n, err := node.LoadNode()
	if err != nil {
		return nil, err
	}
	if fault := proxy.Check(n, nil); fault != nil {
		return nil, fault
	}
	return node.MergeVariables(env, proxy.Variables(n.Directly(node.HostAddresses(), Endpoints(n)...))), nil
}

// Endpoints lists the hosts at which this node asks for the cluster's API.
func Endpoints(n node.Node) []string {
	all := []string{n.Endpoint}
	data, err := host.ReadFile(node.StatePath(node.KubeletConf))
	if err != nil {
		return all // it has not joined yet
	}
	clusters, err := kubeapi.Clusters(data)
	if err != nil {
		return all // the kubelet tells
	}
	for _, c := range clusters {
		all = append(all, c.Host())
	}
	return all
}

// EndpointHost returns the host of an endpoint that may have a port, "" for
// none.
func EndpointHost(endpoint string) string {
	if ip, err := netip.ParseAddr(endpoint); err == nil {
		return ip.String()
	}
	server, err := url.Parse("//" + endpoint)
	if err != nil {
		return ""
	}
	return server.Hostname()
}

// unitVariables returns the variables that the administrator has given the
// unit whose program this process is, in a drop-in with Environment= or
// EnvironmentFile=. There are none in a process that systemd has not started.
func unitVariables(ctx context.Context) ([]string, error) {
	if _, ok := os.LookupEnv("INVOCATION_ID"); !ok {
		return nil, nil
	}
	manager, err := node.UserManager(ctx)
	if err != nil {
		return nil, err
	}
	defer manager.Close()
	inherited, err := manager.Environment()
	if err != nil {
		return nil, err
	}
	return ownVariables(os.Environ(), inherited), nil
}

// ownVariables picks from the environment of a unit's program what the unit
// sets: what the manager gives every unit is left out, and what systemd tells
// each program of itself.
func ownVariables(env, inherited []string) (own []string) {
	for _, variable := range env {
		key, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(inherited, variable) && !isSystemdVariable(key) {
			own = append(own, variable)
		}
	}
	return own
}

// isSystemdVariable reports whether systemd, or a session, sets a variable.
// Source: systemd.exec(5), "Environment Variables in Spawned Processes".
func isSystemdVariable(name string) bool {
	for _, prefix := range []string{"LISTEN_", "WATCHDOG_", "SYSTEMD_", "MANAGERPID", "MEMORY_PRESSURE_", "TRIGGER_", "MONITOR_", "XDG_", "DBUS_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "MAINPID", "PIDFILE", "LOG_NAMESPACE", "CREDENTIALS_DIRECTORY",
		"RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY",
		"SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS",
		"HOME", "USER", "LOGNAME", "SHELL", "TERM", "PWD", "OLDPWD", "SHLVL", "_",
	}, name)
}
