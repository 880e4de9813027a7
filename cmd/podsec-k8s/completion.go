package main

import (
	"embed"
	"fmt"

	"github.com/urfave/cli/v2"
)

//go:embed completion
var completions embed.FS

// completionCommand prints what the package has installed already, for shells
// that look elsewhere.
func completionCommand() *cli.Command {
	group := &cli.Command{
		Name: "completion", Usage: "prints the completion script of a shell",
		Description: "The package installs all three where these shells look. Elsewhere:\n" +
			"Example: podsec-k8s completion zsh > ~/.zfunc/_podsec-k8s",
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		group.Subcommands = append(group.Subcommands, &cli.Command{
			Name: shell, Usage: "prints the completion script of " + shell,
			Description: "Example: podsec-k8s completion " + shell,
			Action: func(c *cli.Context) error {
				text, err := completions.ReadFile("completion/podsec-k8s." + shell)
				if err == nil {
					_, err = c.App.Writer.Write(text)
				}
				if err != nil {
					return fmt.Errorf("printing the completion script: %w", err)
				}
				return nil
			},
		})
	}
	return group
}
