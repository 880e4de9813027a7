package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// vethWall plays u7s-admin against the machine, in the mode veth: what a
// container could do that broke out.
func vethWall(t *testing.T, master, worker *machine) {
	t.Run("service is no root", func(t *testing.T) { netServiceIsNoRoot(worker.on(t)) })
	t.Run("forged router", func(t *testing.T) { forgedRouter(worker.on(t)) })
	t.Run("foreign source", func(t *testing.T) { foreignSource(master.on(t), worker.on(t)) })
	t.Run("squatted port", func(t *testing.T) { squattedPort(master.on(t), worker.on(t)) })
	t.Run("thousands of connections", func(t *testing.T) { thousandsOfConnections(master.on(t), worker.on(t)) })
	t.Run("own services", func(t *testing.T) { ownServicesVeth(master.on(t), worker.on(t)) })
	t.Run("upgrade", func(t *testing.T) { upgradeOfRoot(master.on(t), worker.on(t)) })
}

const netStatus = "/proc/$(systemctl show -P MainPID podsec-k8s-net)/status"

// netServiceIsNoRoot: the service has one capability, reads nothing of root's
// and reaches no bus. It is not held up by settings that it may not read.
func netServiceIsNoRoot(m *machine) {
	status := m.run("grep -E '^(Uid|Cap|NoNewPrivs)' " + netStatus)
	const netAdmin = "0000000000001000"
	for _, line := range []string{"CapPrm:\t" + netAdmin, "CapEff:\t" + netAdmin, "CapBnd:\t" + netAdmin, "CapAmb:\t" + netAdmin, "NoNewPrivs:\t1"} {
		if !strings.Contains(status, line+"\n") {
			m.t.Errorf("no %q in\n%s", line, status)
		}
	}
	admin := strings.TrimSpace(m.run("id -u u7s-admin"))
	for line := range strings.Lines(status) {
		if ids, found := strings.CutPrefix(line, "Uid:"); found && (strings.HasPrefix(ids, "\t0\t") || strings.HasPrefix(ids, "\t"+admin+"\t")) {
			m.t.Errorf("the service runs as somebody else: %s", line)
		}
	}
	m.run("systemd-analyze security --no-pager --threshold=20 podsec-k8s-net.service kubelet.service > /dev/null")

	m.run("mkdir -p /etc/systemd/system/podsec-k8s-net.service.d && cat > /etc/systemd/system/podsec-k8s-net.service.d/probe.conf <<'C'\n[Service]\nExecStartPre=/usr/bin/python3 /usr/local/libexec/probe.py\nC\n" +
		"mkdir -p /usr/local/libexec && cat > /usr/local/libexec/probe.py <<'P'\n" + probeRoot + "\nP\n" +
		"echo SLIRP_CIDR=10.41.0.0/24 > /etc/podsec-k8s/50-private.conf && chgrp u7s-admin /etc/podsec-k8s/50-private.conf && chmod 0640 /etc/podsec-k8s/50-private.conf")
	before := time.Now().Unix()
	m.run("systemctl daemon-reload && systemctl restart podsec-k8s-net && systemctl is-active podsec-k8s-net")
	log := m.run(fmt.Sprintf("journalctl -u podsec-k8s-net -o cat --no-pager --since @%d", before))
	if got := strings.Count(log, "probe: refused"); got != strings.Count(probeRoot, "probe(") || strings.Contains(log, "probe: done") {
		m.t.Errorf("%d were refused:\n%s", got, log)
	}
	m.run("rm -r /etc/systemd/system/podsec-k8s-net.service.d /etc/podsec-k8s/50-private.conf /usr/local/libexec/probe.py && systemctl daemon-reload && systemctl restart podsec-k8s-net")
}

