package scenarios

import (
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestUpgradeCluster upgrades three control planes and a worker, one after another,
// while the cluster is written to and its workload is asked: within the minor, and then
// to the next one.
func TestUpgradeCluster(t *testing.T) {
	eachUpgrade(t, generation.Patches(), func(t *testing.T, p pair) {
		all := bootForUpgrade(t, p.from)
		all[1].fails("podsec-k8s upgrade rollback --yes", exitFault, "remedy")
		t.Run("patch", func(t *testing.T) { upgradeCluster(t, p, all) })
		if !t.Failed() {
			t.Run("minor", func(t *testing.T) { upgradeCluster(t, p.next(t), all) })
		}
	})
}

// next is the upgrade from the version that another one leads to, to the next minor.
func (p pair) next(t *testing.T) pair {
	t.Helper()
	for _, u := range generation.Minors() {
		to, err := generation.Named(u.To)
		if err != nil {
			t.Fatal(err)
		}
		if from, err := generation.Named(u.From); err == nil && from.Minor() == p.to.Minor() {
			return pair{p.to, to}
		}
	}
	t.Fatalf("no upgrade leads from %s to the next minor", p.to.Kubernetes)
	return pair{}
}

// bootForUpgrade makes a cluster of three control planes and a worker, which comes
// last, with a workload.
func bootForUpgrade(t *testing.T, g generation.Generation) (all []*machine) {
	c := bootCluster(t, g, "t-u", 3, 1)
	for _, n := range c.All() {
		all = append(all, &machine{n, t, new(bool)})
	}
	var said strings.Builder
	if err := c.Create(t.Context(), &said); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if err := c.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	healthy(all[0], "t-um1", "t-um2", "t-um3")
	for _, m := range all[1:] {
		m.run(loadWeb)
	}
	deployed(all[0])
	all[0].run("podsec-k8s kubectl create poddisruptionbudget shop --selector=app=shop --max-unavailable=1")
	return all
}

// upgradeCluster is one upgrade of all. What can't be yet, or any more, is refused.
func upgradeCluster(t *testing.T, p pair, nodes []*machine) {
	var all []*machine
	for _, m := range nodes {
		all = append(all, m.on(t))
	}
	first, other, worker := all[0], all[1], all[3]
	var images string
	for _, m := range all {
		images = p.offered(m)
		m.run("podsec-k8s image load " + images + "/pause.tar " + images + "/coredns.tar")
		m.run(p.install())
		m.runs(first, p.from, m != worker)
	}
	worker.fails("podsec-k8s upgrade node --drain=false", exitFault, p.from.Kubernetes, "podsec-k8s upgrade apply", "remedy")
	worker.asks(all...)
	other.writes(all[:3]...)
	upgradeEach(t, p, images, all)
	other.written()
	worker.asked()
	healthy(first, "t-um1", "t-um2", "t-um3")
	first.cluster(p.to)
	first.fails("podsec-k8s upgrade rollback --yes", exitFault, "remedy")
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
	m.run("cat > /root/asker <<'E'\n" + asker + "E\nrm -f /root/asker.*; : > /root/asker.failed; systemd-run -q --unit=asker sh /root/asker" + addresses +
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
