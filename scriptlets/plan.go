package scriptlets

import (
	"fmt"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// Plan is what an installed podsec-k8s changes on its host, in order. An
// upgrade makes the same plan: what is made already is left as it is.
func Plan(f Facts) host.Plan {
	home := f.home()
	plan := append(f.Scripts.plan(f.User),
		host.User{Name: Admin, UID: f.User.UID, GID: f.User.GID, Home: Home, Comment: "Rootless Kubernetes"},
		home)
	if f.Home.Roots() {
		plan = append(plan, host.HomeOwner{HomeFolder: home})
	}
	if !f.HasRange || len(f.More) > 0 {
		plan = append(plan, host.AccountFile{Path: "/etc/subuid"}, host.AccountFile{Path: "/etc/subgid"}, subIDs(f))
	}
	if f.Control {
		plan = append(plan, host.Control{Facility: "newuidmap", State: "public"}, host.Control{Facility: "newgidmap", State: "public"})
	}
	plan = append(plan, f.auditLog(), host.Modules{Names: units.Modules()})
	for _, s := range units.Sysctls() {
		plan = append(plan, host.Sysctl{Name: s.Key, Value: s.Value})
	}
	plan = append(plan,
		host.Reload{Of: "when podsec-k8s is uninstalled"},
		host.File{Path: managerFile(f.User.UID), Data: []byte(manager), Mode: 0o644},
		host.File{Path: sliceFile(f.User.UID), Data: []byte(slice), Mode: 0o644})
	if f.Kubelet.Own == "" {
		plan = append(plan, swap(f)...)
	}
	plan = append(plan, host.Reload{Of: "when podsec-k8s is installed"}, host.Linger{User: Admin, UID: f.User.UID})
	if f.Kubelet.Own == "" {
		plan = append(plan, host.Stopped{Unit: units.Guard, Program: units.GuardProgram()})
	}
	return plan
}

// subIDs are the ranges that are ours: all, or those behind the user's own.
func subIDs(f Facts) host.Change {
	ids := host.SubIDs{User: Admin, More: f.More}
	if !f.HasRange {
		ids.UIDStart, ids.GIDStart, ids.Count = f.SubUIDs, f.SubGIDs, units.SubIDCount
	}
	return ids
}

// swap makes kubelet.service the guard. What the administrator has put at the
// place of its unit file since stays; what was there before is put aside.
func swap(f Facts) host.Plan {
	var plan host.Plan
	if !f.Kubelet.Edited {
		plan = append(plan, host.File{Path: units.SiteUnitFile, Absent: true})
	}
	plan = append(plan,
		host.File{Path: units.GuardFile, Data: []byte(units.GuardUnit()), Mode: 0o644},
		host.File{Path: units.GuardDropInFile, Data: []byte(units.GuardDropIn(f.User.UID)), Mode: 0o644})
	if f.Kubelet.Linked || f.Back {
		plan = append(plan, enabled())
	}
	return plan
}

// enabled lets kubelet.service start at boot.
func enabled() host.Change { return host.Link{Path: units.GuardLink, Target: units.GuardFile} }

// NodePlan is what a node that was made changes on its host: the package alone
// needs nothing at boot, and who disables the service later has it disabled.
func NodePlan() host.Plan { return host.Plan{enabled(), host.Reload{Of: "when a node is created"}} }

// VethPlan is what a node of the network mode veth needs on its host before it is
// made: the service of that mode may be started when it is asked for, from boot
// on.
func VethPlan() host.Plan {
	return host.Plan{
		host.Link{Path: units.NetSocketLink, Target: units.NetSocketFile},
		host.Stopped{Unit: units.NetService},
		host.Stopped{Unit: units.NetSocket},
	}
}

// Whole is all that podsec-k8s changes on a host, for people to read: a line of
// what comes with a node says so.
func Whole(f Facts) []host.Change {
	all := []host.Change(Plan(f))
	for _, change := range VethPlan() {
		all = append(all, later{change, "for a node with --network=veth: %s"})
	}
	for _, change := range NodePlan() {
		all = append(all, later{change, "for a node: %s"})
	}
	return all
}

// A later is a change that is made later.
type later struct {
	host.Change
	line message.Format
}

// Describe is the line of the change, with when it is made.
func (l later) Describe() message.Text { return message.Of(l.line, l.Change.Describe()) }

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
