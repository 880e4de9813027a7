package usernetes

import (
	"context"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A JoinTicket is what a machine joins a cluster by. Token and key are secrets.
type JoinTicket struct {
	Endpoint       string
	Token          string
	CAHashes       []string
	CertificateKey string // of a control plane; "" for a worker
}

// NewTicket asks kubeadm for a token, with further flags and words of kubeadm
// token create. A ticket for a control plane has the key of the shared
// certificates, uploaded anew: the cluster keeps them for two hours.
func NewTicket(ctx context.Context, controlPlane bool, args []string) (JoinTicket, error) {
	if !canStat(kept(adminConf)) {
		return JoinTicket{}, notMaster()
	}
	controlPlane = controlPlane || hasFlag(args, "certificate-key")
	if controlPlane {
		if err := checkOpen(ctx); err != nil {
			return JoinTicket{}, err
		}
	}
	var key string
	if controlPlane && !hasFlag(args, "certificate-key") {
		var err error
		if key, err = uploadCerts(ctx); err != nil {
			return JoinTicket{}, err
		}
	}
	out, err := outputInNode(ctx, "kubeadm", append([]string{"token", "create", "--print-join-command"}, args...)...)
	if err != nil {
		return JoinTicket{}, err
	}
	t, err := parseTicket(out)
	if key != "" {
		t.CertificateKey = key
	}
	return t, err
}

func hasFlag(args []string, name string) bool {
	for _, arg := range args {
		if strings.HasPrefix(arg, "--"+name+"=") {
			return true
		}
	}
	return false
}

// checkOpen tells whether another control plane could join. kubeadm lets one in
// only where the cluster has an endpoint that stays, and etcd has to be open for
// its peers.
func checkOpen(ctx context.Context) error {
	api, err := newAPIClient(adminConf)
	if err != nil {
		return err
	}
	config, err := api.clusterConfig(ctx)
	if err != nil {
		return fmt.Errorf("asking the cluster for its endpoint: %w", err)
	}
	n, err := LoadNode()
	if err != nil {
		return err
	}
	return checkEndpointOf(config, n)
}

// checkEndpointOf decides it by the cluster's configuration and the node.
func checkEndpointOf(config []byte, n Node) error {
	var cluster struct {
		Endpoint string `yaml:"controlPlaneEndpoint"`
		Etcd     struct {
			External any `yaml:"external"`
		} `yaml:"etcd"`
	}
	if err := yaml.Unmarshal(config, &cluster); err != nil {
		return fmt.Errorf("reading the cluster's configuration: %w", err)
	}
	if cluster.Endpoint != "" && (n.EtcdPeers || cluster.Etcd.External != nil) {
		return nil
	}
	return fault("a cluster gets one when it is made: podsec-k8s-create-master --control-plane-endpoint NAME:PORT --upload-certs on a machine without a cluster",
		"this cluster was made without a control-plane endpoint, so no other control plane can join it")
}

// parseTicket reads the command that kubeadm prints. Every part of it has to
// have its form, for another machine's root is told to run it.
func parseTicket(out string) (t JoinTicket, err error) {
	fields := strings.Fields(out)
	if len(fields) < 3 || fields[0] != "kubeadm" || fields[1] != "join" {
		return t, fmt.Errorf("kubeadm printed no join command")
	}
	t.Endpoint = fields[2]
	for i := 3; i < len(fields); i++ {
		name := fields[i]
		if name == "--control-plane" {
			continue
		}
		if i++; i == len(fields) {
			return t, fmt.Errorf("kubeadm printed %s without a value", name)
		}
		switch name {
		case "--token":
			t.Token = fields[i]
		case "--discovery-token-ca-cert-hash":
			t.CAHashes = append(t.CAHashes, fields[i])
		case "--certificate-key":
			t.CertificateKey = fields[i]
		default:
			return t, fmt.Errorf("kubeadm printed a join command with %q", name)
		}
	}
	return t, t.Check()
}

// Check tells whether every part has its form. Root asks this again of what
// u7s-admin hands it.
func (t JoinTicket) Check() error {
	request := JoinRequest{
		Endpoint: t.Endpoint, Token: t.Token, CAHashes: t.CAHashes,
		ControlPlane: t.CertificateKey != "", CertificateKey: t.CertificateKey,
	}
	if f := request.formFault(); f != nil {
		return fmt.Errorf("the join command of the cluster: %w", f.Err)
	}
	return nil
}

// Command returns shell commands that join another machine, when they are pasted
// or piped into sh. No secret is in the arguments of a program: the shell hands
// them over on standard input. Source: POSIX, "Here-Document".
func (t JoinTicket) Command() string {
	var all strings.Builder
	endpoint := t.Endpoint
	if strings.HasPrefix(endpoint, "[") {
		endpoint = "'" + endpoint + "'" // brackets are patterns in a shell
	}
	fmt.Fprintf(&all, "podsec-k8s join %s", endpoint)
	if t.CertificateKey != "" {
		all.WriteString(" --control-plane --certificate-key-file -")
	}
	all.WriteString(" --token-file -")
	for _, hash := range t.CAHashes {
		all.WriteString(" --discovery-token-ca-cert-hash " + hash)
	}
	fmt.Fprintf(&all, " <<'END'\n%s\n", t.Token)
	if t.CertificateKey != "" {
		all.WriteString(t.CertificateKey + "\n")
	}
	all.WriteString("END")
	return all.String()
}
