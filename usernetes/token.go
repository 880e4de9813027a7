package usernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// RunTokens runs kubeadm token in the node and shows what it says.
func RunTokens(ctx context.Context, args []string, out, errOut io.Writer) error {
	if !canStat(kept(adminConf)) {
		return notMaster()
	}
	cmd, err := inNode(Program{"kubeadm", append([]string{"token"}, args...)})
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = out, errOut
	return cmd.Run(ctx)
}

func notMaster() *host.Fault {
	return fault("run it on a master", "this node has no control plane")
}

// JoinCommand asks kubeadm for a token, with further flags of kubeadm token
// create, and gives the arguments with which another machine joins.
// For a control plane they have the key of the shared certificates, uploaded
// anew: the cluster keeps them for two hours.
func JoinCommand(ctx context.Context, controlPlane bool, flags ...string) (string, error) {
	if !canStat(kept(adminConf)) {
		return "", notMaster()
	}
	args := append([]string{"token", "create", "--print-join-command"}, flags...)
	if controlPlane {
		key, err := uploadCerts(ctx)
		if err != nil {
			return "", err
		}
		line, err := joinLine(ctx, args)
		if err != nil {
			return "", err
		}
		return line + " --control-plane --certificate-key " + key, nil
	}
	return joinLine(ctx, args)
}

func joinLine(ctx context.Context, args []string) (string, error) {
	out, err := outputInNode(ctx, "kubeadm", args...)
	if err != nil {
		return "", err
	}
	line, found := strings.CutPrefix(strings.TrimSpace(out), "kubeadm join ")
	if !found {
		return "", errors.New("kubeadm printed no join command")
	}
	return strings.TrimSpace(line), nil
}

// certificateKey is the form of the key that kubeadm encrypts shared
// certificates with. Source: kubeadm's documentation of upload-certs.
var certificateKey = regexp.MustCompile(`(?m)^[0-9a-f]{64}$`)

// uploadCerts lets kubeadm put the shared certificates into the cluster,
// encrypted, and gives their key. It is a secret.
func uploadCerts(ctx context.Context) (string, error) {
	out, err := outputInNode(ctx, "kubeadm", "init", "phase", "upload-certs", "--upload-certs")
	if err != nil {
		return "", fmt.Errorf("sharing the control plane's certificates: %w", err)
	}
	key := certificateKey.FindString(out)
	if key == "" {
		return "", errors.New("sharing the control plane's certificates: kubeadm printed no key")
	}
	return key, nil
}

func outputInNode(ctx context.Context, name string, args ...string) (string, error) {
	cmd, err := inNode(Program{name, args})
	if err != nil {
		return "", err
	}
	out, err := cmd.Output(ctx)
	return string(out), err
}
