package deps

import (
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Minor is what follows from one minor version of Kubernetes.
type Minor struct {
	Version    string   // such as 1.26
	KubeadmAPI string   // the newest configuration API of its kubeadm
	ArgsForm   ArgsForm // how that API writes extraArgs
	PauseTag   string   // the tag of the pause image that kubeadm expects

	// PolicyAtStart says that its CRI-O asks the containers policy again when
	// it makes a container, as if the image came from its registry.
	// Source: CRI-O's server/container_create.go, verifyImageSignature.
	PolicyAtStart bool

	// DiscoveryTimeout is the field of a JoinConfiguration that bounds how
	// long a cluster is looked for.
	DiscoveryTimeout []string

	// InitTimeout and JoinTimeout are the fields of documents of kubeadm's
	// configuration, each behind the document's kind, that bound how long the
	// parts of a control plane are waited for. A kubeadm that waits for none
	// has no such field.
	InitTimeout, JoinTimeout []string

	From, Before string // versions of the kubernetes packages: from, and before
	Read         string // where those packages were read of
	Etcd         string // the oldest that takes the flags of kubeadm's manifest
	Flannel      string // the oldest to use
	CRIO         string // the oldest to use
	CRIOBefore   string // the first that is too new
	Crun         string // the oldest that takes that CRI-O's specifications
}

// ArgsForm is how a kubeadm configuration API writes extra arguments.
type ArgsForm int

const (
	// ArgsMap is a mapping of names to values, as in v1beta3.
	ArgsMap ArgsForm = iota + 1
	// ArgsList is a list of name and value pairs, as in v1beta4.
	ArgsList
)

// ErrUnknownMinor says that this podsec-k8s was not made for a version.
var ErrUnknownMinor = message.New("this podsec-k8s does not know that Kubernetes version")

// Minors lists the minor versions that podsec-k8s is tested with, the default
// first: a cluster of one is upgraded to the next. Source: kubeadm's cmd/kubeadm/app/constants and apis/kubeadm of
// either version.
func Minors() []Minor {
	return []Minor{
		{
			Version: "1.26", KubeadmAPI: "kubeadm.k8s.io/v1beta3", ArgsForm: ArgsMap, PauseTag: "3.9",
			DiscoveryTimeout: []string{"discovery", "timeout"},
			InitTimeout:      []string{"ClusterConfiguration", "apiServer", "timeoutForControlPlane"},
			From:             "1.26.3", Before: "1.27", Read: "ALT's kubernetes1.26.spec, 1.26.15-alt1: they provide kubernetes-X = %EVR and conflict with all others of that name",
			Etcd: "3.4.15", Flannel: "0.13.0",
			CRIO: "1.26.2", CRIOBefore: "1.28", Crun: "1.8.1",
		},
		{
			Version: "1.27", KubeadmAPI: "kubeadm.k8s.io/v1beta3", ArgsForm: ArgsMap, PauseTag: "3.9",
			DiscoveryTimeout: []string{"discovery", "timeout"},
			InitTimeout:      []string{"ClusterConfiguration", "apiServer", "timeoutForControlPlane"},
			From:             "1.27.0", Before: "1.28", Read: "as ALT's kubernetes1.26.spec, 1.26.15-alt1",
			Etcd: "3.4.15", Flannel: "0.13.0",
			CRIO: "1.26.2", CRIOBefore: "1.29", Crun: "1.8.1",
		},
		{
			Version: "1.34", KubeadmAPI: "kubeadm.k8s.io/v1beta4", ArgsForm: ArgsList, PauseTag: "3.10.1", PolicyAtStart: true,
			DiscoveryTimeout: []string{"timeouts", "discovery"},
			InitTimeout:      []string{"InitConfiguration", "timeouts", "controlPlaneComponentHealthCheck"},
			JoinTimeout:      []string{"JoinConfiguration", "timeouts", "controlPlaneComponentHealthCheck"},
			From:             "1.34.0", Before: "1.35", Read: "as ALT's kubernetes1.31.spec, the newest read",
			Etcd: "3.6.0", Flannel: "0.26.0",
			CRIO: "1.34.0", CRIOBefore: "1.36", Crun: "1.9",
		},
		{
			Version: "1.35", KubeadmAPI: "kubeadm.k8s.io/v1beta4", ArgsForm: ArgsList, PauseTag: "3.10.1", PolicyAtStart: true,
			DiscoveryTimeout: []string{"timeouts", "discovery"},
			InitTimeout:      []string{"InitConfiguration", "timeouts", "controlPlaneComponentHealthCheck"},
			JoinTimeout:      []string{"JoinConfiguration", "timeouts", "controlPlaneComponentHealthCheck"},
			From:             "1.35.0", Before: "1.36", Read: "as ALT's kubernetes1.31.spec, the newest read",
			Etcd: "3.6.0", Flannel: "0.26.0",
			CRIO: "1.34.0", CRIOBefore: "1.37", Crun: "1.9",
		},
	}
}

// MinorOf finds the minor of a version such as 1.26, 1.26.3 or v1.34.4.
// The error is ErrUnknownMinor when there is none.
func MinorOf(version string) (Minor, error) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	for _, m := range Minors() {
		if len(parts) >= 2 && m.Version == parts[0]+"."+parts[1] {
			return m, nil
		}
	}
	return Minor{}, message.Errorf("%q: %w", version, ErrUnknownMinor)
}
