package scriptlets

import (
	"fmt"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// The node's user.
const (
	Admin = "u7s-admin"
	Home  = "/var/lib/u7s-admin"
)

// Plan is what an installed podsec-k8s changes on its host, in order. An
// upgrade makes the same plan: what is made already is left as it is.
func Plan(f Facts) host.Plan {
	plan := host.Plan{
		host.User{Name: Admin, UID: f.User.UID, GID: f.User.GID, Home: Home, Comment: "Rootless Kubernetes"},
		host.HomeFolder{Path: Home, UID: f.User.UID, GID: f.User.GID, SubUIDs: f.SubUIDs, SubGIDs: f.SubGIDs, More: f.More},
	}
	switch {
	case !f.HasRange:
		plan = append(plan, host.SubIDs{User: Admin, UIDStart: f.SubUIDs, GIDStart: f.SubGIDs, Count: subIDCount, More: f.More})
	case len(f.More) > 0:
		plan = append(plan, host.SubIDs{User: Admin, More: f.More})
	}
	if f.Control {
		plan = append(plan, host.Control{Facility: "newuidmap", State: "public"}, host.Control{Facility: "newgidmap", State: "public"})
	}
	plan = append(plan, host.Modules{Names: units.Modules()})
	for _, s := range units.Sysctls() {
		plan = append(plan, host.Sysctl{Name: s.Key, Value: s.Value})
	}
	return append(plan,
		host.Reload{Of: "when podsec-k8s is erased"},
		host.File{Path: managerFile(f.User.UID), Data: []byte(manager), Mode: 0o644},
		host.File{Path: sliceFile(f.User.UID), Data: []byte(slice), Mode: 0o644},
		host.File{Path: "/etc/systemd/system/kubelet.service", Data: []byte(units.GuardUnit()), Mode: 0o644},
		host.File{Path: "/etc/systemd/system/kubelet.service.d/zz-podsec-k8s.conf", Data: []byte(units.GuardDropIn(f.User.UID)), Mode: 0o644},
		host.Link{Path: "/etc/systemd/system/multi-user.target.wants/kubelet.service", Target: "/etc/systemd/system/kubelet.service"},
		host.Reload{Of: "when podsec-k8s is installed"},
		host.Linger{User: Admin, UID: f.User.UID},
		host.Stopped{Unit: units.Guard},
	)
}

// manager hands the controllers of cgroup v2 to the user's systemd, and frees
// it of limits that count per user: root has none of them. The kernel counts
// all of a user namespace against the limits of who made it.
// Source: systemd.resource-control(5), "Delegate="; systemd.exec(5),
// "LimitCPU="; user_namespaces(7); getrlimit(2).
const manager = `# Of podsec-k8s: the node's pods need all controllers, and are all one user.
[Service]
Delegate=cpu cpuset io memory pids
LimitNPROC=infinity
LimitSIGPENDING=infinity
LimitMEMLOCK=infinity
LimitMSGQUEUE=infinity
LimitNOFILE=1024:1048576
`

// slice lets the user have as many processes as the machine has.
// Source: systemd.resource-control(5), "TasksMax="; logind's user-.slice.d.
const slice = `# Of podsec-k8s: the node's pods are all one user.
[Slice]
TasksMax=infinity
`

func managerFile(uid uint32) string {
	return fmt.Sprintf("/etc/systemd/system/user@%d.service.d/podsec-k8s.conf", uid)
}

func sliceFile(uid uint32) string {
	return fmt.Sprintf("/etc/systemd/system/user-%d.slice.d/podsec-k8s.conf", uid)
}
