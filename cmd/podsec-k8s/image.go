package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

func imageCommand() *cli.Command {
	return &cli.Command{
		Name:  "image",
		Usage: "brings images to this node without a registry",
		Subcommands: []*cli.Command{{
			Name: "load", Usage: "loads docker archives into the storage of this node's CRI-O", ArgsUsage: "FILE…",
			Description: "Images keep the names that they have in the archive. Each node has its own: load them\n" +
				"wherever a pod may run, and again when the kubelet has removed them from a full disk.\n\n" +
				"Example: podsec-k8s image load shop.tar database.tar",
			Action: loadImages,
		}},
	}
}

// An imageRequest names the archives that root has opened for u7s-admin.
type imageRequest struct{ Archives []string }

// loadImages is root's half of it: the archives may be root's alone.
func loadImages(c *cli.Context) error {
	if err := requireRoot(); err != nil {
		return err
	}
	request := imageRequest{c.Args().Slice()}
	if len(request.Archives) == 0 {
		return wrongUsage("podsec-k8s image load", errors.New("an image archive is missing"))
	}
	var files []*os.File
	defer func() { closeAll(files) }()
	for _, name := range request.Archives {
		file, err := os.Open(name)
		if err != nil {
			return &host.Fault{Err: fmt.Errorf("reading the image archive: %w", err), Remedy: "give a docker archive that exists: podsec-k8s image load FILE"}
		}
		files = append(files, file)
	}
	unlock, err := lockNode()
	if err != nil {
		return err
	}
	defer unlock()
	return runAsAdmin(c.Context, request, files, "node", "load-images")
}

// nodeLoadImages is the half of it that u7s-admin runs.
func nodeLoadImages(c *cli.Context, p *printer) error {
	var request imageRequest
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return fmt.Errorf("reading what root asks for: %w", err)
	}
	loaded, err := usernetes.LoadImages(c.Context, request.Archives, inherited(len(request.Archives)), os.Stdout)
	for _, name := range loaded {
		p.say("Loaded %s", name)
	}
	return err
}