// probeRoot tries, with the service's own rights, what only root may do. A line
// of def is no try.
const probeRoot = `import os, socket
def attempt(name, action):
    try:
        action()
        print("probe: done", name, flush=True)
    except OSError as e:
        print("probe: refused", name, e, flush=True)
probe = attempt
def local(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
probe("shadow", lambda: open("/etc/shadow").read())
probe("core_pattern", lambda: open("/proc/sys/kernel/core_pattern", "w").write("core"))
probe("systemd", lambda: local("/run/systemd/private"))
probe("bus", lambda: local("/run/dbus/system_bus_socket"))
probe("state of systemd", lambda: open("/run/systemd/private"))
probe("packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
probe("folder", lambda: os.mkdir("/etc/probe"))
probe("home", lambda: os.listdir("/root"))
probe("kubernetes", lambda: os.listdir("/var/lib/u7s-admin/state"))`

// inside runs a Python program in the node's namespaces.
func inside(m *machine, program string) {
	m.t.Helper()
	m.run("podsec-k8s exec python3 - <<'P'\n" + program + "\nP")
}

// router advertises the namespaces as a router, and a network of theirs.
// Source: RFC 4861, section 4.2.
const router = `import socket, struct
device = socket.if_nametoindex("u7s1")
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, device)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0, 0, device))`

// forgedRouter: the machine takes no router for its own that the namespaces
// advertise, also after its device was made anew, or when the site turns IPv6 on
// everywhere.
func forgedRouter(m *machine) {
	const untouched = "test -z \"$(ip -6 route show default dev u7s0)\" -a -z \"$(ip -6 address show dev u7s0)\""
	for _, command := range []string{
		"true",
		"ip link delete u7s0",
		"sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.accept_ra=2 net.ipv6.conf.u7s0.accept_ra=2 net.ipv6.conf.u7s0.addr_gen_mode=0; ip link set u7s0 down; ip link set u7s0 up",
	} {
		m.run(command)
		m.eventually(undoneWithin, "podsec-k8s exec ip -6 address show dev u7s1 scope link -tentative | grep fe80: && ip link show u7s0")
		inside(m, router)
		m.run("sleep 1")
		if out := m.run("ip -6 route show default"); strings.Contains(out, "u7s0") {
			m.t.Errorf("after %s the machine's default route is: %s", command, out)
		}
		m.eventually(undoneWithin, untouched+" && test $(cat /proc/sys/net/ipv6/conf/u7s0/disable_ipv6) = 1")
	}
}

// forged sends a datagram under an address that is not the node's.
func forged(m *machine, from, to string) {
	m.t.Helper()
	inside(m, fmt.Sprintf(`import socket, struct
def checksum(data):
    total = sum(struct.unpack("!%%dH" %% (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
host, port = %q.split(":")
text = b"from %[2]s\n"
source, target = socket.inet_aton(%[2]q), socket.inet_aton(host)
udp = struct.pack("!HHHH", 4444, int(port), 8 + len(text), 0) + text
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target) + udp, (host, 0))`, to, from))
}

// foreignSource: nothing leaves the namespaces under another address than their
// own, neither for the machine itself nor for others; nor do they fill its table
// of neighbours.
func foreignSource(master, worker *machine) {
	const file = "/root/datagrams"
	for _, m := range []*machine{master, worker} {
		m.run("rm -f " + file + "; " + background + "--unit=datagrams socat -u UDP-RECV:9999 CREATE:" + file)
		defer m.run("systemctl stop datagrams; rm -f " + file)
		m.eventually(time.Minute, "ss -Hlun 'sport = 9999' | grep 9999")
	}
	second := secondAddress(worker)
	worker.run("ip address add " + second + "/32 dev host0")
	defer worker.run("ip address delete " + second + "/32 dev host0")
	targets := []string{master.Address.String() + ":9999", "10.41.0.253:9999", second + ":9999"}
	for _, command := range []string{"true", "ip link delete u7s0", "nft flush ruleset"} {
		worker.run(command)
		worker.eventually(undoneWithin, "nft list table ip podsec_k8s && ip link show u7s0 | grep UP && podsec-k8s exec ip route get 10.77.0.1 | grep u7s1")
		for _, to := range targets {
			for _, from := range []string{"10.77.0.1", master.Address.String(), worker.Address.String(), "10.41.0.253", "127.0.0.1", "198.51.100.7"} {
				forged(worker, from, to)
			}
			forged(worker, "10.41.0.254", to) // its own
		}
	}
	for m, count := range map[*machine]int{master: 3, worker: 6} {
		m.eventually(time.Minute, fmt.Sprintf("test $(grep -c 'from 10.41.0.254' %s) = %d", file, count))
		if out := m.run("grep -v 'from 10.41.0.254' " + file + " || true"); out != "" {
			m.t.Errorf("%s has got:\n%s", m.Name, out)
		}
	}

	inside(worker, `import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("u7s1", 0))
own = s.getsockname()[4]
for i in range(1, 200):
    s.send(b"\xff" * 6 + own + struct.pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1, own, socket.inet_aton("10.66.0.%d" % i), bytes(6), socket.inet_aton("10.41.0.253")))`)
	if out := worker.run("ip neighbour show dev u7s0 | grep 10.66. | head -n 3"); out != "" {
		worker.t.Errorf("neighbours of the machine: %s", out)
	}
}

