package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// TestVeth runs a cluster in the fast network mode.
func TestVeth(t *testing.T) {
	parallel(t)
	g := generation.All()[0]
	master, worker := boot(t, g, "t-veth1"), boot(t, g, "t-veth2")
	before := master.snapshot()
	for _, m := range []*machine{master, worker} {
		m.run(node.WholePackets + " && sysctl -qw net.ipv4.ip_forward=0 && dnf -q -y install podsec-k8s") // CRI-O's package turns it on at boot
	}
	t.Run("forward dropped before", func(t *testing.T) { droppedBefore(master.on(t), "podsec-k8s-create-master --network=veth") })
	master.run("podsec-k8s-create-master --network=veth")
	worker.run(joinCommand(master, "--network=veth"))
	t.Run("traffic", func(t *testing.T) { traffic(master.on(t), worker) })
	t.Run("search domains", func(t *testing.T) { searchDomains(worker.on(t)) })
	t.Run("overlay", func(t *testing.T) { overlayOfTheMachine(worker.on(t)) })
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + publishedServices + "\nY")
	t.Run("outside", func(t *testing.T) { publishedAnswer(master.on(t), worker.on(t)) })
	t.Run("source address", func(t *testing.T) { sourceAddress(master.on(t), worker.on(t)) })
	t.Run("asked", func(t *testing.T) { askedPorts(master.on(t), worker.on(t), true) })
	vethWall(t, master, worker)
	t.Run("undone on the machine", func(t *testing.T) { undoneOnMachine(master.on(t), worker.on(t)) })
	t.Run("forward dropped", func(t *testing.T) { droppedForward(master.on(t), worker.on(t)) })
	t.Run("stranger", func(t *testing.T) { stranger(master.on(t)) })
	t.Run("the root service again", func(t *testing.T) {
		for _, command := range []string{
			"systemctl kill --signal=KILL podsec-k8s-net; sleep 1", "systemctl restart podsec-k8s-net", "systemctl stop podsec-k8s-net",
			userctl + "kill --signal=KILL u7s-rootlesskit; sleep 1",
		} {
			worker.on(t).run(command)
			everyPodReachesEveryPod(master.on(t), 2)
			publishedAnswer(master.on(t), worker.on(t))
		}
	})
	t.Run("erase", func(t *testing.T) {
		m := master.on(t)
		m.run("podsec-k8s reset --yes && dnf -q -y remove --noautoremove podsec-k8s")
		if all := differences(before, m.snapshot(), toolCaches()...); len(all) > 0 {
			t.Errorf("after erase:\n%s", strings.Join(all, "\n"))
		}
		m.run("! ip link show u7s0 && ! nft list table ip podsec_k8s && test ! -e /run/podsec-k8s-net.sock")
		m.says("cat /proc/sys/net/ipv4/conf/host0/forwarding", "0\n")
	})
}

// overlayOfTheMachine: flanneld has taken over the pod network's device that
// the root service made, so packets between nodes are the machine's own.
func overlayOfTheMachine(m *machine) {
	m.says("ss -Hlnu 'sport = 8472'", ":8472")
	m.run("test -z \"$(podsec-k8s exec ss -Hlnu 'sport = 8472')\"")
	m.says("podsec-k8s exec ip -d link show flannel.1", "link-netnsid", "local "+m.Address.String(), "mtu 1450")
	m.says("podsec-k8s exec ip -4 address show flannel.1", "inet 10.244.")
}

// sourceAddress: a Service of externalTrafficPolicy Local sees who asks.
func sourceAddress(master, worker *machine) {
	master.run(`podsec-k8s kubectl patch service balanced -p '{"spec":{"externalTrafficPolicy":"Local"}}'`)
	for _, proto := range []string{"tcp", "udp"} {
		port := map[string]int{"tcp": 8088, "udp": 8089}[proto]
		deadline := time.Now().Add(30 * time.Second)
		for out := ""; !strings.Contains(out, " 10.77.0.1:"); out = answers(worker, proto, port) {
			if time.Now().After(deadline) {
				worker.t.Fatalf("over %s the pod sees %q, not 10.77.0.1", proto, out)
			}
		}
	}
}

// stranger: the root service serves nobody but the node's user, gives it no port
// that is the machine's, and takes no namespace that is not its own.
func stranger(m *machine) {
	m.says("stat -c '%U %a' /run/podsec-k8s-net.sock", "u7s-admin 600")
	m.fails("setpriv --reuid=nobody --clear-groups socat -u /dev/null UNIX-CONNECT:/run/podsec-k8s-net.sock,type=5", 1, "Permission denied")
	m.run("socat -u /dev/null UNIX-CONNECT:/run/podsec-k8s-net.sock,type=5; sleep 1")
	m.says("journalctl -u podsec-k8s-net -o cat --no-pager", "a stranger was refused")
}
