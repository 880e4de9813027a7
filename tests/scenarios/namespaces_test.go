package scenarios

// namespacesReturn: whatever ends the namespaces or keeps them from starting,
// they come back, and with them all that runs in them.
func namespacesReturn(worker, master *machine) {
	for _, trouble := range []func(worker, master *machine){stackEnds, failedStart, changingLinks} {
		trouble(worker, master)
		publishedAnswer(master, worker)
	}
}

// stackEnds: the namespaces don't stay without the stack that was their way out.
func stackEnds(worker, master *machine) {
	reach := "podsec-k8s exec curl -ksS -m 5 https://" + master.Address.String() + ":6443/healthz"
	worker.says(reach, "ok")
	worker.run("pkill -KILL -u u7s-admin '^(slirp4netns|pasta)' && sleep 1")
	worker.eventually(comeBack, reach)
}

// failedStart: what needs the namespaces does not stay down when they could
// not be made at once.
func failedStart(worker, _ *machine) {
	worker.run("chmod a-x /usr/bin/rootlesskit")
	worker.fails(userctl+"restart u7s-rootlesskit", 1, "failed")
	worker.run("chmod a+x /usr/bin/rootlesskit")
	for _, name := range []string{"crio", "kubelet", "flanneld", "kube-proxy", "ports"} {
		worker.eventually(comeBack, userctl+"is-active u7s-"+name)
	}
}

// changingLinks: other devices that change all the time hold up what the
// kernel says of the namespaces' own.
func changingLinks(worker, _ *machine) {
	worker.run("ip link add flap type veth peer name flap-peer && ip link set flap up && ip link set flap-peer up")
	worker.run("systemd-run -q --unit=flap sh -c 'while :; do ip link set flap down; sleep .05; ip link set flap up; sleep .05; done'")
	for range 3 {
		worker.run(userctl + "restart u7s-rootlesskit")
	}
	worker.run("systemctl stop flap && ip link delete flap")
}
