package main

import (
	"context"
	"os"
	"time"

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
	all, err := imagesQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	return answer(c, p, imagesOf(all), func() {
		for _, image := range all {
			p.say("%s", image)
		}
	})
}

// imagesQuestion asks for the names of the images that a new node needs.
var imagesQuestion = question[nothing, []string]{
	name: "list-images", timeout: time.Minute, handle: neededImages, check: images.CheckImageNames,
}

func neededImages(ctx context.Context, _ nothing) ([]string, error) {
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return nil, err
	}
	plan, err := usernetes.PlanMaster(site, preflight.GatherFacts(ctx), usernetes.Options{})
	if err != nil {
		return nil, err
	}
	return plan.NeededImages(ctx)
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
	return alone(c, p, func() error {
		return loadTask.runScoped(c.Context, request, files...)
	})
}

// loadTask loads archives that root has opened.
var loadTask = task[imageRequest]{name: "load-images", handle: loadArchives}

func loadArchives(ctx context.Context, p *printer, r imageRequest) error {
	archives := images.ReadArchives(r.Archives, inherited(len(r.Archives)))
	loaded, err := usernetes.LoadImages(ctx, archives, os.Stdout)
	for _, name := range loaded {
		p.say("Loaded %s", name)
	}
	return err
}
