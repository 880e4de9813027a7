// Command rpm builds the package podsec-k8s or podsec-k8s-network-policy, or writes
// the spec that ALT's own tools build it from.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// Who says so by default: nobody of ALT built the package, and the project has
// no address there, so it says where the project is.
const (
	defaultVendor   = "podsec-k8s project"
	defaultPackager = "podsec-k8s maintainers <" + homepage + ">"
)

func main() {
	app := &cli.App{
		Name:  "rpm",
		Usage: "builds a package and prints its path",
		Description: "Run it at the top of the checkout. rpm/README.md says how ALT's own tools build it.\n\n" +
			"Example: go run ./rpm --kubernetes 1.34 --out dist --packager 'Ivan Ivanov <ivan@altlinux.org>'",
		HideHelpCommand: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "package", Value: helper, Usage: "the package's `NAME`: " + helper + " or " + policyPackage},
			&cli.StringFlag{Name: "kubernetes", Value: deps.Minors()[0].Version, Usage: "pin the packages of this `MINOR`"},
			&cli.StringFlag{Name: "arch", Value: "x86_64", Usage: "x86_64 or aarch64"},
			&cli.StringFlag{Name: "release", Usage: "the package's `RELEASE`; default: alt1.k and the minor"},
			&cli.StringFlag{Name: "version", Usage: "the package's `VERSION`; default: the newest in CHANGELOG.md"},
			&cli.StringFlag{Name: "vendor", Value: defaultVendor, Usage: "`WHO` gives the package out"},
			&cli.StringFlag{Name: "packager", Value: defaultPackager, Usage: "`WHO` built it, as Name <name@altlinux.org>"},
			&cli.StringFlag{Name: "build-host", Value: "localhost", Usage: "`HOST` that it says it was built on"},
			&cli.PathFlag{Name: "sign-key", Usage: "sign with the secret RSA key in `FILE`, as gpg --export-secret-keys writes it"},
			&cli.PathFlag{Name: "sign-passphrase", Usage: "`FILE` with the passphrase of that key"},
			&cli.BoolFlag{Name: "spec", Usage: "print the spec instead of building"},
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
	r, err := request(c)
	if err != nil {
		return err
	}
	if c.Bool("spec") { // its tarball may be of another commit
		p, err := Describe(r)
		if err != nil {
			return err
		}
		_, err = fmt.Print(p.spec())
		return err
	}
	r.Commit = commitOf(r.Source)
	path, err := Build(r)
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}

func request(c *cli.Context) (Request, error) {
	if c.Args().Present() {
		return Request{}, fmt.Errorf("%q is not a flag: see go run ./rpm --help", c.Args().First())
	}
	log, err := readChangelog("CHANGELOG.md")
	if err != nil {
		return Request{}, err
	}
	r := Request{
		Package: c.String("package"), Source: ".", Kubernetes: c.String("kubernetes"), Arch: c.String("arch"), Version: c.String("version"),
		Release: c.String("release"), Vendor: c.String("vendor"), Packager: c.String("packager"),
		BuildHost: c.String("build-host"), Out: c.String("out"), Changelog: log,
	}
	if r.Version == "" {
		r.Version = log.Releases[0].Version
	}
	if key := c.Path("sign-key"); key != "" {
		r.Sign, err = readSigner(key, c.Path("sign-passphrase"))
	}
	return r, err
}

// commitOf names what is checked out, and whether it was changed; "" where
// this is no checkout. Source: git-describe(1).
func commitOf(source string) string {
	out, err := exec.Command("git", "-C", source, "describe", "--always", "--exclude", "*", "--abbrev=40", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
