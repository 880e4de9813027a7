package repository

// scripts is p10's own podsec-k8s, the shell scripts that ours replaces, with
// its user, its folders and its units: no package manager may put it in the place
// of ours. Its programs only say that they are there.
// Source: podsec.spec of alt-cloud/podsec, "%pre k8s", "%post k8s", "%preun k8s",
// "%files k8s"; its services/u7s.service.
func scripts() pkg {
	const libexec, home = "/usr/libexec/podsec/u7s", "/var/lib/u7s-admin"
	says := "#!/bin/sh\necho $0 >> /root/scripts-ran\n"
	p := pkg{
		name: "podsec-k8s", version: "1.1.10", release: "alt7",
		pre: `groupadd -r -f u7s-admin
useradd -M -r -g u7s-admin -d /var/lib/u7s-admin -G systemd-journal -c 'usernet user account' u7s-admin || :
mkdir -p /var/lib/u7s-admin/.local/share/usernetes/containers
ln -sfn usernetes/containers /var/lib/u7s-admin/.local/share/containers
chown -R u7s-admin:u7s-admin /var/lib/u7s-admin`,
		post:  `[ "$1" -ne 1 ] || systemctl daemon-reload`,
		preun: `[ "$1" -ne 0 ] || { systemctl --no-reload disable u7s.service; systemctl stop u7s.service; }`,
		files: []file{
			{path: "/usr/bin/podsec-u7s-kubeadm", text: says, mode: 0o755},
			{path: "/lib/systemd/system/u7s.service", text: scriptsUnit, mode: 0o644},
			{path: "/usr/lib/systemd/user/rootlesskit.service", text: "[Service]\nExecStart=/bin/sleep infinity\n", mode: 0o644},
			{path: "/usr/lib/systemd/user/kubelet.service", text: "[Unit]\nBindsTo=rootlesskit.service\n[Service]\nExecStart=/bin/sleep infinity\n", mode: 0o644},
			{path: libexec, folder: true, mode: 0o755},
			{path: libexec + "/bin", folder: true, mode: 0o755},
			{path: libexec + "/bin/u7s-start-stop.sh", text: says, mode: 0o700, owner: "u7s-admin", group: "u7s-admin"},
			{path: "/etc/podsec/u7s", folder: true, mode: 0o700, owner: "u7s-admin", group: "u7s-admin"},
			{path: "/etc/podsec/u7s/env", text: "U7S_TESTED=1\n", mode: 0o600, owner: "u7s-admin", group: "u7s-admin", config: true},
			{path: "/var/lib/podsec/u7s", folder: true, mode: 0o700, owner: "u7s-admin", group: "u7s-admin"},
			{path: "/var/lib/podsec/u7s/etcd", folder: true, mode: 0o700, owner: "u7s-admin", group: "u7s-admin"},
		},
	}
	for _, folder := range []string{"", "/.local", "/.local/share", "/.local/share/usernetes", "/.local/share/usernetes/containers"} {
		p.files = append(p.files, file{path: home + folder, folder: true, mode: 0o700, owner: "u7s-admin", group: "u7s-admin"})
	}
	return p
}

// scriptsUnit is the service of theirs, but for a shell in the place of
// machinectl's, which the nodes' image lacks.
const scriptsUnit = `[Unit]
Description=Usernet (rootless kubernetes) U7S Service

[Service]
ExecStart=/bin/sleep infinity
ExecStop=/usr/bin/setpriv --reuid=u7s-admin --regid=u7s-admin --clear-groups /usr/libexec/podsec/u7s/bin/u7s-start-stop.sh stop
KillMode=process

[Install]
WantedBy=multi-user.target
`
