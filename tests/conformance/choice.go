package main

import (
	"flag"
	"fmt"
	"regexp"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// A choice is what is run, and on what.
type choice struct {
	generation generation.Generation
	network    string         // mode of the cluster; "" for what the product picks
	focus      *regexp.Regexp // of names; nil for all
	sample     bool
	keep       bool // the nodes stay up
}

// chosen reads the command line. GEN picks the generation, as everywhere.
func chosen(args []string) (c choice, err error) {
	var focus string
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.StringVar(&c.network, "network", "", "slirp4netns, pasta or veth; the cluster's default without it")
	flags.StringVar(&focus, "focus", "", "only tests whose name matches this regular expression")
	flags.BoolVar(&c.sample, "sample", false, "only those of sample.yaml, a few minutes")
	flags.BoolVar(&c.keep, "keep", false, "leave the nodes up")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is no option: FOCUS and NETWORK are given by -focus and -network", flags.Arg(0))
	}
	if focus != "" {
		if c.focus, err = regexp.Compile(focus); err != nil {
			return c, fmt.Errorf("FOCUS is no regular expression: %w", err)
		}
	}
	c.generation, err = generation.FromEnv()
	return c, err
}
