package scenarios

import (
	"fmt"
	"strings"
	"time"
)

// soon is how long the node may take to see a change of the host's files.
const soon = 15 * time.Second

// inNode and inPod begin a command that looks at files: in the node, in the
// pod of the host's files.
const (
	inNode    = "podsec-k8s exec "
	inPod     = "podsec-k8s kubectl exec hostfiles -- /web "
	ownFolder = "/var/lib/u7s-admin/state/root"
)

// hostFiles: what the node and its pods see of the host is the host's, also
// what comes later; or it is the node's own, on disk; or it is refused.
func hostFiles(m *machine) {
	m.run("install -d -o u7s-admin /opt/given && mkdir -p /srv/closed && echo before > /var/log/app.log")
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + hostFilesPods + "\nY")
	m.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready pod/hostfiles")

	m.run(inPod + "add /v/given/pod here && grep here /opt/given/pod && echo there > /opt/given/host")
	m.says(inPod+"read /v/given/host", "there")
	m.says("stat -c %U /opt/given/pod", "u7s-admin")
	m.fails(inPod+"add /v/closed/x y", 1, "ermission denied")
	m.says(inPod+"fs /v/empty", "ext")
	m.says(inPod+"read /v/var/log/app.log", "before")

	laterFiles(m)
	replacedFiles(m)
	hostMounts(m)
	sameName(m)
	refusedPaths(m)
	m.run("podsec-k8s kubectl delete --wait=false -f - <<'Y'\n" + hostFilesPods + "\nY")
}

// laterFiles: files, folders, links and sockets come and go in the node and
// in pods as they do on the host.
func laterFiles(m *machine) {
	m.run("mkdir -p /etc/docker/certs.d/registry && echo CA > /etc/docker/certs.d/registry/ca.crt")
	m.eventually(soon, inNode+"grep CA /etc/docker/certs.d/registry/ca.crt")
	m.run("echo more > /etc/docker/certs.d/registry/key && " + inNode + "grep more /etc/docker/certs.d/registry/key")
	m.run("echo policy > /etc/kubernetes/audit-policy.yaml")
	m.eventually(soon, inNode+"grep policy /etc/kubernetes/audit-policy.yaml")
	m.run("systemd-run -q --unit=late systemd-socket-activate -l /run/late.sock cat")
	m.eventually(soon, inNode+"test -S /run/late.sock")
	m.run("ln -s given /opt/also && mkdir /opt/late && echo deep > /opt/late/file")
	m.eventually(soon, inPod+"read /v/opt/late/file | grep deep && "+inPod+"read /v/opt/also/host | grep there")
	m.run("rm -r /opt/late /opt/also /etc/docker /etc/kubernetes/audit-policy.yaml && systemctl stop late")
	m.eventually(soon, "! { "+inNode+"ls -d /opt/late || "+inNode+"ls -d /opt/also || "+inNode+"ls -d /etc/docker; } && ! "+inPod+"list /v/opt | grep -e late -e also")
	m.run("test -z \"$(ls -A " + ownFolder + "/opt | grep -e late -e also)\"")
}

// replacedFiles: a file that was replaced by rename is the new one, in pods
// that see the whole folder as well; so is an iptables of a newer version.
func replacedFiles(m *machine) {
	m.run("mv /var/log/app.log /var/log/app.log.1 && echo after > /var/log/app.log")
	for _, folder := range []string{"/v/var/log", "/v/follows"} {
		m.eventually(soon, inPod+"read "+folder+"/app.log | grep after && "+inPod+"read "+folder+"/app.log.1 | grep before")
	}
	m.says(inPod+"list /v/var/log", "- app.log\n")
	m.run("rm /var/log/app.log*")
	m.run("cd /usr/sbin && cp -p xtables-nft-multi new && mv new xtables-nft-multi")
	m.eventually(soon, inNode+"iptables --version | grep legacy")
}

// hostMounts: what the host mounts and unmounts is seen.
func hostMounts(m *machine) {
	for _, at := range []string{"/srv/closed", "/opt"} {
		m.run("mount -t tmpfs disk " + at + " && mkdir " + at + "/mounted")
		m.eventually(soon, inNode+"ls -d "+at+"/mounted")
		m.run("umount " + at)
		m.eventually(soon, "! "+inNode+"ls -d "+at+"/mounted")
	}
	m.eventually(soon, inNode+"ls /opt/given/host")
}

