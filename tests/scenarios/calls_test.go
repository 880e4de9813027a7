package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// wrongCalls: every command that help names is called with a word too many, a
// flag that nobody has, and its own flags without a value, on a node that has a
// cluster to lose. Each is wrong usage, and nothing is changed by any of them.
func wrongCalls(m *machine) {
	before := m.run(liveState)
	calls := helpTree(m, "podsec-k8s")
	calls = append(calls, "podsec-k8s-create-master one-too-many", "podsec-k8s reset --yes w2", "podsec-k8s status extra", "podsec-k8s host plan extra", "podsec-k8s deps list extra")
	if len(calls) < 60 {
		m.t.Errorf("help names too little: %q", calls)
	}
	var script strings.Builder
	for _, call := range calls {
		fmt.Fprintf(&script, "out=$(%s 2>&1 < /dev/null); status=$?; case $status-$out in 2-*remedy*) ;; *) echo \"%s: $status: $out\";; esac\n", call, call)
	}
	if out := m.run(script.String()); out != "" {
		m.t.Errorf("not taken for wrong usage:\n%s", out)
	}
	if after := m.run(liveState); after != before {
		m.t.Errorf("something was changed:\n%swas:\n%s", after, before)
	}
}

// liveState is what no wrong call may change of a node that runs: its services,
// settings and certificates, the host, the cluster's nodes and tokens, and root's
// kubeconfigs.
const liveState = `podsec-k8s kubectl get nodes -o name; podsec-k8s kubectl -n kube-system get secrets -o name
u="` + userctl + `"
for unit in $($u list-units --plain --no-legend 'u7s*' | cut -d' ' -f1); do $u show -P Id -P ActiveState -P MainPID $unit; done
cd /var/lib/u7s-admin/state && find . -maxdepth 1 -type f -exec sha256sum {} +
find root/etc /var/lib/podsec-k8s /etc /root/.kube/config /run/podsec-k8s -xdev -type f -exec sha256sum {} + | sort | sha256sum`

// helpTree makes wrong calls of a command, and of those below it, from what its
// help says.
func helpTree(m *machine, path string) (calls []string) {
	help := sections(m.run(path + " --help"))
	if path == "podsec-k8s" {
		for _, name := range below(help) {
			if !slices.Contains([]string{"kubeadm", "kubectl", "crictl"}, name) { // their flags are their own
				calls = append(calls, helpTree(m, path+" "+name)...)
			}
		}
		return append(calls, path+" --no-such-flag", path+" no-such-command")
	}
	if names := below(help); len(names) > 0 {
		for _, name := range names {
			calls = append(calls, helpTree(m, path+" "+name)...)
		}
		return append(calls, path, path+" --no-such-flag", path+" no-such-command")
	}
	_, usage, takesFlags := strings.Cut(help["Usage"][0], "[FLAGS]")
	if !takesFlags {
		usage = strings.TrimPrefix(strings.TrimSpace(help["Usage"][0]), path)
	}
	var enough []string
	limited := true
	for _, word := range strings.Fields(usage) {
		if !strings.HasPrefix(word, "[") {
			calls = append(calls, strings.Join(append([]string{path}, enough...), " "))
		}
		enough, limited = append(enough, "word"), limited && !strings.Contains(word, "…")
	}
	words := " " + strings.Join(enough, " ")
	if limited {
		calls = append(calls, path+words+" one-too-many")
	}
	calls = append(calls, path+" --no-such-flag"+words)
	for _, line := range help["Flags"] {
		if flag := flagWithValue.FindStringSubmatch(line); flag != nil {
			calls = append(calls, path+" "+flag[1], path+" "+flag[1]+"="+words)
		}
	}
	return calls
}

// Forms of lines in help: what begins further to the right is the rest of a text.
var (
	commandName   = regexp.MustCompile(`^ {2}([a-z]\S*)`)
	flagWithValue = regexp.MustCompile(`^ {2,6}(?:-\w, )?(--[a-z-]+) [A-Z]+(?: {2}|$)`)
)

// below lists the commands that help names.
func below(help map[string][]string) (names []string) {
	for _, line := range help["Commands"] {
		if name := commandName.FindStringSubmatch(line); name != nil {
			names = append(names, name[1])
		}
	}
	return names
}

