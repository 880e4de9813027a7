package scriptlets

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// checkKubelet is the finding that has to be mended before a node can be made,
// and cannot be skipped: kubelet.service is not the guard.
const checkKubelet = "kubelet-service"

// Kubelet is what kubelet.service of a host is.
type Kubelet struct {
	Swapped bool   // podsec-k8s has taken it
	Own     string // program of a kubelet of the machine's own that has it; "" where podsec-k8s may take it
	Enabled bool   // it starts by itself, before podsec-k8s takes it
	Linked  bool   // podsec-k8s has enabled it, and nobody has disabled it since
	Edited  bool   // the administrator has put something at /etc/systemd/system since podsec-k8s took it
}

// lookAtKubelet asks systemd and the journal for kubelet.service.
func lookAtKubelet(ctx context.Context, h *host.Host) (k Kubelet, err error) {
	made, err := host.Made(h)
	if err != nil {
		return k, err
	}
	for _, change := range made {
		switch change := change.(type) {
		case host.File:
			k.Swapped = k.Swapped || change.Path == units.GuardFile || change.Path == units.SiteUnitFile
			k.Edited = k.Edited || change.Path == units.SiteUnitFile && !change.AsMade(h)
		case host.Link:
			_, err := os.Lstat(filepath.Join(h.Root, units.GuardLink))
			k.Linked = k.Linked || change.Path == units.GuardLink && err == nil
		}
	}
	if k.Swapped {
		return k, nil
	}
	unit, err := h.Loaded(ctx, units.Guard)
	if err != nil {
		return k, err
	}
	k.Enabled = strings.HasPrefix(unit.Enabled, "enabled")
	k.Own = ownKubelet(unit, h.Commandline(unit.PID), nodeTraces(h))
	return k, nil
}

// ownKubelet returns the program of a kubelet of the machine's own that has
// kubelet.service: it runs there, or is to run at the next boot in a node that
// kubeadm has made. A kubelet that is only installed may be taken over.
func ownKubelet(unit host.LoadedUnit, running, traces []string) string {
	start := ""
	if commands := unit.Settings["ExecStart"]; len(commands) > 0 {
		start, _, _ = strings.Cut(commands[0], " ")
	}
	switch {
	case IsGuard(running) || start == units.GuardProgram()[0]:
		return ""
	case len(running) > 0:
		return running[0]
	case unit.Runs(), strings.HasPrefix(unit.Enabled, "enabled") && len(traces) > 0:
		return start
	}
	return ""
}

// IsGuard reports whether a command line is that of the guard.
func IsGuard(argv []string) bool {
	guard := units.GuardProgram()
	return len(argv) >= len(guard) && slices.Equal(argv[:len(guard)], guard)
}

// kubeletFaults compares what systemd has in force for kubelet.service with the
// guard that has to be. running is the command line of its main process, nil
// when it has none; read returns the text of a drop-in.
func kubeletFaults(k Kubelet, unit host.LoadedUnit, running []string, uid uint32, read func(path string) string) []*host.Fault {
	switch {
	case k.Own != "":
		return []*host.Fault{host.NewFault(
			"remove the other node before you create a rootless one: kubeadm reset; systemctl disable --now kubelet; podsec-k8s host apply",
			"kubelet.service belongs to another kubelet of this machine, %s, and is not changed", k.Own)}
	case unit.Load == "masked":
		return []*host.Fault{host.NewFault("systemctl unmask kubelet", "kubelet.service is masked, so nothing starts the node")}
	case !k.Swapped:
		return []*host.Fault{host.NewFault("podsec-k8s host apply", "kubelet.service is not yet the one of podsec-k8s")}
	case unit.Stale:
		return []*host.Fault{host.NewFault("systemctl daemon-reload", "systemd has not reloaded the changed files of kubelet.service")}
	case unit.File != units.GuardFile:
		return []*host.Fault{wrongFile(unit.File)}
	}
	var faults []*host.Fault
	want := units.Settings(units.GuardDropIn(uid))
	var foreign []string
	for _, name := range host.RunSettings() {
		if have := unit.Settings[name]; !slices.Equal(have, wanted(want, name)) {
			foreign = append(foreign, name)
		}
	}
	if len(foreign) > 0 {
		faults = append(faults, foreignSettings(foreign, unit, read))
	}
	if len(running) > 0 && !IsGuard(running) {
		faults = append(faults, host.NewFault("when it is no longer needed: systemctl restart kubelet",
			"kubelet.service still runs %s, not the guard of the node", running[0]))
	}
	return faults
}

// wanted returns the values of a setting as systemd shows them: what is off has
// none.
func wanted(settings map[string][]string, name string) []string {
	if values := settings[name]; !slices.Equal(values, []string{"no"}) {
		return values
	}
	return nil
}

func wrongFile(file string) *host.Fault {
	if file == "" || path.Dir(file) == "/lib/systemd/system" || path.Dir(file) == "/usr/lib/systemd/system" {
		return host.NewFault("podsec-k8s host apply", "the unit file %s is missing", units.GuardFile)
	}
	return host.WithRemedy(message.Errorf("kubelet.service is not the guard of the node: %s takes precedence over %s", file, units.GuardFile),
		"rename it, if it is not needed: mv %s %s.old; systemctl daemon-reload", file, file)
}

// foreignSettings names the drop-ins that are read after ours and win.
func foreignSettings(names []string, unit host.LoadedUnit, read func(path string) string) *host.Fault {
	after := unit.DropIns[slices.Index(unit.DropIns, units.GuardDropInFile)+1:]
	var files []string
	for _, file := range after {
		if setsAny(read(file), names) {
			files = append(files, file)
		}
	}
	if !slices.Contains(unit.DropIns, units.GuardDropInFile) || len(files) == 0 {
		return host.NewFault("podsec-k8s host apply", "kubelet.service does not have the settings of %s: %s", units.GuardDropInFile, strings.Join(names, ", "))
	}
	return host.WithRemedy(message.Errorf("kubelet.service is not the guard of the node: %s overrides it with %s", strings.Join(files, ", "), strings.Join(names, ", ")),
		"remove that from the file, or rename the file so that it sorts before %s; then: systemctl daemon-reload", path.Base(units.GuardDropInFile))
}

// setsAny reports whether a drop-in has a line for one of the settings.
func setsAny(text string, names []string) bool {
	return slices.ContainsFunc(units.Assignments(text), func(a units.Assignment) bool { return slices.Contains(names, a.Key) })
}
