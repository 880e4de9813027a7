package main

import (
	"runtime"

	"github.com/urfave/cli/v2"
)

// Set when the package is built: its version, and the commit that it was built
// from, "" when that is not known.
var (
	version = "devel"
	commit  string
)

// A versionAnswer is what the version command says.
type versionAnswer struct {
	typed
	Version    string `json:"version"`
	Kubernetes string `json:"kubernetesMinor"` // that the package pins
	Commit     string `json:"commit"`
	Go         string `json:"goVersion"`
	Platform   string `json:"platform"` // as Go names it
}

func versionCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: p.help("prints the version and the Kubernetes version it is for"),
		Description: p.examples("podsec-k8s version -o json"),
		Flags:       []cli.Flag{outputFlag(p)},
		Action: func(c *cli.Context) error {
			v := versionOf()
			return answer(c, p, v, func() { printVersion(p, v) })
		},
	}
}

func versionOf() versionAnswer {
	return versionAnswer{
		typed: typed{"Version", apiVersion}, Version: version, Kubernetes: minor, Commit: commit,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
}

func printVersion(p *printer, v versionAnswer) {
	p.say("podsec-k8s %s for Kubernetes %s", v.Version, v.Kubernetes)
	if v.Commit != "" {
		p.say("commit %s, built with %s for %s", v.Commit, v.Go, v.Platform)
	}
}

func versionFlag(p *printer) cli.Flag {
	return &cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: p.help("print the version")}
}