// squattedPort: nobody on the machine gets a port that was given to the node,
// and the node gets none that somebody on the machine has.
func squattedPort(master, worker *machine) {
	for _, options := range []string{"reuseaddr", "reuseaddr,reuseport", "bind=" + worker.Address.String() + ",reuseaddr"} {
		worker.fails("timeout 5 socat -u TCP4-LISTEN:30080,"+options+" /dev/null", 1, "Address already in use")
		worker.fails("timeout 5 socat -u UDP4-RECV:30081,"+options+" /dev/null", 1, "Address already in use")
	}
	worker.fails("timeout 5 socat -u TCP6-LISTEN:30080,ipv6only=0,reuseaddr /dev/null", 1, "Address already in use")
	worker.fails("timeout 5 socat -u TCP4-LISTEN:10250,reuseaddr /dev/null", 1, "Address already in use")
	answersAt(worker, "tcp", worker.Address.String()+"/30080")
	worker.says("curl -sS -m 5 http://"+worker.Address.String()+":30080/", "web-") // the machine's own clients as well

	worker.run(background + "--unit=daemon socat TCP4-LISTEN:30999,fork,reuseaddr SYSTEM:'echo of the machine'")
	master.run("podsec-k8s kubectl create service nodeport late --tcp=80:8080 --node-port=30999 && podsec-k8s kubectl patch service late -p '{\"spec\":{\"selector\":{\"app\":\"web\"}}}'")
	master.eventually(time.Minute, "podsec-k8s kubectl describe service late | grep PortNotPublished | grep -F '30999/tcp: another program of the machine listens there'")
	worker.fails("podsec-k8s status", exitFault, "port 30999/tcp of Service default/late: NOT OPEN")
	if out := outsideRun(worker, "socat -u TCP4:"+worker.Address.String()+":30999 -"); out != "of the machine\n" {
		worker.t.Errorf("a daemon's port answers %q", out)
	}
	worker.run("systemctl stop daemon")
	answersAt(worker, "tcp", worker.Address.String()+"/30999")
	master.run("podsec-k8s kubectl delete service late")
	worker.eventually(time.Minute, "timeout 1 socat -u TCP4-LISTEN:30999,reuseaddr /dev/null; test $? = 124") // free again
	worker.eventually(time.Minute, "podsec-k8s status")
}

// thousandsOfConnections: the service serves a few, closes the others at once,
// and stays small.
func thousandsOfConnections(master, worker *machine) {
	size := func() int {
		kB, err := strconv.Atoi(strings.TrimSpace(worker.run("awk '/^VmRSS:/ {print $2}' " + netStatus)))
		if err != nil {
			worker.t.Fatal(err)
		}
		return kB
	}
	before := size()
	worker.run(background + `--unit=crowd -p User=u7s-admin -p LimitNOFILE=5000 -p StandardOutput=file:/run/crowd python3 -c '
import socket, time
all = []
for i in range(3000):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("/run/podsec-k8s-net.sock")
    s.setblocking(False)
    all.append(s)
time.sleep(1)
open_ = 0
for s in all:
    try:
        s.recv(1)
    except BlockingIOError:
        open_ += 1
    except OSError:
        pass
print("open:", open_, flush=True)
time.sleep(60)'`)
	worker.eventually(time.Minute, "grep open: /run/crowd")
	open, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(worker.run("cat /run/crowd"), "open:")))
	if err != nil || open > 32 {
		worker.t.Errorf("%d connections are served, %v", open, err)
	}
	if grown := size() - before; grown > 8<<10 {
		worker.t.Errorf("the service has grown by %d kB", grown)
	}
	worker.run("systemctl stop crowd; rm /run/crowd")
	everyPodReachesEveryPod(master, 2)
	worker.eventually(time.Minute, "podsec-k8s status")
	publishedAnswer(master, worker)
}

