package host

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// RunSettings lists the settings that decide what a service runs, as whom and
// in which root. Source: systemd.service(5), systemd.exec(5).
func RunSettings() []string {
	return append(execSettings(), "Type", "User", "Group", "SupplementaryGroups", "DynamicUser", "PAMName",
		"RootDirectory", "RootImage", "Environment")
}

// execSettings lists the settings that are command lines.
func execSettings() []string {
	return []string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"}
}

// Loaded asks for a service, which the manager loads when it has to.
func (m *Manager) Loaded(ctx context.Context, unit string) (LoadedUnit, error) {
	p, err := m.properties(ctx, unit)
	if err != nil {
		return LoadedUnit{}, err
	}
	return loadedUnit(p), nil
}

// loadedUnit reads a service's properties.
func loadedUnit(p map[string]any) (u LoadedUnit) {
	u.Load, _ = p["LoadState"].(string)
	u.Active, _ = p["ActiveState"].(string)
	u.Enabled, _ = p["UnitFileState"].(string)
	u.File, _ = p["FragmentPath"].(string)
	u.DropIns, _ = p["DropInPaths"].([]string)
	u.Stale, _ = p["NeedDaemonReload"].(bool)
	u.PID, _ = p["MainPID"].(uint32)
	u.Settings = map[string][]string{}
	for _, name := range RunSettings() {
		if values := settingValues(p[name]); len(values) > 0 {
			u.Settings[name] = values
		}
	}
	return u
}

// settingValues returns the values of a setting as unit files have them; none
// for one that is empty or off. A command line is a structure that begins
// with the program's path and its arguments.
func settingValues(property any) (values []string) {
	switch property := property.(type) {
	case string:
		if property != "" {
			values = []string{property}
		}
	case bool:
		if property {
			values = []string{"yes"}
		}
	case []string:
		values = property
	case [][]any:
		for _, command := range property {
			if len(command) > 1 {
				argv, _ := command[1].([]string)
				values = append(values, strings.Join(argv, " "))
			}
		}
	}
	return values
}

// Commandline returns the arguments that a process was started with, or nil
// when there is no such process. Source: proc(5), "cmdline".
func (h *Host) Commandline(pid uint32) []string {
	data, err := os.ReadFile(h.path(filepath.Join("/proc", strconv.FormatUint(uint64(pid), 10), "cmdline")))
	if err != nil || pid == 0 || len(data) == 0 {
		return nil
	}
	var argv []string
	for arg := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte{0}), []byte{0}) {
		argv = append(argv, string(arg))
	}
	return argv
}

// begins reports whether a command line is that of a program: a path and its
// first arguments.
func begins(argv, program []string) bool {
	return len(argv) >= len(program) && slices.Equal(argv[:len(program)], program)
}
