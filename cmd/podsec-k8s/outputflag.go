package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Forms of an answer.
const (
	formText = "text"
	formJSON = "json"
	formYAML = "yaml"
)

// forms lists them.
func forms() []string { return []string{formText, formJSON, formYAML} }

// outputFlag picks the form of an answer. Another form is wrong usage before
// anything is done.
func outputFlag(p *printer) cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Value: formText, Usage: p.help("output `FORMAT`: text, json or yaml"),
		Action: func(c *cli.Context, form string) error {
			if slices.Contains(forms(), form) {
				return nil
			}
			return wrongUsage(c.Command, misuse("flag --%s: %w", "output", message.Errorf("%q is not one of %s", form, strings.Join(forms(), ", "))))
		},
	}
}

// answer prints an answer in the form that a program asks for, or else as text
// has it.
func answer(c *cli.Context, p *printer, data any, text func()) error {
	var encoded []byte
	var err error
	switch c.String("output") {
	case formJSON:
		encoded, err = encodeJSON(data)
	case formYAML:
		encoded, err = encodeYAML(data)
	default:
		text()
	}
	if err != nil {
		return message.Errorf("printing the answer: %w", err)
	}
	_, err = p.out.Write(encoded)
	return err
}

func encodeJSON(data any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(data)
	return out.Bytes(), err
}

// encodeYAML writes the same fields in the same order: JSON is YAML already, in
// another style.
func encodeYAML(data any) ([]byte, error) {
	encoded, err := encodeJSON(data)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(encoded, &document); err != nil {
		return nil, err
	}
	inBlocks(&document)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err = encoder.Encode(&document)
	return out.Bytes(), err
}

func inBlocks(n *yaml.Node) {
	n.Style = 0
	for _, below := range n.Content {
		inBlocks(below)
	}
}
