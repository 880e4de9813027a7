// Command podsec-k8s is the helper of the package, the administrator's
// command, and what every unit runs. Under another name it is another
// command: podsec-k8s-create-master, the systemctl and the crictl that kubeadm
// finds in the node, the pasta that RootlessKit runs, or the keeper of the gate to u7s-admin.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

func main() {
	os.Exit(run(context.Background(), os.Args))
}

// run picks the command by the name that the program was called by, and
// returns the exit status.
func run(ctx context.Context, argv []string) int {
	p := newPrinter(gate.NewText(os.Stdout), gate.NewText(os.Stderr), os.Getenv)
	switch filepath.Base(argv[0]) {
	case "systemctl":
		status, err := staticpod.StandInSystemctl(ctx, argv[1:])
		p.fault(err)
		return status
	case staticpod.CrictlName:
		_, err := staticpod.StandInCrictl(argv[1:])
		p.fault(err)
		return exitStatus(err)
	case node.PastaName:
		err := node.ExecPasta(argv[1:])
		p.fault(err)
		return exitStatus(err)
	case gate.EntryName:
		err := gate.Enter(argv)
		p.fault(err)
		return exitStatus(err)
	case gate.AttendName:
		status, err := gate.Attend(argv)
		p.fault(err)
		return status
	case createMasterName:
		argv = append([]string{programName, createMaster}, argv[1:]...)
	}
	err := app(p).RunContext(ctx, argv)
	p.fault(err)
	if unsaid := p.out.fault(); unsaid != nil {
		p.fault(unsaid)
		return exitFault
	}
	return exitStatus(err)
}

// app is the table of commands.
func app(p *printer) *cli.App {
	p.printHelp()
	return &cli.App{
		Name:     programName,
		HelpName: programName,
		Usage:    p.help("rootless Kubernetes for ALT Linux"),
		Description: p.help("Creates and runs a Kubernetes node as the user u7s-admin.\n\n" +
			"Exit status:\n" +
			"  0      done\n" +
			"  1      a fault\n" +
			"  2      wrong usage\n" +
			"  3      a preflight check failed\n" +
			"  4      another run is in progress\n" +
			"  128+N  the signal N ended the command"),
		Commands: strict(p, programName, []*cli.Command{
			createMasterCommand(p),
			joinCommand(p),
			leaveCommand(p),
			removeNodeCommand(p),
			resetCommand(p),
			statusCommand(p),
			tokenCommand(p),
			userCommand(p),
			auditCommand(p),
			configCommand(p),
			changeAddressCommand(p),
			imageCommand(p),
			certsCommand(p),
			backupCommand(p),
			restoreCommand(p),
			upgradeCommand(p),
			toolCommand(p, "kubeadm", "certs check-expiration", "runs kubeadm in the node", func(c *cli.Context) error { return runKubeadm(c, p) }),
			toolCommand(p, "kubectl", "apply -f app.yaml", "runs kubectl as the administrator, on a worker as its node", func(c *cli.Context) error { return runKubectl(c, p) }),
			toolCommand(p, "crictl", "images", "runs crictl in the node", runCrictl),
			execCommand(p),
			hostCommand(p),
			depsCommand(p),
			helpCommand(p),
			versionCommand(p),
			completionCommand(p),
			kubeletGuardCommand(p),
			kubeletEndedCommand(p),
			kubeletReturnCommand(p),
			netGuardCommand(p),
			scriptletCommand(p),
			unitCommand(p),
			nodeCommand(p),
		}),
		Flags:          []cli.Flag{helpFlag(p), versionFlag(p)},
		Writer:         p.out,
		ExitErrHandler: func(*cli.Context, error) {}, // run prints and picks the status
		OnUsageError:   usageError,
		HideHelp:       true, // ours is among the commands and flags
		HideVersion:    true,
		Action:         unknownCommand,
		// Asked by the scripts in completion/ alone.
		EnableBashCompletion: true,
	}
}

