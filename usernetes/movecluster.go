package usernetes

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// beginWholeNode starts what a stopped node has, as the guard does.
func beginWholeNode(ctx context.Context, w *Work) error {
	if err := w.Manager.Begin(ctx, units.Target); err != nil {
		return err
	}
	return beginNamespaces(ctx, w)
}

// startControlPlane waits until each service of the control plane runs by its manifest
// of now, and answers.
func startControlPlane(ctx context.Context, w *Work) error {
	if err := w.Manager.Start(ctx, units.Manifests); err != nil {
		return err
	}
	for _, name := range staticpod.Components() {
		m, err := staticpod.ReadManifest(name)
		if node.IsMissing(err) {
			continue // etcd may be somewhere else
		}
		if err == nil {
			err = w.awaitComponent(ctx, m)
		}
		if err != nil {
			return severalFault(w.Plan.Node, err)
		}
	}
	return nil
}

// severalFault tells of other control planes, where there may be some: without most of
// them etcd does not answer.
func severalFault(n node.Node, err error) error {
	if !n.EtcdPeers {
		return err
	}
	return host.WithRemedy(err, "if the cluster has other control planes: there podsec-k8s remove-node %s --dead, here podsec-k8s reset, and join again; otherwise fix the cause and run the same command again", n.Name)
}

// leaveAndJoin is the fault of one of several control planes.
func leaveAndJoin() error {
	return host.NewFault("with the address of before: podsec-k8s leave; then change the address, and join again. If that address is gone: podsec-k8s remove-node NAME --dead on another control plane, podsec-k8s reset here, and join again",
		"this machine is one of several control planes: its address cannot be changed in place")
}

// An etcdPlace is a member of etcd, as etcdctl prints it.
type etcdPlace struct {
	ID       uint64
	PeerURLs []string
}

// moveMember makes the address of this node's member of etcd, the only one, that of the
// node: other members are told it when they join. etcd itself replays its log as ever,
// so nothing that it has acknowledged is lost.
// Source: etcd's "Runtime reconfiguration", "Update a member".
func moveMember(ctx context.Context, w *Work) error {
	if !host.Exists(staticpod.ManifestFile(staticpod.Etcd)) {
		return nil
	}
	out, err := backup.AskEtcd(ctx, "member", "list", "--write-out=json")
	var list struct{ Members []etcdPlace }
	if err == nil {
		err = json.Unmarshal(out, &list)
	}
	if err != nil {
		return severalFault(w.Plan.Node, message.Errorf("querying etcd: %w", err))
	}
	if len(list.Members) != 1 {
		return leaveAndJoin()
	}
	own, is := list.Members[0], w.Plan.Node.PeerURL()
	if slices.Equal(own.PeerURLs, []string{is}) {
		return nil
	}
	if _, err := backup.AskEtcd(ctx, "member", "update", strconv.FormatUint(own.ID, 16), "--peer-urls="+is); err != nil {
		return message.Errorf("changing the address of etcd's member: %w", err)
	}
	return nil
}

// changeObjects makes the cluster's objects those of the node as it is: what joins is
// led here, and kubeadm finds the new address in the cluster's configuration.
func (m *moving) changeObjects(ctx context.Context, w *Work) error {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	if err := kubeadm.MoveClusterInfo(ctx, api, api.Server); err != nil && !kubeapi.HasStatus(err, http.StatusNotFound) {
		return message.Errorf("moving the cluster's endpoint: %w", err)
	}
	stored, err := kubeadm.Load(ctx, api, kubeadm.KindCluster)
	if err != nil {
		return err
	}
	cluster, err := m.clusterConfig(stored.Document, w.Plan.Node)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(cluster, stored.Document) {
		if err := stored.Save(ctx, api, cluster); err != nil {
			return err
		}
	}
	_, err = readCluster(ctx)
	return err
}

// clusterConfig is the cluster's configuration with the new address, also where an
// endpoint is one that an earlier change has left.
func (m *moving) clusterConfig(cluster document.Document, n node.Node) (document.Document, error) {
	data, err := document.Format([]document.Document{cluster})
	if err != nil {
		return nil, err
	}
	changed, err := oneDocument(m.text(data))
	if err != nil {
		return nil, err
	}
	endpoint := optional(changed, "controlPlaneEndpoint")
	if endpoint == "" || n.Endpoint != n.IP.String() {
		return changed, nil
	}
	changed["controlPlaneEndpoint"] = n.Endpoint
	if _, port, err := net.SplitHostPort(endpoint); err == nil {
		changed["controlPlaneEndpoint"] = net.JoinHostPort(n.Endpoint, port)
	}
	return changed, nil
}
