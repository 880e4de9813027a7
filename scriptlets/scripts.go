package scriptlets

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
)

// Scripts is what an installation of ALT's own podsec-k8s 1.x has left, the shell
// scripts that this package takes the place of. Their node has the same user and
// the same home, and nothing else in common with ours: it can't be taken over, so
// it is ended and kept aside.
type Scripts struct {
	Found bool
	Home  bool     // the user has a home
	Links []string // that start the node at boot
	Files []string // of kubeadm, which say that the machine is a node
}

const (
	scriptsUnit = "u7s.service"
	scriptsLink = "/etc/systemd/system/multi-user.target.wants/" + scriptsUnit
	asideHome   = host.StateDir + "/scripts/home"
	asideFiles  = "/etc/podsec-k8s/scripts" // on the file system of /etc
)

// comesFirst reports whether the home is not ours yet: nothing was made, or an
// installation in their place was cut. Later, what runs as the user is our node.
func comesFirst(made []host.Change) bool {
	has := func(kind string) bool {
		return slices.ContainsFunc(made, func(c host.Change) bool { return c.Kind() == kind })
	}
	return len(made) == 0 || has(host.Ended{}.Kind()) && !has(host.HomeFolder{}.Kind())
}

// plan ends their node, and keeps aside what is in the way of ours.
func (s Scripts) plan(user host.Account) host.Plan {
	if !s.Found {
		return nil
	}
	plan := host.Plan{host.Ended{User: Admin, UID: user.UID, Units: []string{scriptsUnit}}}
	for _, aside := range s.asides() {
		plan = append(plan, aside)
	}
	for _, path := range s.Links {
		plan = append(plan, host.File{Path: path, Absent: true})
	}
	return plan
}

// asides are what is moved away. The user may write in the folders of kubeadm's
// files: /etc/kubernetes is the group kube's in ALT, and the user is in it.
// Source: ALT's kubernetes1.26.spec, "%files common"; podsec-u7s-kubeadm.
func (s Scripts) asides() (all []host.SetAside) {
	if s.Home {
		all = append(all, host.SetAside{Path: Home, Place: asideHome})
	}
	for _, path := range s.Files {
		all = append(all, host.SetAside{Path: path, Place: filepath.Join(asideFiles, filepath.Base(path))})
	}
	return all
}

// possible returns why their node can't make room for ours, before it is ended.
func (s Scripts) possible(h *host.Host) error {
	var faults []error
	for _, aside := range s.asides() {
		faults = append(faults, aside.Possible(h))
	}
	return errors.Join(faults...)
}

// readme is in a home that takes the place of theirs: their package removes its
// folders when it goes, those that are empty, and that is after ours came.
func (s Scripts) readme() string {
	if !s.Found {
		return ""
	}
	return "The home of the rootless Kubernetes node, see podsec-k8s(8).\n"
}
