package main

import (
	"encoding/json"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

func imageCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "image",
		Usage: p.help("loads images into this node without a registry"),
		Subcommands: []*cli.Command{{
			Name: "list", Usage: p.help("lists the images that a new node needs"),
			Description: p.help("They depend on the site's settings and the installed kubeadm. Provide each as an archive with that "+
				"name (--image-archive), or in the registry that IMAGE_REPOSITORY names.") +
				p.examples("podsec-k8s image list"),
			Flags:  []cli.Flag{outputFlag(p)},
			Action: func(c *cli.Context) error { return listImages(c, p) },
		}, {
			Name: "load", Usage: p.help("loads docker archives into the storage of this node's CRI-O"), ArgsUsage: "FILE…",
			Description: p.help("Images keep their names from the archive. Each node has its own storage: load images on every node "+
				"where a pod may run, and again after the kubelet has removed them from a full disk.") +
				p.examples("podsec-k8s image load shop.tar database.tar"),
			Action: func(c *cli.Context) error { return loadImages(c, p) },
		}},
	}
}

// listImages is root's part of it. The names are for other programs: they have
// their form.
func listImages(c *cli.Context, p *printer) error {
	var all []string
	if err := askAdmin(c.Context, nil, &all, askListImages); err != nil {
		return err
	}
	if err := images.CheckImageNames(all); err != nil {
		return err
	}
	return answer(c, p, imagesOf(all), func() {
		for _, image := range all {
			p.say("%s", image)
		}
	})
}

// nodeListImages is the part of it that runs as u7s-admin.
func nodeListImages(c *cli.Context) error {
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return err
	}
	plan, err := usernetes.PlanMaster(site, preflight.GatherFacts(c.Context), usernetes.Options{})
	if err != nil {
		return err
	}
	images, err := plan.NeededImages(c.Context)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(images)
}

// An imageRequest names the archives that root has opened for u7s-admin.
type imageRequest struct{ Archives []string }

// loadImages is root's part of it: the archives may be root's alone.
func loadImages(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	request := imageRequest{c.Args().Slice()}
	_, files, missing := openArchives(request.Archives)
	defer closeAll(files)
	if len(missing) > 0 {
		return joinFindings(fromRoot(missing, nil))
	}
	return interruptible(c, p, func() error {
		unlock, err := lockNode(c.Context, p)
		if err != nil {
			return err
		}
		defer unlock()
		return runScoped(c.Context, request, files, askLoadImages)
	})
}

// nodeLoadImages is the part of it that runs as u7s-admin.
func nodeLoadImages(c *cli.Context, p *printer) error {
	var request imageRequest
	if err := readRequest(&request); err != nil {
		return err
	}
	archives := images.ReadArchives(request.Archives, inherited(len(request.Archives)))
	loaded, err := usernetes.LoadImages(c.Context, archives, os.Stdout)
	for _, name := range loaded {
		p.say("Loaded %s", name)
	}
	return err
}