// nodeCommand is the table of what root has u7s-admin do, for root may not touch
// it. What takes its time is followed: it ends when root's part has ended.
func nodeCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "node", Usage: p.help("the part of a command that runs as u7s-admin"), Hidden: true,
		Subcommands: []*cli.Command{
			{Name: makeTask.name, Action: followed(func(c *cli.Context) error { return makeTask.serve(c, p) })},
			{Name: resetTask.name, Action: followed(func(c *cli.Context) error { return resetTask.serve(c, p) })},
			{Name: leaveQuestion.name, Action: func(c *cli.Context) error { return leaveQuestion.serve(c) }},
			{Name: removalQuestion.name, Action: func(c *cli.Context) error { return removalQuestion.serve(c) }},
			{Name: removalTask.name, Action: followed(func(c *cli.Context) error { return removalTask.serve(c, p) })},
			{Name: stateQuestion.name, Action: func(c *cli.Context) error { return stateQuestion.serve(c) }},
			{Name: accessQuestion.name, Action: func(c *cli.Context) error { return accessQuestion.serve(c) }},
			{Name: overviewQuestion.name, Action: func(c *cli.Context) error { return overviewQuestion.serve(c) }},
			{Name: ticketQuestion.name, Action: func(c *cli.Context) error { return ticketQuestion.serve(c) }},
			{Name: certsQuestion.name, Action: func(c *cli.Context) error { return certsQuestion.serve(c) }},
			{Name: renewTask.name, Action: followed(func(c *cli.Context) error { return renewTask.serve(c, p) })},
			{Name: imagesQuestion.name, Action: func(c *cli.Context) error { return imagesQuestion.serve(c) }},
			{Name: loadTask.name, Action: followed(func(c *cli.Context) error { return loadTask.serve(c, p) })},
			{Name: tokenTask.name, Action: func(c *cli.Context) error { return tokenTask.serve(c, p) }},
			{Name: tokenQuestion.name, Action: func(c *cli.Context) error { return tokenQuestion.serve(c) }},
			{Name: tokensQuestion.name, Action: func(c *cli.Context) error { return tokensQuestion.serve(c) }},
			{Name: auditTask.name, Action: followed(func(c *cli.Context) error { return auditTask.serve(c, p) })},
			{Name: auditQuestion.name, Action: func(c *cli.Context) error { return auditQuestion.serve(c) }},
			{Name: configTask.name, Action: followed(func(c *cli.Context) error { return configTask.serve(c, p) })},
			{Name: configQuestion.name, Action: func(c *cli.Context) error { return configQuestion.serve(c) }},
			{Name: moveQuestion.name, Action: func(c *cli.Context) error { return moveQuestion.serve(c) }},
			{Name: moveTask.name, Action: followed(func(c *cli.Context) error { return moveTask.serve(c, p) })},
			{Name: movedQuestion.name, Action: func(c *cli.Context) error { return movedQuestion.serve(c) }},
			{Name: signQuestion.name, Action: func(c *cli.Context) error { return signQuestion.serve(c) }},
			{Name: bindQuestion.name, Action: func(c *cli.Context) error { return bindQuestion.serve(c) }},
			{Name: usersQuestion.name, Action: func(c *cli.Context) error { return usersQuestion.serve(c) }},
			{Name: rightsQuestion.name, Action: func(c *cli.Context) error { return rightsQuestion.serve(c) }},
			{Name: revokeQuestion.name, Action: func(c *cli.Context) error { return revokeQuestion.serve(c) }},
			{Name: restoredQuestion.name, Action: func(c *cli.Context) error { return restoredQuestion.serve(c) }},
			{Name: backupPart, Action: followed(serveBackup)},
			{Name: programsQuestion.name, Action: func(c *cli.Context) error { return programsQuestion.serve(c) }},
			{Name: upgradeQuestion.name, Action: func(c *cli.Context) error { return upgradeQuestion.serve(c) }},
			{Name: upgradeTask.name, Action: followed(func(c *cli.Context) error { return upgradeTask.serve(c, p) })},
			{Name: rollbackTask.name, Action: followed(func(c *cli.Context) error { return rollbackTask.serve(c, p) })},
			{Name: reloadTask.name, Action: func(c *cli.Context) error { return reloadTask.serve(c, p) }},
			{Name: policyTask.name, Action: func(c *cli.Context) error { return policyTask.serve(c, p) }},
		},
	}
}
