package deps

import (
	"errors"
	"fmt"
	"strings"
)

// A Minor is what follows from one minor version of Kubernetes.
type Minor struct {
	Version    string   // such as 1.26
	KubeadmAPI string   // the newest configuration API of its kubeadm
	ArgsForm   ArgsForm // how that API writes extraArgs
	PauseTag   string   // the tag of the pause image that kubeadm expects
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
var ErrUnknownMinor = errors.New("not a Kubernetes version that this podsec-k8s knows")

// Minors lists the generations that podsec-k8s is tested with, the default
// first. Source: kubeadm's cmd/kubeadm/app/constants and apis/kubeadm of
// either version.
func Minors() []Minor {
	return []Minor{
		{Version: "1.26", KubeadmAPI: "kubeadm.k8s.io/v1beta3", ArgsForm: ArgsMap, PauseTag: "3.9"},
		{Version: "1.34", KubeadmAPI: "kubeadm.k8s.io/v1beta4", ArgsForm: ArgsList, PauseTag: "3.10.1"},
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
	return Minor{}, fmt.Errorf("%q: %w", version, ErrUnknownMinor)
}
