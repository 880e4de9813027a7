package kubeadm

import (
	"fmt"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A JoinTicket is what a machine joins a cluster by. Token and key are secrets.
type JoinTicket struct {
	Endpoint       string
	Token          string
	CAHashes       []string
	CertificateKey string // of a control plane; "" for a worker
}

// ParseTicket reads the command that kubeadm prints. Every part of it has to
// have its form, for another machine's root is told to run it.
func ParseTicket(out string) (t JoinTicket, err error) {
	fields := strings.Fields(out)
	if len(fields) < 3 || fields[0] != "kubeadm" || fields[1] != "join" {
		return t, message.Errorf("kubeadm printed no join command")
	}
	t.Endpoint = fields[2]
	for i := 3; i < len(fields); i++ {
		name := fields[i]
		if name == "--control-plane" {
			continue
		}
		if i++; i == len(fields) {
			return t, message.Errorf("kubeadm printed %s without a value", name)
		}
		switch name {
		case "--token":
			t.Token = fields[i]
		case "--discovery-token-ca-cert-hash":
			t.CAHashes = append(t.CAHashes, fields[i])
		case "--certificate-key":
			t.CertificateKey = fields[i]
		default:
			return t, message.Errorf("kubeadm printed a join command with %q", name)
		}
	}
	return t, t.Check()
}

// Check reports whether every part has its form. Root asks this again of what
// u7s-admin hands it.
func (t JoinTicket) Check() error {
	request := JoinRequest{
		Endpoint: t.Endpoint, Token: t.Token, CAHashes: t.CAHashes,
		ControlPlane: t.CertificateKey != "", CertificateKey: t.CertificateKey,
	}
	if f := request.formFault(); f != nil {
		return message.Errorf("the join command of the cluster: %w", f.Err)
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
