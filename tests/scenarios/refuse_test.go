package scenarios

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// Exit statuses of podsec-k8s(8).
const (
	exitFault     = 1
	exitUsage     = 2
	exitPreflight = 3
	exitLocked    = 4
)

// A refusal is bad input or a bad machine: how to spoil it, what to run, what
// is said, and how to mend it.
type refusal struct {
	name    string
	spoil   string
	command string
	status  int
	words   []string
	mend    string
}

const create = "podsec-k8s-create-master"

func refusals() []refusal {
	return []refusal{
		{"unknown flag", "", "podsec-k8s reset --nope", exitUsage, []string{"-nope", "--help"}, ""},
		{"unknown command", "", "podsec-k8s nope", exitUsage, []string{`"nope"`, "--help"}, ""},
		{"flag that kubeadm does not know", "", create + " --nope", exitUsage, []string{"--nope", "remedy"}, ""},
		{"flag that we own", "", create + " --cri-socket=/x", exitUsage, []string{"--cri-socket cannot be used", "remedy"}, ""},
		{"overlapping networks", "", create + " --pod-network-cidr=10.96.0.0/12", exitPreflight, []string{"[networks]", "overlaps", "remedy"}, ""},
		{"network of the host", "", create + " --service-cidr=10.77.0.0/16", exitPreflight, []string{"[networks]", "the host's network"}, ""},
		{"address of another machine", "", create + " --node-ip=192.0.2.1", exitPreflight, []string{"[node-ip]", "192.0.2.1", "remedy"}, ""},
		{"name of every machine", "", create + " --node-name=LOCALHOST.localdomain", exitPreflight, []string{"[node-name]", "every machine", "hostnamectl set-hostname"}, ""},
		{"name with a label that is too long", "", create + " --node-name=" + strings.Repeat("a", 64), exitUsage, []string{"not a name of a machine", "remedy"}, ""},
		{"name that is too long", "", create + " --node-name=" + strings.Repeat("a.", 32) + "a", exitPreflight, []string{"[node-name]", "has 65 characters", "maximum for a node is 63", "remedy"}, ""},
		{"machine with a name that no node can have", sethostname("my_host"), create, exitPreflight, []string{"[node-name]", `"my_host"`, "--node-name NAME"}, sethostname("t-refuse")},
		{"IPv6 address beside networks of IPv4", "", create + " --node-ip=fd00::1", exitPreflight, []string{"[node-ip]", "fd00::1 is not an IPv4 address", "--node-ip 10.77.0."}, ""},
		{"networks of IPv6", "", create + " --pod-network-cidr=fd00::/48", exitPreflight, []string{"[networks]", "the pod network fd00::/48 is not an IPv4 network", "remedy"}, ""},
		{"machine without IPv4", "", "unshare --net sh -c 'ip link set lo up && ip address add fd00::1/64 dev lo && " + create + " --node-ip fd00::1'", exitPreflight, []string{"[node-ip] this machine has no IPv4 address", "podsec-k8s needs IPv4", "remedy"}, ""},
		{"no address", "", create + " --node-ip=nonsense", exitUsage, []string{"--node-ip", "remedy"}, ""},
		{"port taken", "systemd-run -q --unit=taken socat TCP-LISTEN:6443,fork -; sleep 1", create, exitPreflight, []string{"[ports]", "6443/tcp", "remedy"}, "systemctl stop taken"},
		{"no tun device", "mv /dev/net/tun /dev/tun.away", create, exitPreflight, []string{"[tun]", "remedy"}, "mv /dev/tun.away /dev/net/tun"},
		{"newuidmap restricted", "chmod 0700 /usr/bin/newuidmap", create, exitPreflight, []string{"[newuidmap]", "control newuidmap public"}, "chmod 4755 /usr/bin/newuidmap"},
		{"no subordinate ids", "cp -a /etc/subuid /root/ && : > /etc/subuid", create, exitPreflight, []string{"[subordinate-ids]", "0 subordinate uids", "remedy"}, "cat /root/subuid > /etc/subuid"},
		{"no cgroup v2", "", "unshare --mount sh -c 'mount -t tmpfs none /sys/fs/cgroup && podsec-k8s-create-master'", exitPreflight, []string{"[cgroup-v2]", "systemd.unified_cgroup_hierarchy=1"}, ""},
		{"no room", "mount -t tmpfs -o size=64m,mode=700,uid=u7s-admin none /var/lib/u7s-admin", create, exitPreflight, []string{"[disk]", "64 MiB", "remedy"}, "umount /var/lib/u7s-admin"},
		{"mode that RootlessKit does not know", "", create + " --network=pasta", exitPreflight, []string{"[network-mode]", "passt", "remedy"}, ""},
		{"fast mode on an unfit machine", "", create + " --network=veth --node-ip=192.0.2.1", exitPreflight, []string{"[node-ip]"}, ""},
		{"missing image archive", "", create + " --image-archive /nowhere.tar", exitPreflight, []string{"[image-archive]", "/nowhere.tar", "remedy"}, ""},
		{"missing image", "", "podsec-k8s image load /nowhere.tar", exitFault, []string{"/nowhere.tar", "remedy"}, ""},
		{"no image", "", "podsec-k8s image load", exitUsage, []string{"FILE is missing", "--help"}, ""},
		{"image for no node", "", "podsec-k8s image load /srv/images/web.tar", exitFault, []string{"no node", "podsec-k8s-create-master"}, ""},
		{"one word too many", "", create + " extra", exitUsage, []string{`"extra"`, "--help"}, ""},
		{"mode that nobody knows", "", create + " --network=foo", exitUsage, []string{`"foo"`, "veth"}, ""},
		{"check that nobody knows", "", create + " --ignore-preflight=foo", exitUsage, []string{`"foo"`, "remedy"}, ""},
		{"phase that kubeadm does not know", "", create + " --skip-phases=foo", exitUsage, []string{`"foo"`, "--help"}, ""},
		{"feature that kubeadm does not know", "", create + " --feature-gates=Foo=true", exitUsage, []string{"Foo", "remedy"}, ""},
		{"flag that kubeadm takes without a configuration alone", "", create + " --one-output", exitUsage, []string{"--one-output", "--config FILE"}, ""},
		{"field that kubeadm does not know", "printf 'apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nnetworkink: {}\n' > /root/typo.yaml", create + " --config /root/typo.yaml", exitFault, []string{"networkink", "remedy"}, "rm /root/typo.yaml"},
		{"certificates for nobody", "", create + " --upload-certs", exitUsage, []string{"--control-plane-endpoint", "remedy"}, ""},
		{"reset of another", "", "podsec-k8s reset --yes w2", exitUsage, []string{`"w2"`, "--help"}, ""},
		{"two secrets from one place", "", "podsec-k8s join 192.0.2.1:6443 --token a --token-file - --discovery-token-ca-cert-hash b", exitUsage, []string{"--token-file", "remedy"}, ""},
		{"missing configuration", "", create + " --config /nowhere.yaml", exitFault, []string{"/nowhere.yaml", "remedy"}, ""},
		{"broken site settings", "echo COLOUR=red > /etc/podsec-k8s/99.conf", create, exitFault, []string{"99.conf:1", "COLOUR", "remedy"}, "rm /etc/podsec-k8s/99.conf"},
		{"address in place of a registry", "echo IMAGE_REPOSITORY=https://registry.example > /etc/podsec-k8s/99.conf", create, exitFault, []string{`"https://registry.example/`, "not an image name", "IMAGE_REPOSITORY"}, "rm /etc/podsec-k8s/99.conf"},
		{"several faults at once", "chmod 0700 /usr/bin/newuidmap", create + " --node-ip=192.0.2.1 --image-archive /nowhere.tar", exitPreflight, []string{"[newuidmap]", "[node-ip]", "[image-archive]"}, "chmod 4755 /usr/bin/newuidmap"},
		{"not root", "", "setpriv --reuid=nobody --clear-groups podsec-k8s-create-master", exitFault, []string{"only root", "remedy"}, ""},
		{"lock held", "mkdir -p /run/podsec-k8s; systemd-run -q --unit=holder flock /run/podsec-k8s/lock sleep 60; sleep 1", create, exitLocked, []string{"another run", "remedy"}, "systemctl stop holder"},
		{"Russian", "", "LANG=ru_RU.UTF-8 " + create + " --node-ip=192.0.2.1", exitPreflight, []string{"что делать"}, ""},
	}
}