// ownServicesVeth: what the machine itself serves sees that a pod asks, by an
// address that no program of the machine has, and the site's firewall knows pods
// by their device.
func ownServicesVeth(master, worker *machine) {
	second := secondAddress(worker)
	serveOwn(worker, second)
	defer worker.run("systemctl stop own; ip address delete " + second + "/32 dev host0")
	ask := podOf(worker) + " -- /web get http://" + second + ":8099/"
	master.says("podsec-k8s kubectl exec "+ask, "asked by 10.41.0.254\n")
	worker.run("nft 'table inet site { chain input { type filter hook input priority 0; iifname u7s0 reject; }; }'")
	if out, status := master.try("podsec-k8s kubectl exec " + ask); status == 0 {
		worker.t.Errorf("a pod passes the firewall: %s", out)
	}
	answersAt(worker, "tcp", worker.Address.String()+"/30080")
	worker.run("nft delete table inet site")
}

// podOf is the name of the web pod on a machine, for the shell of a master.
func podOf(m *machine) string {
	return fmt.Sprintf("$(podsec-k8s kubectl get pods -l app=web --field-selector spec.nodeName=%s -o jsonpath='{.items[0].metadata.name}')", m.Name)
}

// serveOwn lets a machine have another address, and a program that listens on
// all of them.
func serveOwn(m *machine, address string) {
	m.run("cat > /root/own.py <<'P'\n" + askedBy + "\nP")
	m.run("ip address add " + address + "/32 dev host0 && " + background + "--unit=own python3 /root/own.py")
	m.eventually(time.Minute, "ss -Hltn 'sport = 8099' | grep 8099")
}

// askedBy answers with the address of who asks.
const askedBy = `import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(("asked by %s\n" % self.client_address[0]).encode())
http.server.HTTPServer(("", 8099), Answer).serve_forever()`

// formerService makes the service root again, as earlier versions had it.
const formerService = `[Service]
DynamicUser=no
User=root
AmbientCapabilities=
`

// upgradeOfRoot: a service of an earlier version, which is root, becomes the new
// one by an upgrade, and the node keeps its network.
func upgradeOfRoot(master, worker *machine) {
	const dropIn = "/etc/systemd/system/podsec-k8s-net.service.d"
	worker.run("mkdir " + dropIn + " && printf '" + formerService + "' > " + dropIn + "/former.conf && systemctl daemon-reload && systemctl stop podsec-k8s-net.socket podsec-k8s-net && rm -rf /run/podsec-k8s-net /run/private/podsec-k8s-net && systemctl start podsec-k8s-net.socket")
	everyPodReachesEveryPod(master, 2)
	worker.says("grep Uid: "+netStatus, "\t0\t0\t")
	worker.run("test ! -L /run/podsec-k8s-net && test -f /run/podsec-k8s-net/link.json")
	device := worker.run("cat /sys/class/net/u7s0/ifindex")
	worker.run("rm -r " + dropIn)
	repository, err := worker.Newer(worker.t.Context(), "99.0")
	if err != nil {
		worker.t.Fatal(err)
	}
	worker.run("dnf -q -y --nogpgcheck --repofrompath=newer,file://" + repository + " upgrade podsec-k8s")
	worker.run("rpm -q podsec-k8s | grep 99.0 && ! grep -P 'Uid:\\t0' " + netStatus)
	worker.says("journalctl -u podsec-k8s-net -o cat --no-pager -n 5", "link taken over")
	everyPodReachesEveryPod(master, 2)
	worker.eventually(time.Minute, "podsec-k8s status")
	if now := worker.run("cat /sys/class/net/u7s0/ifindex"); now != device {
		worker.t.Errorf("the device is another one: %s, was %s", now, device)
	}
}
