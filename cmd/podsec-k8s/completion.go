package main

import (
	"embed"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/message"
)

//go:embed completion
var completions embed.FS

// completionCommand prints what the package has installed already, for shells
// that look elsewhere.
func completionCommand(p *printer) *cli.Command {
	group := &cli.Command{
		Name: "completion", Usage: p.help("prints the completion script of a shell"),
		Description: p.help("The package installs all three where these shells find them. This command is for other places.") +
			p.examples("podsec-k8s completion zsh > ~/.zfunc/_podsec-k8s"),
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		group.Subcommands = append(group.Subcommands, &cli.Command{
			Name: shell, Usage: p.help("prints the completion script of %s", shell),
			Description: p.examples("podsec-k8s completion " + shell),
			Action: func(c *cli.Context) error {
				text, err := completions.ReadFile("completion/podsec-k8s." + shell)
				if err != nil {
					return message.Errorf("printing the completion script: %w", err)
				}
				_, err = c.App.Writer.Write(text)
				return err
			},
		})
	}
	return group
}
