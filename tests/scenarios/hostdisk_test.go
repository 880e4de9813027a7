package scenarios

import "time"

// fileSystem: a node in a file system of its own, which is mounted at the place
// of the home before the install, or later, as a full disk is advised to have.
func fileSystem(m *machine) {
	const home = "/var/lib/u7s-admin"
	m.run("mkdir -m 1755 /var/lib/disk && mkdir /var/lib/disk/lost+found " + home + " && mount --bind /var/lib/disk " + home)
	before := hostTree(m)
	m.run(install)
	m.says("stat -c '%U %a' "+home, "u7s-admin 700\n")
	m.run("mkdir -p /etc/kubernetes/pki && touch /etc/kubernetes/pki/ca.crt")
	m.says(create, "These files of another node are not used", "/etc/kubernetes/pki/ca.crt", "kubelet.service is enabled now", "The control plane is ready")
	m.run("rm -r /etc/kubernetes/pki")
	m.says("tr '\\0' ' ' < /proc/$(systemctl show -P MainPID kubelet)/cmdline", "/usr/bin/podsec-k8s kubelet-guard")
	m.run("printf '[Service]\\nExecStartPre=+/bin/true\\n' > " + dropIns + "zzz.conf && systemctl daemon-reload")
	m.fails("podsec-k8s status", exitFault, "FAULT: kubelet.service is not the guard of the node: "+dropIns+"zzz.conf overrides it with ExecStartPre", "remedy: remove that from the file")
	m.run("rm " + dropIns + "zzz.conf && systemctl daemon-reload")

	// Erased, the cluster stays, for root alone; installed, it is back.
	m.says(remove+" 2>&1", "the cluster of this node stays in "+home+", now accessible only to root")
	m.says("stat -c '%U %a' "+home, "root 700\n")
	m.fails("id u7s-admin", 1)
	m.says(install, "the stored cluster is restored in "+home)
	m.says("systemctl is-enabled kubelet", "enabled")
	ready := func() {
		m.run("systemctl start kubelet")
		m.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/t-hosts")
	}
	ready()

	// Not mounted when the package goes, it can't be closed, and so its user
	// stays, with its ids.
	m.run("systemctl stop kubelet && umount --lazy " + home)
	m.says(remove+" 2>&1", "u7s-admin stays, because its cluster could not be moved aside", "remedy: mount "+home)
	m.says("id -un u7s-admin; grep u7s-admin /etc/subuid", "u7s-admin:")
	m.run("mount --bind /var/lib/disk " + home + " && " + install)
	ready()
	m.run("podsec-k8s reset --yes && " + remove)
	sameHost(m, before)
	m.run("umount " + home + " && rmdir " + home + " && rm -r /var/lib/disk")
	mountedLater(m, home)
	hidden(m, home)
}

// mountedLater: the advice for a full disk. The file system gets its owner back.
func mountedLater(m *machine, home string) {
	m.run(install + " && mount -t tmpfs -o size=64m none " + home)
	m.fails(create, exitPreflight, "[home] "+home+" belongs to root", "remedy: podsec-k8s host apply", "[disk]", "mount a larger file system there and run podsec-k8s host apply")
	m.run("podsec-k8s host apply && setpriv --reuid=u7s-admin --clear-groups touch " + home + "/of-the-user && touch " + home + "/of-root")
	m.says("stat -c '%U %a' "+home, "u7s-admin 700\n")
	m.says(remove+" 2>&1", "kept "+home+": a file system is mounted there")
	m.says("stat -c '%U %a' "+home+" && ls "+home, "root 1777\nof-root\n")
	m.run("umount " + home + " && rmdir " + home)
}

// hidden: a file system that is mounted over a node's home, and still there
// when the package goes, leaves neither to an id that nobody has.
func hidden(m *machine, home string) {
	m.run(install + " && podsec-k8s host status > /dev/null && touch " + home + "/state && chown u7s-admin " + home + "/state && touch /var/lib/podsec-k8s/cluster")
	m.run("mount -t tmpfs none " + home)
	m.fails(create, exitPreflight, "[home] /var/lib/u7s-admin belongs to root", "remedy: podsec-k8s host apply", "hides it", "umount "+home)
	m.says(remove+" 2>&1", "kept "+home+": a file system is mounted there", "stays below that file system")
	m.run("umount " + home)
	m.says("stat -c '%U %a' "+home, "root 700\n")
	m.says(install, "the stored cluster is restored in "+home)
	m.says("stat -c '%U %a' "+home+" "+home+"/state", "u7s-admin 700", "u7s-admin 644")
	m.run("rm /var/lib/podsec-k8s/cluster && " + remove)
	m.fails("ls -d "+home+" /var/lib/podsec-k8s", 2)
}
