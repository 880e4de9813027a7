package usernetes

import (
	"context"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TokenArgs checks the words of a kubeadm token command: what is no token, and no
// id of one where that will do, is a *Misuse.
func TokenArgs(command string, given []string) error {
	for _, word := range given {
		if !kubeadm.BootstrapToken.MatchString(word) && (command != "delete" || !kubeadm.TokenID.MatchString(word)) {
			return node.NewMisuse("", "%q does not have the form of a token", word)
		}
	}
	return nil
}

// RunTokens runs kubeadm token in the node and shows what it says.
func RunTokens(ctx context.Context, args []string, out, errOut io.Writer) error {
	if !host.Exists(node.StatePath(node.AdminConf)) {
		return node.NotMaster()
	}
	cmd, err := namespace.InNode(namespace.Program{Name: "kubeadm", Args: append([]string{"token"}, args...)})
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = out, errOut
	return cmd.Run(ctx)
}

// A Token is a new bootstrap token. It is a secret.
type Token struct{ Token string }

// Check reports whether it has its form. Root asks this of what u7s-admin hands it.
func (t Token) Check() error {
	if !kubeadm.BootstrapToken.MatchString(t.Token) {
		return message.New("kubeadm did not print a token")
	}
	return nil
}

// NewToken lets kubeadm make a token. What it says beside that goes to notes.
func NewToken(ctx context.Context, args []string, notes io.Writer) (t Token, err error) {
	var out strings.Builder
	if err := RunTokens(ctx, append([]string{"create"}, args...), &out, notes); err != nil {
		return t, err
	}
	t.Token = strings.TrimSpace(out.String())
	return t, t.Check()
}

// ListTokens lets kubeadm list the tokens that are good. What it says beside that
// goes to notes.
func ListTokens(ctx context.Context, args []string, notes io.Writer) ([]kubeadm.ListedToken, error) {
	var out strings.Builder
	if err := RunTokens(ctx, append([]string{"list", "-o", "json"}, args...), &out, notes); err != nil {
		return nil, err
	}
	return kubeadm.ParseTokens(out.String())
}

// keyLine is a line with the key that kubeadm encrypts shared certificates with.
// Source: kubeadm's documentation of upload-certs.
var keyLine = regexp.MustCompile(`(?m)^[0-9a-f]{64}$`)

// uploadCerts lets kubeadm put the shared certificates into the cluster,
// encrypted, and gives their key. It is a secret.
func uploadCerts(ctx context.Context) (string, error) {
	out, err := outputInNode(ctx, "kubeadm", "init", "phase", "upload-certs", "--upload-certs")
	if err != nil {
		return "", message.Errorf("sharing the control plane's certificates: %w", err)
	}
	key := keyLine.FindString(out)
	if key == "" {
		return "", message.New("sharing the control plane's certificates: kubeadm printed no key")
	}
	return key, nil
}

func outputInNode(ctx context.Context, name string, args ...string) (string, error) {
	cmd, err := namespace.InNode(namespace.Program{Name: name, Args: args})
	if err != nil {
		return "", err
	}
	out, err := cmd.Output(ctx)
	return string(out), err
}

// NewTicket asks kubeadm for a token, with further flags and words of kubeadm
// token create. A ticket for a control plane has the key of the shared
// certificates, uploaded anew: the cluster keeps them for two hours.
func NewTicket(ctx context.Context, controlPlane bool, args []string) (kubeadm.JoinTicket, error) {
	if !host.Exists(node.StatePath(node.AdminConf)) {
		return kubeadm.JoinTicket{}, node.NotMaster()
	}
	controlPlane = controlPlane || hasFlag(args, "certificate-key")
	if controlPlane {
		if err := checkOpen(ctx); err != nil {
			return kubeadm.JoinTicket{}, err
		}
	}
	var key string
	if controlPlane && !hasFlag(args, "certificate-key") {
		var err error
		if key, err = uploadCerts(ctx); err != nil {
			return kubeadm.JoinTicket{}, err
		}
	}
	out, err := outputInNode(ctx, "kubeadm", append([]string{"token", "create", "--print-join-command"}, args...)...)
	if err != nil {
		return kubeadm.JoinTicket{}, err
	}
	t, err := kubeadm.ParseTicket(out)
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

// checkOpen reports whether another control plane could join. kubeadm lets one in
// only where the cluster has an endpoint that stays, and etcd has to be open for
// its peers.
func checkOpen(ctx context.Context) error {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	config, err := kubeadm.ClusterConfig(ctx, api)
	if err != nil {
		return message.Errorf("getting the cluster's endpoint: %w", err)
	}
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	return checkEndpointOf(config, n)
}

// checkEndpointOf decides it by the cluster's configuration and the node.
func checkEndpointOf(config []byte, n node.Node) error {
	var cluster struct {
		Endpoint string `yaml:"controlPlaneEndpoint"`
		Etcd     struct {
			External any `yaml:"external"`
		} `yaml:"etcd"`
	}
	if err := yaml.Unmarshal(config, &cluster); err != nil {
		return message.Errorf("reading the cluster's configuration: %w", err)
	}
	if cluster.Endpoint != "" && (n.EtcdPeers || cluster.Etcd.External != nil) {
		return nil
	}
	return host.NewFault("an endpoint is set when the cluster is created: podsec-k8s-create-master --control-plane-endpoint NAME:PORT --upload-certs on a machine without a cluster",
		"this cluster was created without a control-plane endpoint, so no other control plane can join it")
}
