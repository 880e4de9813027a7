package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

// A secret is a flag --NAME of kubeadm's, and beside it --NAME-file, by which
// the value stays out of the command line.
type secret struct {
	name string
	to   *string
}

// joinSecrets lists what a join is given in secret, in the order of their lines
// on standard input.
func joinSecrets(j *kubeadm.JoinRequest) []secret {
	return []secret{{"token", &j.Token}, {"certificate-key", &j.CertificateKey}}
}

// checkSecrets reports whether each secret is given at most once, and the token
// at all. Nothing is read yet.
func checkSecrets(c *cli.Context, j *kubeadm.JoinRequest) error {
	for _, s := range joinSecrets(j) {
		file := s.name + "-file"
		if c.IsSet(s.name) && c.IsSet(file) {
			return misuse("--%s and --%s mean the same: use one of them", s.name, file)
		}
	}
	key := ""
	for _, name := range []string{"certificate-key", "certificate-key-file"} {
		if c.IsSet(name) {
			key = name
		}
	}
	switch {
	case !c.IsSet("token") && !c.IsSet("token-file"):
		return misuse("flag --token-file is missing")
	case !c.IsSet("discovery-token-ca-cert-hash"):
		return misuse("flag --discovery-token-ca-cert-hash is missing")
	case j.ControlPlane && key == "":
		return misuse("flag --certificate-key-file is missing")
	case key != "" && !j.ControlPlane:
		return misuse("flag --%s is for a control plane", key)
	}
	return nil
}

// readSecrets takes the secrets of a join from files, from standard input, a
// line for each, or from the command line as kubeadm prints it.
func readSecrets(c *cli.Context, j *kubeadm.JoinRequest, stdin io.Reader) error {
	lines := bufio.NewReader(io.LimitReader(stdin, secretLimit))
	for _, s := range joinSecrets(j) {
		*s.to = c.String(s.name)
		if path := c.String(s.name + "-file"); path != "" {
			if err := readSecret(s, path, lines); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSecret takes a secret from a file, or from the next line.
func readSecret(s secret, path string, lines *bufio.Reader) (err error) {
	if path == "-" {
		*s.to, err = readLine(lines)
	} else {
		*s.to, err = readSecretFile(path)
	}
	if err != nil {
		return host.WithRemedy(message.Errorf("reading --%s-file: %w", s.name, err),
			"specify a file that contains it, or - for a line of standard input: --%s-file FILE", s.name)
	}
	return nil
}

// secretLimit bounds what is read for secrets, in bytes.
const secretLimit = 64 << 10

// readLine reads the next line that is not empty.
func readLine(from *bufio.Reader) (string, error) {
	for {
		line, err := from.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			return line, nil
		}
		if errors.Is(err, io.EOF) {
			return "", message.New("standard input has no line for it")
		}
		if err != nil {
			return "", err
		}
	}
}

func readSecretFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // opened for reading
	data, err := io.ReadAll(io.LimitReader(file, secretLimit))
	if err != nil {
		return "", message.Errorf("reading %q: %w", path, err)
	}
	return strings.TrimSpace(string(data)), nil
}