// sameName: data of the node's is not hidden by what the host gets under its
// name, and that is said.
func sameName(m *machine) {
	const faults = "cat /run/user/$(id -u u7s-admin)/u7s/host-files.json"
	m.run(inPod + "add /v/rows/row one && mkdir -p /opt/hostfiles && echo host > /opt/hostfiles/row")
	m.eventually(soon, faults+" | grep /opt/hostfiles")
	m.says(faults, ownFolder+"/opt/hostfiles")
	m.says("journalctl -t rootlesskit", "the host has /opt/hostfiles")
	m.says(inPod+"read /v/rows/row", "one")
	m.says(inNode+"cat /opt/hostfiles/row", "one")
	m.run("rm -r /opt/hostfiles")
	m.eventually(soon, faults+" | grep -Fx '[]'")
}

// refusedPaths: elsewhere u7s-admin may write nothing, and who asks is told.
func refusedPaths(m *machine) {
	for pod, word := range map[string]string{
		"refused-made": "mkdir /data: permission denied", "refused-unset": "mkdir /data: permission denied",
		"refused-file": "open /usr/local/made: permission denied", "refused-missing": "is not a directory",
	} {
		m.eventually(time.Minute, fmt.Sprintf("podsec-k8s kubectl get events --field-selector involvedObject.name=%s | grep %q", pod, word))
	}
	m.run("test ! -e /data")
}

// searchDomains: the node has the host's search list and options, and its own
// nameserver, whatever becomes of the host's file; and the host's names.
func searchDomains(m *machine) {
	const file = "/etc/resolv.conf"
	node := func(lines ...string) {
		m.t.Helper()
		want := strings.Join(append([]string{"nameserver 10.41.0.3"}, lines...), "\n")
		m.eventually(soon, "test \"$("+inNode+"cat "+file+")\" = \""+want+"\"")
	}
	before := m.run("cat " + file)
	defer m.run("rm -f " + file + " && printf '" + before + "' > " + file)
	m.run("printf 'search corp.example lab.example\\noptions ndots:2\\n' >> " + file)
	node("search corp.example lab.example", "options ndots:2")
	m.run("cp " + file + " /etc/new && sed -i 's/corp/vpn/' /etc/new && mv /etc/new " + file)
	node("search vpn.example lab.example", "options ndots:2")
	m.run("rm " + file + " && ln -s ../run/systemd/resolve/stub-resolv.conf " + file)
	node()
	m.run("mkdir -p /run/systemd/resolve && printf 'nameserver 127.0.0.53\\nsearch stub.example\\n' > /run/systemd/resolve/stub-resolv.conf")
	node("search stub.example")
	m.run("echo '192.0.2.77 registry.corp' >> /etc/hosts")
	m.eventually(soon, inNode+"getent hosts registry.corp")
	m.run("sed -i '/registry.corp/d' /etc/hosts")
	m.eventually(soon, "! "+inNode+"getent hosts registry.corp")
}

// podDomains: a pod that has its names from the node has them as that has.
func podDomains(m *machine) {
	before := m.run("cat /etc/resolv.conf")
	m.run("echo 'search corp.example' >> /etc/resolv.conf")
	m.eventually(soon, inNode+"grep corp.example /etc/resolv.conf")
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + namesPod + "\nY")
	m.eventually(time.Minute, "podsec-k8s kubectl exec names -- /web read /etc/resolv.conf | grep '^search corp.example'")
	m.says("podsec-k8s kubectl exec names -- /web read /etc/resolv.conf", "nameserver 10.41.0.3\n")
	m.run("podsec-k8s kubectl delete --wait=false pod/names && printf '" + before + "' > /etc/resolv.conf")
}

// writeRows starts a pod of the worker's with a volume in each folder that
// the node keeps, and writes a row into each.
func writeRows(worker, master *machine) {
	worker.run("install -d -o u7s-admin /srv/volume")
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + strings.ReplaceAll(rowsPod, "WORKER", worker.Name) + "\nY")
	master.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready pod/rows")
	master.run(eachRowVolume + "podsec-k8s kubectl exec rows -- /web add /v/$v/row written & done; wait")
	// A node of before had its folders closed, and none that it did not need.
	worker.run("systemctl stop kubelet && test -z \"$(find " + ownFolder + " -perm 1000)\"")
	worker.run("cd " + ownFolder + " && chmod 700 etc var var/lib var/log && rm -r etc/crio etc/hosts etc/resolv.conf opt/cni && systemctl start kubelet")
	keepRows(worker, master)
}

