package scenarios

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestCertificates renews the certificates of a cluster that is in use, of one in
// which a renewal was cut, and of one that was switched off until they had ended.
func TestCertificates(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := bootInstalled(t, g, "t-certs")
		w := bootInstalled(t, g, "t-certs-w")
		m.fails("podsec-k8s certs status", exitNoNode, "no certificates")
		m.fails("podsec-k8s certs renew", exitFault, "no node on this machine", "remedy")
		m.run(create)
		w.run(joinCommand(m))
		t.Run("status", func(t *testing.T) { listedCertificates(m.on(t), w.on(t)) })
		t.Run("in use", func(t *testing.T) { renewedInUse(m.on(t)) })
		t.Run("cut", func(t *testing.T) { renewalCut(m.on(t)) })
		t.Run("warned", func(t *testing.T) { warnedOfEnd(m.on(t)) })
		t.Run("ended", func(t *testing.T) { endedWhileOff(m.on(t), w.on(t)) })
	})
}

// listedCertificates: each is there, and good.
func listedCertificates(m, w *machine) {
	m.says("podsec-k8s certs status", "admin.conf", "apiserver-etcd-client", "etcd-peer", "front-proxy-client", "scheduler.conf", "kubelet-client", "kubelet-self-signed", "/root/.kube/config")
	m.says("podsec-k8s certs status -o json | jq -r '.certificates[] | select(.name == \"apiserver\") | .state + \" \" + .managedBy'", "good kubeadm")
	w.says("podsec-k8s certs status", "kubelet-client", "ca ")
	w.says("podsec-k8s certs renew", "The kubelet of a worker renews its certificate itself.")
}

// writer is a program that writes to the API of control planes without a pause, as
// root's kubeconfig says, and notes what was acknowledged, and when, in milliseconds.
// Like a load balancer it goes on to the next control plane when one does not answer.
// One that begins later goes on with the names.
const writer = `umask 077
cd /root
for f in certificate-authority client-certificate client-key; do sed -n "s/.*$f-data: //p" .kube/config | base64 -d > writer.$f; done
[ ! -e writer.last ] || read -r i < writer.last
while [ ! -e writer.stop ]; do
  i=$((i + 1))
  echo $i > writer.last
  code=$(curl -s -o /dev/null -w '%{http_code}' -m 1 --cacert writer.certificate-authority --cert writer.client-certificate --key writer.client-key \
    -H 'Content-Type: application/json' -d '{"metadata":{"name":"written-'$i'"}}' https://$1:6443/api/v1/namespaces/default/configmaps)
  if [ "$code" = 201 ]; then
    echo $(date +%s%3N) written-$i >> writer.acknowledged
  else
    first=$1
    shift
    set -- "$@" $first
  fi
done
`

// writes lets the writer begin.
func (m *machine) writes(controlPlanes ...*machine) {
	m.t.Helper()
	var addresses []string
	for _, one := range controlPlanes {
		addresses = append(addresses, one.Address.String())
	}
	m.run("cat > /root/writer <<'E'\n" + writer + "E\nrm -f /root/writer.acknowledged /root/writer.stop; systemd-run -q --unit=writer sh /root/writer " + strings.Join(addresses, " ") +
		"; until [ -s /root/writer.acknowledged ]; do sleep 0.1; done")
}

// written ends the writer: all that was acknowledged is there. It prints how long at
// most nothing was acknowledged.
func (m *machine) written() {
	m.t.Helper()
	m.run("n=$(wc -l < /root/writer.acknowledged); until [ $(wc -l < /root/writer.acknowledged) -gt $((n + 5)) ]; do sleep 0.1; done; touch /root/writer.stop; while systemctl -q is-active writer; do sleep 0.1; done")
	if lost := m.run("podsec-k8s kubectl get configmaps -o name | sed 's,.*/,,' | sort > /root/writer.there; awk '{print $2}' /root/writer.acknowledged | sort | comm -23 - /root/writer.there"); lost != "" {
		m.t.Errorf("acknowledged and lost:\n%s", lost)
	}
	var last, longest int64
	lines := strings.Fields(m.run("awk '{print $1}' /root/writer.acknowledged"))
	for _, line := range lines {
		at, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		if last != 0 {
			longest = max(longest, at-last)
		}
		last = at
	}
	m.t.Logf("%d writes were acknowledged, %s apart at most", len(lines), time.Duration(longest)*time.Millisecond)
}

