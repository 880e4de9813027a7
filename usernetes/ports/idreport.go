package ports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// idPod is what the API says of a Pod, as far as user and group ids need it.
// Source: the Kubernetes API reference, core/v1.
type idPod struct {
	Metadata kubeapi.Metadata
	Spec     struct {
		HostUsers           *bool
		SecurityContext     idContext
		InitContainers      []idContainer
		Containers          []idContainer
		EphemeralContainers []idContainer
	}
	Status struct {
		Phase                                                                string
		InitContainerStatuses, ContainerStatuses, EphemeralContainerStatuses []containerStatus
	}
}

type idContainer struct {
	Name            string
	SecurityContext idContext
}

// idContext is the ids of a pod's or a container's security context.
type idContext struct {
	RunAsUser, RunAsGroup, FSGroup *uint64
	SupplementalGroups             []uint64
}

type containerStatus struct {
	Name  string
	State struct {
		Waiting struct{ Reason, Message string }
	}
}

// lacking finds the first id that a pod asks for and the node does not have,
// by its specification, or by what the kubelet says of its images.
func (p idPod) lacking(have images.NodeIDs) *images.IDFault {
	if p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
		return nil
	}
	if f := p.Spec.SecurityContext.lacking("", have); f != nil {
		return f
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers, p.Spec.EphemeralContainers) {
		if f := c.SecurityContext.lacking("container "+c.Name+", ", have); f != nil {
			return f
		}
	}
	// The kubelet takes any of the 2^32 ids for such a pod.
	// Source: its getKubeletMappings.
	if users := p.Spec.HostUsers; users != nil && !*users && p.Status.Phase == "Pending" {
		return &images.IDFault{What: "hostUsers: false", Never: true}
	}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses) {
		if message := s.State.Waiting.Message; images.WantsIDs(message) {
			return &images.IDFault{What: fmt.Sprintf("container %s, image (%s)", s.Name, strings.TrimSpace(message)), Need: images.IDsIn(message)}
		}
	}
	return nil
}

// backsOff reports whether the kubelet waits before it tries a container again.
func (p idPod) backsOff() bool {
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses) {
		if strings.HasSuffix(s.State.Waiting.Reason, "BackOff") {
			return true
		}
	}
	return false
}

// lacking finds the first id of a security context that the node does not
// have. of names whose it is.
func (c idContext) lacking(of string, have images.NodeIDs) *images.IDFault {
	type asked struct {
		name string
		ids  []*uint64
		have uint64
	}
	groups := asked{"supplementalGroups", nil, have.GIDs}
	for i := range c.SupplementalGroups {
		groups.ids = append(groups.ids, &c.SupplementalGroups[i])
	}
	for _, a := range []asked{
		{"runAsUser", []*uint64{c.RunAsUser}, have.UIDs},
		{"runAsGroup", []*uint64{c.RunAsGroup}, have.GIDs},
		{"fsGroup", []*uint64{c.FSGroup}, have.GIDs},
		groups,
	} {
		for _, id := range a.ids {
			if id != nil && *id >= a.have {
				return &images.IDFault{What: fmt.Sprintf("%s%s %d", of, a.name, *id), Need: *id + 1}
			}
		}
	}
	return nil
}

// mappedIDs reads how many ids a map of /proc/PID/uid_map has without a gap
// from 0 on. Source: user_namespaces(7).
func mappedIDs(text string) (count uint64) {
	for line := range strings.Lines(text) {
		var inside, outside, length uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &length); err == nil && inside == count {
			count += length
		}
	}
	return count
}

// readNodeIDs asks the kernel how many ids the node's namespaces have.
func readNodeIDs() (have images.NodeIDs, err error) {
	pid, err := namespace.ChildPID()
	if err != nil {
		return have, err
	}
	for name, count := range map[string]*uint64{"uid_map": &have.UIDs, "gid_map": &have.GIDs} {
		data, err := host.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			return have, message.Errorf("counting the node's ids: %w", err)
		}
		*count = mappedIDs(string(data))
	}
	return have, nil
}

// reportIDs tells, in an event and for the status command, which of the node's
// pods ask for ids that it does not have. It asks the API's cache.
func (p *publisher) reportIDs(ctx context.Context) error {
	var pods struct{ Items []idPod }
	if err := p.api.Get(ctx, withQuery(p.podsPath(), "resourceVersion=0"), &pods); err != nil {
		return err
	}
	have, err := readNodeIDs()
	if err != nil {
		return err
	}
	var lines []node.Problem
	var faults []error
	now := map[string]bool{}
	for _, pod := range pods.Items {
		fault := pod.lacking(have)
		if before, known := p.lackIDs[pod.Metadata.UID]; fault == nil && known && pod.backsOff() {
			fault = &before // between two tries the kubelet does not say why
		}
		if fault == nil {
			continue
		}
		owner := kubeapi.Object{Kind: "Pod", Namespace: pod.Metadata.Namespace, Name: pod.Metadata.Name, UID: pod.Metadata.UID}
		text := fault.Text(p.node, have)
		lines = append(lines, node.Problem{Fault: message.Of("%s: %s", owner, text), Remedy: fault.Remedy()})
		now[owner.UID] = true
		if _, known := p.lackIDs[owner.UID]; known {
			continue
		}
		slog.Warn("ids are missing", "pod", owner.String(), "fault", text)
		if err := p.warn(ctx, owner, "NotEnoughIDs", fmt.Sprintf("%s; %s", text, fault.Remedy())); err != nil {
			faults = append(faults, err)
			continue
		}
		p.lackIDs[owner.UID] = *fault
	}
	for uid := range p.lackIDs {
		if !now[uid] {
			delete(p.lackIDs, uid)
		}
	}
	return errors.Join(append(faults, node.NoteIDs.Save(lines))...)
}

// warn puts a warning on an object.
func (p *publisher) warn(ctx context.Context, o kubeapi.Object, reason, text string) error {
	return p.api.Warn(ctx, o, p.node.Name, reason, text)
}
