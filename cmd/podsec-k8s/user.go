package main

import (
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/people"
)

func userCommand(p *printer) *cli.Command {
	roleFlags := func() []cli.Flag {
		return []cli.Flag{
			&cli.StringFlag{Name: "role", Usage: p.help("a Role `NAME` of the namespace")},
			&cli.StringFlag{Name: "clusterrole", Usage: p.help("a ClusterRole `NAME`")},
			&cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: p.help("only in this `NAMESPACE`")},
		}
	}
	return &cli.Command{
		Name:  "user",
		Usage: p.help("gives people certificates and rights in the cluster, on a control plane"),
		Description: p.help("A user has no rights at first. The ready ClusterRoles are podsec-k8s:security-admin, podsec-k8s:platform-admin, "+
			"podsec-k8s:developer (for one namespace) and podsec-k8s:auditor.") +
			p.examples("podsec-k8s user create anna --group shop --expires 720h",
				"podsec-k8s user bind anna --clusterrole podsec-k8s:developer --namespace shop"),
		Subcommands: []*cli.Command{
			p.subcommand("user", "create", "has the cluster sign a certificate, and writes a kubeconfig", "NAME",
				p.help("The key is made here and is only in the kubeconfig, which only you can read. For a user that exists, a further certificate is made."),
				"anna --group shop --out /root/anna.kubeconfig", func(c *cli.Context) error { return createUser(c, p) },
				&cli.StringSliceFlag{Name: "group", Usage: p.help("a `GROUP` of the user")},
				&cli.DurationFlag{Name: "expires", Value: defaultLifetime, Usage: p.help("the `TIME` for which the certificate is valid")},
				&cli.StringFlag{Name: "out", DefaultText: "./NAME.kubeconfig", Usage: p.help("write the kubeconfig to this `FILE`, or to standard output if it is -")}),
			p.subcommand("user", "bind", "gives a user a role", "NAME", "", "anna --clusterrole view --namespace shop",
				func(c *cli.Context) error { return bindUser(c, p) }, roleFlags()...),
			p.subcommand("user", "unbind", "takes a role from a user", "NAME", "", "anna --clusterrole view --namespace shop",
				func(c *cli.Context) error { return unbindUser(c, p) }, roleFlags()...),
			p.subcommand("user", "list", "lists the users with their certificates and roles", "", "", "-o json",
				func(c *cli.Context) error { return listUsers(c, p) }, outputFlag(p)),
			p.subcommand("user", "can", "asks the cluster what a user may do", "NAME [VERB] [RESOURCE]",
				p.help("Exit status: 0 if the user may do it, 1 if not. Without VERB and RESOURCE it lists what the user may do in a namespace."),
				"anna create deployments.apps --namespace shop", func(c *cli.Context) error { return showRights(c, p) },
				&cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: p.help("only in this `NAMESPACE`")}, outputFlag(p)),
			p.subcommand("user", "revoke", "takes all roles from a user, for good", "NAME",
				p.help("Certificates cannot be taken back: they are valid until they expire, but without any right that was given to the user by name. The name gets no further certificate."),
				"anna", func(c *cli.Context) error { return revokeUser(c, p) }),
		},
	}
}

func bindUser(c *cli.Context, p *printer) error {
	b, err := bindingOf(c)
	if err != nil {
		return err
	}
	answer, err := bindQuestion.ask(c.Context, bindRequest{b, false})
	if err != nil {
		return err
	}
	if !answer.Fresh {
		p.say("The user %s has the %s %s %s already.", b.User, b.Kind, b.Role, b.Where())
		return nil
	}
	p.say("The user %s has the %s %s %s.", b.User, b.Kind, b.Role, b.Where())
	return nil
}

func unbindUser(c *cli.Context, p *printer) error {
	b, err := bindingOf(c)
	if err != nil {
		return err
	}
	if _, err := bindQuestion.ask(c.Context, bindRequest{b, true}); err != nil {
		return err
	}
	p.say("The user %s no longer has the %s %s %s.", b.User, b.Kind, b.Role, b.Where())
	return nil
}

// bindingOf is what a call names, on a control plane.
func bindingOf(c *cli.Context) (b people.Binding, err error) {
	if b, err = people.NewBinding(c.Args().First(), c.String("role"), c.String("clusterrole"), c.String("namespace")); err != nil {
		return b, err
	}
	_, err = askMaster(c.Context)
	return b, err
}

func listUsers(c *cli.Context, p *printer) error {
	if _, err := askMaster(c.Context); err != nil {
		return err
	}
	all, err := usersQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	now := time.Now()
	return answer(c, p, usersOf(all, now), func() {
		for _, l := range all {
			p.user(l, now)
		}
	})
}

// user says what there is to know of one.
func (p *printer) user(l people.Listed, now time.Time) {
	if l.User.Revoked.IsZero() {
		p.say("%s: certificate until %s", l.Name, day(l.User.Until()))
	} else {
		p.say("%s: revoked on %s, certificate until %s", l.Name, day(l.User.Revoked), day(l.User.Until()))
	}
	if groups := l.User.Groups(now); len(groups) > 0 {
		p.say("  groups: %s", strings.Join(groups, ", "))
	}
	for _, b := range l.Bindings {
		p.say("  %s %s %s", b.Kind, host.Printable(b.Role), b.Where())
	}
}

func showRights(c *cli.Context, p *printer) error {
	try, err := people.NewTry(c.Args().Slice(), c.String("namespace"))
	if err != nil {
		return err
	}
	if try.Verb == "" && try.Namespace == "" {
		try.Namespace = "default"
	}
	if _, err := askMaster(c.Context); err != nil {
		return err
	}
	rights, err := rightsQuestion.ask(c.Context, try)
	if err != nil {
		return err
	}
	if rights.Ended {
		p.aside("podsec-k8s: no certificate of the user %s is valid any more", try.User)
	}
	err = answer(c, p, rightsOf(try, rights), func() {
		switch {
		case try.Verb == "":
			p.rules(try, rights.Rules)
		case rights.Allowed:
			p.say("yes")
		default:
			p.say("no")
		}
	})
	if err == nil && try.Verb != "" && !rights.Allowed {
		return &childStatus{exitFault}
	}
	return err
}

// rules says what may be done, a line for each rule.
func (p *printer) rules(t people.Try, all []people.Rule) {
	p.say("In the namespace %s, the user %s may:", t.Namespace, t.User)
	for _, r := range all {
		things := append(slices.Clone(r.NonResourceURLs), r.Names()...)
		if len(r.ResourceNames) > 0 {
			things = append(things, "["+strings.Join(r.ResourceNames, ", ")+"]") // of these names alone
		}
		p.say("  %s: %s", host.Printable(strings.Join(r.Verbs, ", ")), host.Printable(strings.Join(things, ", ")))
	}
}

func revokeUser(c *cli.Context, p *printer) error {
	name := c.Args().First()
	if err := people.CheckName(name); err != nil {
		return err
	}
	if _, err := askMaster(c.Context); err != nil {
		return err
	}
	r, err := revokeQuestion.ask(c.Context, name)
	if err != nil {
		return err
	}
	p.say("The user %s is revoked, and gets no further certificate or role under this name. Removed bindings: %d", name, r.Removed)
	if r.Until.After(time.Now()) {
		p.say("The certificate cannot be taken back: it is valid until %s.", day(r.Until))
	}
	for _, b := range r.Groups {
		p.say("Until then it is in the group %s, which has the %s %s %s.", b.User, b.Kind, host.Printable(b.Role), b.Where())
	}
	return nil
}