// sections parts a help text by its headings.
func sections(help string) map[string][]string {
	all, heading := map[string][]string{}, ""
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " "):
			heading = strings.TrimSuffix(line, ":")
		case strings.TrimSpace(line) != "":
			all[heading] = append(all[heading], line)
		}
	}
	return all
}

// askedAgain: a node that is asked for what it is says so, and one that is asked
// for anything else does not pretend to be that.
func askedAgain(m *machine) {
	ip := m.Address.String()
	m.says("podsec-k8s-create-master", "already")
	m.says("podsec-k8s-create-master --node-ip "+ip+" --network slirp4netns --pod-network-cidr 10.244.0.0/16 -v 5", "already")
	for flag, names := range map[string]string{
		"--node-ip 192.0.2.1":                                          "--node-ip",
		"--network veth":                                               "--network",
		"--pod-network-cidr 10.1.0.0/16":                               "--pod-network-cidr",
		"--skip-phases addon/coredns":                                  "--skip-phases",
		"--image-archive /srv/images/web.tar":                          "podsec-k8s image load /srv/images/web.tar",
		"--control-plane-endpoint api.podsec.test:6443 --upload-certs": "--control-plane-endpoint",
		"--config /root/other.yaml":                                    "--config",
	} {
		m.run("printf 'apiVersion: kubelet.config.k8s.io/v1beta1\\nkind: KubeletConfiguration\\nmaxPods: 7\\n' > /root/other.yaml")
		m.fails("podsec-k8s-create-master "+flag, exitFault, "already a node", names, "remedy")
	}
	for flag, names := range map[string]string{
		"--nope": "--nope", "--network foo": "foo", "--node-ip foo": "--node-ip", "--ignore-preflight foo": "foo", "--skip-phases foo": "foo",
		"--apiserver-bind-port 70000": "--apiserver-bind-port", "--service-cidr 10.0.0.0": "--service-cidr", "--kubernetes-version new": "--kubernetes-version",
		"--node-name A_B": "--node-name", "--upload-certs": "--control-plane-endpoint", "--cri-socket /x": "--cri-socket", "--feature-gates A=maybe": "A=maybe",
		"--control-plane-endpoint a:http": "--control-plane-endpoint", "extra": "extra",
	} {
		m.fails("podsec-k8s-create-master "+flag, exitUsage, names, "remedy")
	}
	_, hash := ticket(m)
	const join = "podsec-k8s join 192.0.2.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash "
	m.fails(join+hash, exitFault, "created this cluster", "remedy")
	m.fails(join+"sha256:"+strings.Repeat("0", 64), exitFault, "a cluster of its own", "podsec-k8s reset")
	m.fails("podsec-k8s join 192.0.2.1 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash "+hash, exitUsage, "not an address and port", "remedy")
	m.fails("podsec-k8s join 192.0.2.1:6443 --discovery-token-ca-cert-hash "+hash, exitUsage, "--token-file is missing", "remedy")
}

// joinedAgain: what a worker is asked for once more.
func joinedAgain(worker, master *machine) {
	token, hash := ticket(master)
	same := "podsec-k8s join " + master.Address.String() + ":6443 --token " + token + " --discovery-token-ca-cert-hash " + hash
	worker.says(same, "already")
	worker.says("podsec-k8s join 192.0.2.1:6443 --token "+token+" --discovery-token-ca-cert-hash "+hash, "already") // the same cluster by another address
	worker.fails(same+" --node-name other", exitFault, "--node-name", "podsec-k8s reset")
	worker.fails(same+" --node-ip 192.0.2.1", exitFault, "--node-ip", "podsec-k8s change-address")
	worker.fails(same+" --control-plane --certificate-key "+strings.Repeat("0a", 32), exitFault, "a worker of that cluster", "podsec-k8s reset")
	worker.fails(same+" --nope", exitUsage, "--nope", "remedy")
	worker.fails(same+" --apiserver-bind-port 7443", exitUsage, "--apiserver-bind-port", "--control-plane")
	worker.fails(strings.Replace(same, hash, "sha256:"+strings.Repeat("0", 64), 1), exitFault, "another cluster", "podsec-k8s reset")
	worker.fails("podsec-k8s-create-master", exitFault, "a worker of a cluster that it joined", "podsec-k8s reset")
}
