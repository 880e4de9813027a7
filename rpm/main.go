// Command rpm builds the package podsec-k8s.
package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
)

func main() {
	app := &cli.App{
		Name:            "rpm",
		Usage:           "builds the package podsec-k8s and prints its path",
		Description:     "Run it at the top of the checkout.\n\nExample: go run ./rpm --kubernetes 1.34 --out dist",
		HideHelpCommand: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kubernetes", Value: deps.Minors()[0].Version, Usage: "pin the packages of this `MINOR`"},
			&cli.StringFlag{Name: "arch", Value: "x86_64", Usage: "x86_64 or aarch64"},
			&cli.StringFlag{Name: "release", Value: "alt1", Usage: "the package's `RELEASE`"},
			&cli.StringFlag{Name: "version", Usage: "the package's `VERSION`; default: the newest in CHANGELOG.md"},
			&cli.StringFlag{Name: "out", Value: "dist", Usage: "the `FOLDER` to write to"},
		},
		Action: build,
	}
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "rpm: %v\n", err)
		os.Exit(1)
	}
}

func build(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("%q is not a flag: see go run ./rpm --help", c.Args().First())
	}
	log, err := readChangelog("CHANGELOG.md")
	if err != nil {
		return err
	}
	version := c.String("version")
	if version == "" {
		version = log.Releases[0].Version
	}
	path, err := Build(Request{
		Source: ".", Kubernetes: c.String("kubernetes"), Arch: c.String("arch"), Version: version,
		Release: c.String("release"), Out: c.String("out"), Changelog: log,
	})
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