// renewedInUse: containers go on, nothing that was acknowledged is lost, and every
// certificate and root's kubeconfig are new.
func renewedInUse(m *machine) {
	const ends = "podsec-k8s certs status -o json | jq -r '.certificates[] | select(.managedBy == \"kubeadm\" or .managedBy == \"podsec-k8s\") | select(.name != \"kubelet-self-signed\") | .notAfter' | sort"
	containers, before := m.run("podsec-k8s crictl ps -q | sort"), m.run(ends+" | tail -n 1")
	m.writes(m)
	m.says("podsec-k8s certs renew", "certificate for serving the Kubernetes API renewed", "The certificates are renewed.")
	m.written()
	if after := m.run("podsec-k8s crictl ps -q | sort"); after != containers {
		m.t.Errorf("containers before:\n%s\nafter:\n%s", containers, after)
	}
	if oldest := m.run(ends + " | head -n 1"); oldest <= before {
		m.t.Errorf("one ends at %s, before the latest was %s", oldest, before)
	}
	m.run("kubectl --kubeconfig /root/.kube/config get nodes && podsec-k8s status")
}

// renewalCut: what was cut is told, and mended by the next run, also where kubeadm
// has written half a file.
func renewalCut(m *machine) {
	m.run("systemd-run -q --unit=renew podsec-k8s certs renew && until [ -e /var/lib/u7s-admin/state/certificates.before ]; do :; done && systemctl kill -s KILL renew && while systemctl -q is-active renew podsec-k8s-run.scope; do sleep 0.1; done")
	m.run(": > " + stateRoot + "/etc/kubernetes/pki/apiserver.crt && : > " + stateRoot + "/etc/kubernetes/admin.conf")
	m.fails("podsec-k8s status", exitFault, "the renewal of the certificates was interrupted", "podsec-k8s certs renew")
	m.fails("podsec-k8s certs status", exitFault, "CANNOT BE READ", "etcd-server")
	m.run("podsec-k8s certs renew")
	m.run("podsec-k8s certs status && podsec-k8s status && test ! -e /var/lib/u7s-admin/state/certificates.before")
}

// warnedOfEnd: the status, the journal and the Node say what ends within 30 days.
func warnedOfEnd(m *machine) {
	m.says("systemctl --user -M u7s-admin@ list-timers u7s-certs.timer", "u7s-certs.service")
	m.endAll(m, time.Now().Add(10*24*time.Hour))
	m.fails("podsec-k8s certs status", exitFault, "9 days left: EXPIRES SOON")
	m.says("podsec-k8s status", "WARNING: ", "certificates expire soon, the first on", "remedy: podsec-k8s certs renew")
	m.run("systemctl --user -M u7s-admin@ start u7s-certs.service")
	m.says("journalctl --no-pager _SYSTEMD_USER_UNIT=u7s-certs.service", "certificates expire soon", "podsec-k8s certs renew")
	m.says("podsec-k8s kubectl get events --field-selector involvedObject.kind=Node,reason=CertificateExpiresSoon", "certificates expire soon")
}

// endedWhileOff: no node comes up by certificates that have ended. The control plane
// comes back by its own authority, and the worker by a token.
func endedWhileOff(m, w *machine) {
	for _, one := range []*machine{m, w} {
		one.run("systemctl stop kubelet")
		one.endAll(m, time.Now().Add(-24*time.Hour))
		one.run("systemctl start --no-block kubelet")
		one.eventually(time.Minute, "podsec-k8s status | grep 'expired'")
	}
	m.fails("podsec-k8s certs status", exitFault, "kubelet-client", "EXPIRED")
	m.says("podsec-k8s certs renew", "The certificates are renewed.")
	m.eventually(2*time.Minute, "podsec-k8s status && podsec-k8s certs status")
	m.run("kubectl --kubeconfig /root/.kube/config get nodes")
	w.fails("podsec-k8s certs renew", exitFault, "the kubelet's certificate has expired", "podsec-k8s token create", "--token-file")
	w.run("podsec-k8s certs renew --token-file - <<'T'\n" + m.run("podsec-k8s token create") + "T")
	w.eventually(2*time.Minute, "podsec-k8s status && podsec-k8s certs status")
	w.run("test ! -e " + stateRoot + "/etc/kubernetes/bootstrap-kubelet.conf")
}
