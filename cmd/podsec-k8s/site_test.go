package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alt-cloud/podsec-k8s/host"
	systemd "github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	cluster "github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A site is a machine with the package, whose systemd and u7s-admin are played.
type site struct {
	system, user *systemd.Systemd
	api          *cluster.API
}

// playSite plays a machine on which the package was installed.
func playSite(t *testing.T) *site {
	t.Helper()
	roottest.Empty(t, "/etc", "/run", "/var/lib")
	s := &site{system: systemd.Start(t), user: systemd.Start(t), api: cluster.Start(t)}
	roottest.WriteFile(t, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nu7s-admin:x:640:640::/var/lib/u7s-admin:/bin/sh\n")
	roottest.WriteFile(t, "/etc/group", "root:x:0:\nu7s-admin:x:640:\n")
	err := errors.Join(
		os.MkdirAll(filepath.Join(s.system.Dir, "systemd/system"), 0o700), // it says that systemd runs
		os.Symlink(filepath.Join(s.system.Dir, "systemd"), "/run/systemd"),
		os.MkdirAll("/etc/systemd/system", 0o700),
		os.MkdirAll("/run/user", 0o700),
		os.Symlink(s.user.Dir, "/run/user/640"),
	)
	if err != nil {
		t.Fatal(err)
	}
	s.changed(t)
	s.api.SignRequests(t, nil)
	return s
}

// changed makes the machine one whose kubelet.service is the guard of the package.
func (s *site) changed(t *testing.T) {
	t.Helper()
	change := host.Plan{host.File{Path: units.SiteUnitFile, Absent: true}} // it takes no more to say that the guard was put there
	if err := change.Apply(t.Context(), host.Local(nil)); err != nil {
		t.Fatal(err)
	}
	type command struct { // as D-Bus has it: a program, and its argv
		Path string
		Argv []string
	}
	properties := systemd.Properties{"FragmentPath": units.GuardFile, "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled"}
	for name, values := range units.Settings(units.GuardDropIn(640)) {
		var commands []command
		for _, value := range values {
			argv := strings.Fields(value)
			commands = append(commands, command{argv[0], argv})
		}
		switch {
		case strings.HasPrefix(name, "Exec"):
			properties[name] = commands
		case name == "Environment":
			properties[name] = values
		case values[0] != "no":
			properties[name] = values[0]
		}
	}
	s.system.Set(units.Guard, properties)
	s.system.SetFile(units.Guard, "enabled")
}

// TestMachineScripts runs commands on a machine whose systemd and u7s-admin are
// played: what u7s-admin answers is in the folder admin of a script, by playAdmin.
// Beside exits, scripts have
//
//	unit NAME PROPERTY=VALUE…   gives a unit of the system properties
//	master                      gives u7s-admin the kubeconfig of a control plane of the played cluster
//	backup FILE [NAME]          writes a backup as u7s-admin makes it, with a further file of that name
//	calls [user]                prints what the system's systemd was asked for, or the user's
func TestMachineScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/machine/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files { // one after another: they share the folders of the machine
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := playSite(t)
			testscript.Run(t, testscript.Params{
				Files: []string{file}, Setup: s.setUp,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "unit": s.unit, "calls": s.calls, "master": s.master(t), "backup": playedBackup},
			})
		})
	}
}

// setUp gives a script a u7s-admin, who knows the access to a played cluster, and
// programs of its own in the folder bin.
func (s *site) setUp(env *testscript.Env) error {
	admin := filepath.Join(env.WorkDir, "admin")
	access, err := json.Marshal(usernetes.NodeAccess{Begun: true, Running: true, Member: true, Name: "m1", Master: true, Access: s.api.Access()})
	if err != nil {
		return err
	}
	helps, err := filepath.Abs("../../usernetes/kubeadm/testdata/kubeadm-1.26")
	if err != nil {
		return err
	}
	bin := filepath.Join(env.WorkDir, "bin")
	kubeadm := `#!/bin/sh
case "$*" in
"version -o short") echo v1.26.3 ;;
"config images list"*) echo registry.k8s.io/coredns/coredns:v1.9.3 ;;
"config "*) [ ! -e ` + bin + `/kubeadm-config ] || . ` + bin + `/kubeadm-config ;;
"token "*) exec cat ` + helps + `/token-$2.help ;;
*) exec cat ` + helps + `/$1.help ;;
esac
`
	own, err := filepath.Glob(filepath.Join(bin, "*"))
	for _, program := range own {
		err = errors.Join(err, os.Chmod(program, 0o700)) //nolint:gosec // a program
	}
	if err := errors.Join(err, os.MkdirAll(bin, 0o700), os.WriteFile(filepath.Join(bin, "kubeadm"), []byte(kubeadm), 0o700)); err != nil { //nolint:gosec // a program
		return err
	}
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv(playedVariable, admin)
	env.Setenv("HOME", home)
	env.Setenv("API", strings.TrimPrefix(s.api.URL, "https://"))
	env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
	return errors.Join(err, os.MkdirAll(admin, 0o700), os.MkdirAll(home, 0o700),
		os.WriteFile(filepath.Join(env.WorkDir, "access"), access, 0o600))
}

func (s *site) unit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: unit NAME PROPERTY=VALUE…")
	}
	properties := systemd.Properties{}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		properties[key] = value
		if key == "UnitFileState" {
			s.system.SetFile(args[0], value)
		}
		if number, err := strconv.ParseUint(value, 10, 32); err == nil {
			properties[key] = uint32(number)
		}
	}
	s.system.Set(args[0], properties)
}

func (s *site) master(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(*testscript.TestScript, bool, []string) { s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf)) }
}

func (s *site) calls(ts *testscript.TestScript, neg bool, args []string) {
	manager := s.system
	switch {
	case slices.Equal(args, []string{"user"}):
		manager = s.user
	case neg || len(args) > 0:
		ts.Fatalf("usage: calls [user]")
	}
	for _, call := range manager.Calls() {
		_, err := fmt.Fprintln(ts.Stdout(), call)
		ts.Check(err)
	}
}
