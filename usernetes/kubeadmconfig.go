package usernetes

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// CheckConfig lets kubeadm read the configuration as it is going to, before
// anything is started. A field that it does not know is a fault as well: kubeadm
// itself would leave it out with a warning. Of 1.26 and 1.34 both know config
// migrate; config validate came later.
func (p Plan) CheckConfig(ctx context.Context) error {
	var said bytes.Buffer
	cmd := host.Command{
		Path: "kubeadm", Args: []string{"config", "migrate", "--old-config=/proc/self/fd/0", "--new-config=/dev/null"},
		Env: namespace.Environment(), Stdin: bytes.NewReader(p.Config), Stderr: &said,
	}
	err := cmd.Run(ctx)
	if err == nil && !strings.Contains(said.String(), strictDecoding) {
		return nil
	}
	var failed *host.CommandError
	if err != nil && (!errors.As(err, &failed) || failed.Status < 0) {
		return err
	}
	return host.NewFault("correct the flags, the file of --config, or the site's /etc/podsec-k8s/kubeadm.yaml",
		"kubeadm does not accept this configuration: %s", configFault(said.String()))
}

// strictDecoding is how kubeadm begins to tell of fields that it does not know.
// Source: the module sigs.k8s.io/json and kubeadm's util/config/strict.
const strictDecoding = "strict decoding error: "

// configFault picks what kubeadm says is wrong: a warning of fields that it does
// not know, or its error, which comes before the hint at more.
func configFault(said string) string {
	if fields := regexp.MustCompile(strictDecoding + `(.*)`).FindStringSubmatch(said); fields != nil {
		return fields[1]
	}
	text := "no reason was given"
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !klogLine.MatchString(line) && !strings.HasPrefix(line, "To see the stack trace") {
			text = strings.TrimPrefix(line, "error: ")
		}
	}
	return text
}

// klogLine is the form of a line of log. Source: the module k8s.io/klog.
var klogLine = regexp.MustCompile(`^[IWEF]\d{4} `)
