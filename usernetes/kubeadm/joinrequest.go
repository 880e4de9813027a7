package kubeadm

import (
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// CheckFlags tells which flags are for a control plane alone.
func (j JoinRequest) CheckFlags(args Args) error {
	for _, s := range args.Settings {
		if s.path[0] == "controlPlane" && !j.ControlPlane {
			return node.NewMisuse("remove it, or add --control-plane", "flag --%s is for a control plane", s.Flag)
		}
	}
	return nil
}

// CheckEndpoint reports whether the endpoint is one. The error is a *Misuse.
func (j JoinRequest) CheckEndpoint() error { return asMisuse(j.endpointFault()) }

// Check tells what a request to join lacks. The error is a *Misuse.
func (j JoinRequest) Check() error { return asMisuse(j.formFault()) }

func asMisuse(f *host.Fault) error {
	if f == nil {
		return nil
	}
	return &node.Misuse{Fault: *f}
}

func (j JoinRequest) endpointFault() *host.Fault {
	if node.CheckEndpoint(j.Endpoint) != nil {
		return host.NewFault("specify it as create-master printed it: podsec-k8s join ADDRESS:PORT …", "%q is not an address and port of a cluster", j.Endpoint)
	}
	return nil
}

// formFault tells which part has not its form, or nil.
func (j JoinRequest) formFault() *host.Fault {
	if f := j.endpointFault(); f != nil {
		return f
	}
	if !BootstrapToken.MatchString(j.Token) {
		return host.NewFault("create a token on a control plane: podsec-k8s token create --print-join-command", "the token does not have the form abcdef.0123456789abcdef")
	}
	if len(j.CAHashes) == 0 {
		return host.NewFault("specify the hash that create-master printed: --discovery-token-ca-cert-hash sha256:…",
			"without the hash of its certificate authority, the cluster cannot be told from another one")
	}
	for _, hash := range j.CAHashes {
		if !caHash.MatchString(hash) {
			return host.NewFault("specify the hash that create-master printed: --discovery-token-ca-cert-hash sha256:…",
				"%q is not a hash of a certificate authority: sha256: and 64 hexadecimal digits", hash)
		}
	}
	if j.ControlPlane && !certificateKey.MatchString(j.CertificateKey) {
		return host.NewFault("create a command with a key on a control plane: podsec-k8s token create --control-plane",
			"a control plane needs the key of the shared certificates: 64 hexadecimal digits")
	}
	return nil
}

// A JoinRequest is what a machine joins a cluster by.
type JoinRequest struct {
	Endpoint       string   // address and port of the cluster's API
	Token          string   // a bootstrap token, secret
	CAHashes       []string // that the cluster's certificate authority may have
	ControlPlane   bool     // become one more control plane, not a worker
	CertificateKey string   // of the certificates that control planes share, secret
}