// sethostname gives the machine a name that hostname(1) would not.
func sethostname(name string) string {
	return `python3 -c 'import socket; socket.sethostname("` + name + `")'`
}

// TestRefuse: bad input ends with a cause, a remedy and a status, and changes
// nothing.
func TestRefuse(t *testing.T) {
	parallel(t)
	g := generation.All()[0]
	m := bootInstalled(t, g, "t-refuse")
	for _, r := range append(refusals(), siteRefusals()...) {
		t.Run(r.name, func(t *testing.T) {
			m := m.on(t)
			before := nodeState(m)
			if r.spoil != "" {
				m.run(r.spoil)
			}
			m.fails(r.command, r.status, r.words...)
			m.inRussian(r.command)
			if r.mend != "" {
				m.run(r.mend)
			}
			if after := nodeState(m); after != before {
				t.Errorf("something was changed:\n%swas:\n%s", after, before)
			}
		})
	}
	t.Run("dry run", func(t *testing.T) {
		m := m.on(t)
		before := nodeState(m)
		m.says(create+" --dry-run", "kind: ClusterConfiguration", "RootlessKit")
		if after := nodeState(m); after != before {
			t.Errorf("something was changed:\n%swas:\n%s", after, before)
		}
	})
	t.Run("skipped service", func(t *testing.T) { skippedService(m.on(t)) })
	t.Run("broken control plane", func(t *testing.T) { brokenInit(m.on(t), g) })
	t.Run("all in Russian", func(t *testing.T) { russian(m.on(t)) })
	t.Run("full disk", func(t *testing.T) { fullDisk(m.on(t)) })
}

