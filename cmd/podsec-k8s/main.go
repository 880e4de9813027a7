// Command podsec-k8s is the helper of the package, the administrator's
// command, and what every unit runs. Under another name it is another
// command: podsec-k8s-create-master, the systemctl that kubeadm finds in the
// node, or the pasta that RootlessKit runs.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// version is set when the package is built.
var version = "devel"

func main() {
	os.Exit(run(context.Background(), os.Args))
}

// run picks the command by the name that the program was called by, and
// returns the exit status.
func run(ctx context.Context, argv []string) int {
	p := newPrinter(os.Stdout, os.Stderr, os.Getenv)
	switch filepath.Base(argv[0]) {
	case "systemctl":
		status, err := usernetes.StandInSystemctl(ctx, argv[1:])
		p.fault(err)
		return status
	case usernetes.PastaName:
		err := usernetes.ExecPasta(argv[1:])
		p.fault(err)
		return exitStatus(err)
	case "podsec-k8s-create-master":
		argv = append([]string{"podsec-k8s", "create-master"}, argv[1:]...)
	}
	err := app(p).RunContext(ctx, argv)
	p.fault(err)
	return exitStatus(err)
}

// app is the table of commands.
func app(p *printer) *cli.App {
	return &cli.App{
		Name:    "podsec-k8s",
		Usage:   "rootless Kubernetes for ALT Linux",
		Version: version,
		Description: "Makes and keeps a Kubernetes node that runs as the user u7s-admin.\n" +
			"Exit status: 0 done, 1 a fault, 2 wrong usage, 3 a preflight check failed, 4 another run is under way.",
		Commands: strict([]*cli.Command{
			createMasterCommand(p),
			joinCommand(p),
			resetCommand(p),
			statusCommand(p),
			tokenCommand(p),
			imageCommand(),
			toolCommand("kubeadm", "runs kubeadm in the node"),
			toolCommand("kubectl", "runs kubectl in the node, as the cluster's administrator on a master"),
			toolCommand("crictl", "runs crictl in the node"),
			execCommand(),
			hostCommand(p),
			depsCommand(p),
			kubeletGuardCommand(),
			netGuardCommand(),
			scriptletCommand(p),
			unitCommand(),
			nodeCommand(p),
		}),
		ExitErrHandler:  func(*cli.Context, error) {}, // run prints and picks the status
		OnUsageError:    usageError,
		HideHelpCommand: true,
		Action:          unknownCommand,
	}
}

// strict makes every command, and those below it, refuse what it does not
// know with our own words.
func strict(commands []*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 && c.Action == nil {
			c.Action = unknownCommand
		}
		strict(c.Subcommands)
	}
	return commands
}