// keepRows: the rows are there, on disk, in the pod and on the host.
func keepRows(worker, master *machine) {
	master.eventually(comeBack, "test \"$("+eachRowVolume+"podsec-k8s kubectl exec rows -- /web read /v/$v/row & done; wait)\" = \"$("+eachRowVolume+"echo '[written]'; done)\"")
	out := master.run(eachRowVolume + "podsec-k8s kubectl exec rows -- /web fs /v/$v & done; wait")
	if strings.Contains(out, "tmpfs") || strings.Count(out, "\n") != 7 {
		master.t.Errorf("volumes are on %s", out)
	}
	for _, row := range []string{
		ownFolder + "/opt/rows/deep/row", ownFolder + "/var/lib/rows/row", ownFolder + "/var/log/rows/row", ownFolder + "/srv/rows/row",
		ownFolder + "/etc/rows/row", "/srv/volume/row",
	} {
		worker.says("stat -c %U "+row+" && cat "+row, "u7s-admin", "written")
	}
}

// eachRowVolume begins a loop over the volumes of the pod rows.
const eachRowVolume = "for v in opt lib log srv etc part local; do "

const rowsPod = `apiVersion: v1
kind: PersistentVolume
metadata: {name: local}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  local: {path: /srv/volume}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [WORKER]}]}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: local}
spec: {accessModes: [ReadWriteOnce], storageClassName: local, volumeName: local, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: rows}
spec:
  tolerations: [{operator: Exists}]
  containers:
  - name: web
    image: "registry.local/web:1"
    imagePullPolicy: Never
    volumeMounts:
    - {name: opt, mountPath: /v/opt}
    - {name: lib, mountPath: /v/lib}
    - {name: log, mountPath: /v/log}
    - {name: srv, mountPath: /v/srv}
    - {name: etc, mountPath: /v/etc}
    - {name: opt, mountPath: /v/part, subPath: part/of}
    - {name: local, mountPath: /v/local}
  volumes:
  - {name: opt, hostPath: {path: /opt/rows/deep, type: DirectoryOrCreate}}
  - {name: lib, hostPath: {path: /var/lib/rows, type: DirectoryOrCreate}}
  - {name: log, hostPath: {path: /var/log/rows, type: DirectoryOrCreate}}
  - {name: srv, hostPath: {path: /srv/rows, type: DirectoryOrCreate}}
  - {name: etc, hostPath: {path: /etc/rows, type: DirectoryOrCreate}}
  - {name: local, persistentVolumeClaim: {claimName: local}}`

const namesPod = `apiVersion: v1
kind: Pod
metadata: {name: names}
spec:
  dnsPolicy: Default
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never}]`

const hostFilesPods = `apiVersion: v1
kind: Pod
metadata: {name: hostfiles}
spec:
  tolerations: [{operator: Exists}]
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: "registry.local/web:1"
    imagePullPolicy: Never
    volumeMounts:
    - {name: given, mountPath: /v/given}
    - {name: closed, mountPath: /v/closed}
    - {name: rows, mountPath: /v/rows}
    - {name: file, mountPath: /v/file}
    - {name: bus, mountPath: /v/bus}
    - {name: opt, mountPath: /v/opt}
    - {name: log, mountPath: /v/var/log}
    - {name: log, mountPath: /v/follows, mountPropagation: HostToContainer}
    - {name: empty, mountPath: /v/empty}
  volumes:
  - {name: given, hostPath: {path: /opt/given, type: Directory}}
  - {name: closed, hostPath: {path: /srv/closed, type: Directory}}
  - {name: rows, hostPath: {path: /opt/hostfiles, type: DirectoryOrCreate}}
  - {name: file, hostPath: {path: /srv/made.conf, type: FileOrCreate}}
  - {name: bus, hostPath: {path: /run/dbus/system_bus_socket, type: Socket}}
  - {name: opt, hostPath: {path: /opt, type: Directory}}
  - {name: log, hostPath: {path: /var/log, type: Directory}}
  - {name: empty, emptyDir: {}}
---
apiVersion: v1
kind: Pod
metadata: {name: refused-made}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, hostPath: {path: /data/made, type: DirectoryOrCreate}}]
---
apiVersion: v1
kind: Pod
metadata: {name: refused-unset}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, hostPath: {path: /data/unset}}]
---
apiVersion: v1
kind: Pod
metadata: {name: refused-file}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, hostPath: {path: /usr/local/made, type: FileOrCreate}}]
---
apiVersion: v1
kind: Pod
metadata: {name: refused-missing}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, hostPath: {path: /srv/missing, type: Directory}}]`
