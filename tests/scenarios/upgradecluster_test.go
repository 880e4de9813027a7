package scenarios

import (
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestUpgradeCluster upgrades three control planes and a worker, one after another,
// while the cluster is written to and its workload is asked.
func TestUpgradeCluster(t *testing.T) {
	eachUpgrade(t, generation.Patches(), func(t *testing.T, p pair) {
		c := bootCluster(t, p.from, "t-u", 3, 1)
		var all []*machine
		for _, n := range c.All() {
			all = append(all, &machine{n, t, new(bool)})
		}
		first, planes, worker := all[0], all[:3], all[3]
		var said strings.Builder
		if err := c.Create(t.Context(), &said); err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		if err := c.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		healthy(first, "t-um1", "t-um2", "t-um3")
		for _, m := range all[1:] {
			m.run(loadWeb)
		}
		deployed(first)
		first.run("podsec-k8s kubectl create poddisruptionbudget shop --selector=app=shop --max-unavailable=1")
		var images string
		for _, m := range all {
			images = p.offered(m)
			m.run(p.install())
		}
		worker.fails("podsec-k8s upgrade node --drain=false", exitFault, p.from.Kubernetes, "podsec-k8s upgrade apply", "remedy")
		planes[1].fails("podsec-k8s upgrade rollback --yes", exitFault, "remedy")
		worker.asks(all...)
		planes[1].writes(planes...)
		upgradeEach(t, p, images, all)
		planes[1].written()
		worker.asked()
		healthy(first, "t-um1", "t-um2", "t-um3")
		first.cluster(p.to)
		first.fails("podsec-k8s upgrade rollback --yes", exitFault, "remedy")
	})
}

// upgradeEach upgrades node after node, as it is said to be done.
func upgradeEach(t *testing.T, p pair, images string, all []*machine) {
	first, worker := all[0], all[len(all)-1]
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			m := m.on(t)
			switch m.Name {
			case first.Name:
				m.upgrades("podsec-k8s upgrade apply " + p.to.Kubernetes + " --yes" + archives(images))
			case worker.Name:
				first.on(t).run("podsec-k8s kubectl drain --ignore-daemonsets --delete-emptydir-data --timeout=120s " + m.Name)
				m.upgrades("podsec-k8s upgrade node --drain=false")
				first.on(t).run("podsec-k8s kubectl uncordon " + m.Name)
			default:
				m.upgrades("podsec-k8s upgrade node")
			}
			m.runs(first.on(t), p.to, m.Name != worker.Name)
		})
		if t.Failed() {
			return
		}
	}
}

// asker asks the workload at each machine's port in turn, without a pause, and notes
// what was answered.
const asker = `cd /root
while [ ! -e asker.stop ]; do
  curl -s -o /dev/null -m 1 http://$1:30080/ && echo answered >> asker.log || echo $(date +%T) $1 >> asker.failed
  first=$1; shift; set -- "$@" $first
  sleep 0.1
done
`

// asks lets the asker begin.
func (m *machine) asks(all ...*machine) {
	m.t.Helper()
	var addresses string
	for _, one := range all {
		addresses += " " + one.Address.String()
	}
	m.run("cat > /root/asker <<'E'\n" + asker + "E\n: > /root/asker.failed; systemd-run -q --unit=asker sh /root/asker" + addresses +
		"; until [ -s /root/asker.log ]; do sleep 0.1; done; : > /root/asker.failed")
}

// asked ends the asker, and prints how many questions were not answered.
func (m *machine) asked() {
	m.t.Helper()
	m.run("n=$(wc -l < /root/asker.log); until [ $(wc -l < /root/asker.log) -gt $((n + 8)) ]; do sleep 0.1; done; touch /root/asker.stop; while systemctl -q is-active asker; do sleep 0.1; done")
	count := func(file string) int {
		n, err := strconv.Atoi(strings.TrimSpace(m.run("wc -l < /root/" + file)))
		if err != nil {
			m.t.Fatal(err)
		}
		return n
	}
	m.t.Logf("%d questions were answered, %d were not\n%s", count("asker.log"), count("asker.failed"), m.run("tail -n 40 /root/asker.failed"))
}