// fullDisk: a disk that fills half way is named, and once there is room the
// same command goes on to the end, after an interrupt too. It asks for a cluster
// without kubeadm's DNS, and gets no kube-proxy of kubeadm's for that.
func fullDisk(m *machine) {
	const create = create + " --skip-phases addon/coredns"
	m.run("mount -t tmpfs -o size=48m,mode=700,uid=u7s-admin,gid=u7s-admin none /var/lib/u7s-admin")
	m.fails(create+" --ignore-preflight=disk", exitFault, "phase images", "no space left on device", "remedy")
	m.fails("podsec-k8s kubectl get nodes", exitFault, "not part of a cluster", "remedy")
	m.run("mount -o remount,size=4g /var/lib/u7s-admin")
	m.fails("timeout --preserve-status --signal=INT 4 "+create, signals[0].status, "interrupted", "remedy")
	m.run("sleep 1; ! pgrep -x kubeadm")
	putDeadKubeconfig(m)
	m.says(create, "The control plane is ready", "Your kubeconfig: /root/.kube/config\n")
	m.says("podsec-k8s kubectl get nodes", " Ready")
	m.run("test -z \"$(podsec-k8s kubectl -n kube-system get daemonsets,deployments -o name)\"")
	kubeconfigsGo(m, create)
	m.run("umount /var/lib/u7s-admin")
}

// nodeState is what a refused command must not change.
func nodeState(m *machine) string {
	return m.run("find /var/lib/u7s-admin /var/lib/podsec-k8s /etc -xdev -printf '%p %y %m %U:%G %s %l\\n' | sort | sha256sum; " +
		"find /var/lib/u7s-admin -printf '%p\\n'; " + userctl + "list-units --plain --no-legend --state=active 'u7s*'")
}

// TestInstallFails: a package that can't change its host takes back what it
// began, says why, and can be finished later.
func TestInstallFails(t *testing.T) {
	parallel(t)
	g := generation.All()[0]
	m := boot(t, g, "t-install")
	before := m.snapshot()
	m.run("dnf -q -y install podsec-k8s && cp /usr/bin/podsec-k8s /root/ && dnf -q -y remove --noautoremove podsec-k8s")
	for _, c := range []struct{ name, spoil, mend string }{
		{"no subordinate ids left", "echo all:0:4294967295 > /etc/subuid.full; cp -a /etc/subuid /root/; cat /etc/subuid.full > /etc/subuid; rm /etc/subuid.full", "cat /root/subuid > /etc/subuid"},
		{"read-only /etc", "mount --bind /etc /etc && mount -o remount,ro,bind /etc", "umount /etc"},
		{"full disk", "mkdir -p /var/lib/podsec-k8s && mount -t tmpfs -o size=4k,nr_inodes=4 none /var/lib/podsec-k8s", "umount /var/lib/podsec-k8s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := m.on(t)
			m.run("cp /root/podsec-k8s /usr/bin/")
			m.run(c.spoil)
			m.fails("podsec-k8s scriptlet post 1", exitFault, "remedy")
			m.run(c.mend)
			m.run("rm /usr/bin/podsec-k8s")
			if all := differences(before, m.snapshot(), toolCaches()...); len(all) > 0 {
				t.Errorf("left behind:\n%s", strings.Join(all, "\n"))
			}
		})
	}
	m.run("dnf -q -y install podsec-k8s")
	m.says("podsec-k8s host status", "u7s-admin")
}
