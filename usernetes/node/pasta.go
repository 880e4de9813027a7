package node

import (
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// PastaMode has another stack in user space, of newer systems.
const PastaMode = "pasta"

// Source: rootlesskit's docs/network.md; passt's conf.c, get_dns.
func pastaMode() Mode {
	return Mode{
		Name:          PastaMode,
		Unfit:         noPasta,
		RootlessKit:   []string{"--net=pasta", "--pasta-binary=" + LibexecDir + "/" + PastaName},
		Device:        TapDevice,
		MTU:           stackMTU,
		Ports:         BesidePorts,
		OldNameserver: true,
	}
}

func noPasta(ctx context.Context) error {
	if _, err := host.LookPath("pasta"); err != nil {
		return message.New("it needs the program pasta from the package passt")
	}
	help, err := host.Command{Path: "rootlesskit", Args: []string{"--help"}}.Output(ctx)
	if err == nil && !strings.Contains(string(help), "pasta") {
		err = message.New("it needs RootlessKit 2.0 or newer")
	}
	return err
}

// PastaName is the name by which RootlessKit runs pasta through this program.
const PastaName = "pasta-one-way"

// ExecPasta becomes pasta, and keeps it from opening ports in the namespaces
// that lead to programs of the machine, which RootlessKit has no flag for.
// Source: pasta(1), "--tcp-ns" and "--udp-ns".
func ExecPasta(args []string) error {
	return host.Command{Path: "pasta", Args: append([]string{"--tcp-ns=none", "--udp-ns=none"}, args...)}.Exec()
}
