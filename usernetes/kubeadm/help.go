package kubeadm

import (
	"cmp"
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Help is what a command of kubeadm takes, as its own help says.
type Help struct {
	flags  map[string]helpFlag // by name, without dashes
	short  map[string]string   // names by their letter
	phases []string            // such as certs and certs/ca
}

// A helpFlag is what help says of one flag.
type helpFlag struct {
	kind  string   // of its value, such as string or duration; "" for a switch
	oneOf []string // the values that it may have; nil when help lists none
}

// AskHelp reads the help of a command of kubeadm, such as token create.
func AskHelp(ctx context.Context, command ...string) (Help, error) {
	cmd := host.Command{Path: "kubeadm", Args: append(command, "--help"), Env: append(os.Environ(), "LC_ALL=C")}
	out, err := cmd.Output(ctx)
	if err != nil {
		return Help{}, host.NewFault("check that kubeadm runs: kubeadm version", "reading kubeadm's flags: %w", err)
	}
	return parseHelp(string(out)), nil
}

// Forms of lines in kubeadm's help. Source: FlagUsages of the module
// github.com/spf13/pflag; kubeadm's cmd/phases/workflow/runner.go.
var (
	helpLine  = regexp.MustCompile(`^ +(?:-(\w), )?--([a-z0-9][a-z0-9-]*)(?: (\S+))?(?: {2,}(.*))?$`)
	oneOf     = regexp.MustCompile(`One of: ([a-z|-]+)`)
	phaseLine = regexp.MustCompile(`^( */)?([a-z0-9-]+) {2,}\S`)
)

func parseHelp(text string) Help {
	h := Help{flags: map[string]helpFlag{}, short: map[string]string{}}
	inPhases, parent := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "```" {
			inPhases = !inPhases
			continue
		}
		if phase := phaseLine.FindStringSubmatch(line); inPhases && phase != nil {
			name := phase[2]
			if phase[1] == "" {
				parent = name
			} else {
				name = parent + "/" + name
			}
			h.phases = append(h.phases, name)
			continue
		}
		if flag := helpLine.FindStringSubmatch(line); flag != nil {
			f := helpFlag{kind: flag[3]}
			if values := oneOf.FindStringSubmatch(flag[4]); values != nil {
				f.oneOf = strings.Split(values[1], "|")
			}
			h.flags[flag[2]], h.short[flag[1]] = f, flag[2]
		}
	}
	delete(h.short, "")
	return h
}

// Sort parts flags from words, in the order of both. Each flag comes as
// --NAME or --NAME=VALUE. What kubeadm does not know, and a value that is not
// of its kind, is a *Misuse; a flag that it does not know an *UnknownFlagError. Source: the module github.com/spf13/pflag.
func (h Help) Sort(args []string) (flags, words []string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return flags, append(words, args[i+1:]...), nil
		case len(arg) < 2 || arg[0] != '-':
			words = append(words, arg)
			continue
		}
		name, value, inline := h.cut(arg)
		flag, known := h.flags[name]
		switch {
		case !known:
			return nil, nil, h.unknown(strings.SplitN(arg, "=", 2)[0])
		case flag.kind == "" && !inline:
			flags = append(flags, "--"+name)
			continue
		case !inline && i+1 == len(args):
			return nil, nil, node.NewMisuse("", "flag --%s needs a value", name)
		case !inline:
			i++
			value = args[i]
		}
		if value == "" {
			return nil, nil, node.NewMisuse("", "flag --%s needs a value", name)
		}
		if err := flag.check(value); err != nil {
			return nil, nil, node.NewMisuse("", "flag --%s: %w", name, err)
		}
		flags = append(flags, "--"+name+"="+value)
	}
	return flags, words, nil
}

// An UnknownFlagError is the misuse of a flag that kubeadm does not have.
type UnknownFlagError struct {
	node.Misuse
	Flag  string   // as it was given
	Known []string // the names of those that it has
}

// Unwrap returns the misuse.
func (e *UnknownFlagError) Unwrap() error { return &e.Misuse }

func (h Help) unknown(flag string) error {
	return &UnknownFlagError{
		node.Misuse{Fault: *host.NewFault("", "there is no flag %s", flag)}, flag, slices.Sorted(maps.Keys(h.flags)),
	}
}

// cut takes --NAME=VALUE apart, and -L, -LVALUE and -L=VALUE with the letter
// of a flag.
func (h Help) cut(arg string) (name, value string, inline bool) {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		return strings.Cut(long, "=")
	}
	name = h.short[arg[1:2]]
	if rest := arg[2:]; rest != "" {
		if h.flags[name].kind == "" && rest[0] != '=' {
			return "", "", false // several letters in one, of which kubeadm has no two
		}
		return name, strings.TrimPrefix(rest, "="), true
	}
	return name, "", false
}

// check reports whether a value is of the kind that help names.
func (f helpFlag) check(value string) (err error) {
	word, _, _ := strings.Cut(value, "=")
	switch f.kind {
	case "":
		_, err = strconv.ParseBool(value)
	case "duration":
		if d, e := time.ParseDuration(value); e != nil || d < 0 { // kubeadm takes less than 0 for ever
			err = cmp.Or(e, message.New("negative"))
		}
	case "int", "int32", "Level":
		_, err = strconv.ParseInt(value, 10, 32)
	case "uint":
		_, err = strconv.ParseUint(value, 10, 64)
	}
	switch {
	case err != nil && f.kind == "":
		return message.Errorf("%q is not true or false", value)
	case err != nil:
		return message.Errorf("%q is not of the type %s", value, f.kind)
	case f.oneOf != nil && !slices.Contains(f.oneOf, word):
		return message.Errorf("%q is not one of %s", value, strings.Join(f.oneOf, ", "))
	}
	return nil
}

// CheckPhases tells which of the phases to be skipped kubeadm does not have.
func (h Help) CheckPhases(flags []string) error {
	for _, flag := range flags {
		list, ok := strings.CutPrefix(flag, "--skip-phases=")
		if !ok {
			continue
		}
		for phase := range strings.SplitSeq(list, ",") {
			if !slices.Contains(h.phases, strings.TrimSuffix(phase, "/all")) && !slices.Contains(hiddenPhases(), phase) {
				return node.NewMisuse("", "flag --skip-phases: kubeadm has no phase %q", phase)
			}
		}
	}
	return nil
}

// hiddenPhases lists those that kubeadm has and its help does not name.
// Source: Hidden in kubeadm's cmd/phases, 1.26 to 1.35.
func hiddenPhases() []string {
	return []string{"wait-control-plane", "check-etcd", "kubelet-wait-bootstrap", "control-plane-join/etcd"}
}
