package host

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Sysctl is a setting of the running kernel. A number is only ever raised.
// Source: proc(5), sysctl.d(5).
type Sysctl struct {
	Name  string // with dots
	Value string
}

// Kind names the type in the journal.
func (s Sysctl) Kind() string { return "sysctl" }

// Key is the setting's name.
func (s Sysctl) Key() string { return s.Name }

// Describe is the line a plan prints.
func (s Sysctl) Describe() message.Text { return message.Of("set %s = %s", s.Name, s.Value) }

func (s Sysctl) path() string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(s.Name, ".", "/"))
}

// value reads the setting, its blanks folded; "" when the kernel has none.
func (s Sysctl) value(h *Host) string {
	var data []byte
	err := h.inMachineNetwork(func() (err error) { data, err = os.ReadFile(h.path(s.path())); return err })
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(data)), " ")
}

func (s Sysctl) set(h *Host, value string) error {
	return h.inMachineNetwork(func() error { return SetKernelValue(h.path(s.path()), value) })
}

// Record keeps the value.
func (s Sysctl) Record(h *Host) (Before, error) { return before(s.value(h)) }

// Apply sets the value. A kernel without the setting needs none of it; where
// it can't be set, in a container say, that is noted.
func (s Sysctl) Apply(_ context.Context, h *Host) error {
	now := s.value(h)
	if now == "" || enough(now, s.Value) {
		return nil
	}
	if err := h.step("sysctl", s.path()); err != nil {
		return err
	}
	if err := s.set(h, s.Value); err != nil {
		h.note("%s is still %s: %w", s.Name, now, err)
	}
	return nil
}

// enough compares numbers by size and anything else as text.
func enough(now, want string) bool {
	a, errA := strconv.ParseUint(now, 10, 64)
	b, errB := strconv.ParseUint(want, 10, 64)
	if errA != nil || errB != nil || b == 0 {
		return now == want
	}
	return a >= b
}

// Undo sets the value from before, when it is still ours.
func (s Sysctl) Undo(_ context.Context, h *Host, b Before) error {
	var was string
	if err := json.Unmarshal(b, &was); err != nil {
		return message.Errorf("reading the previous content: %w", err)
	}
	if was == "" || s.value(h) != s.Value || was == s.Value {
		return nil
	}
	if err := h.step("sysctl", s.path()); err != nil {
		return err
	}
	if err := s.set(h, was); err != nil {
		h.note("%s is still %s: %w", s.Name, s.Value, err)
	}
	return nil
}

// Modules are kernel modules to load now. They stay until the next boot.
// Source: modprobe(8).
type Modules struct{ Names []string }

// Kind names the type in the journal.
func (m Modules) Kind() string { return "modules" }

// Key is the same for all: there is one list.
func (m Modules) Key() string { return "" }

// Describe is the line a plan prints.
func (m Modules) Describe() message.Text {
	return message.Of("load modules %s", strings.Join(m.Names, " "))
}

// Record has nothing to keep.
func (m Modules) Record(*Host) (Before, error) { return before(nil) }

// Apply loads them, as far as the kernel has them as modules at all. What a
// node really lacks, the preflight of create-master finds.
func (m Modules) Apply(ctx context.Context, h *Host) error {
	if _, err := os.Stat(h.path("/sbin/modprobe")); err != nil {
		return nil
	}
	if err := h.run(ctx, "modprobe", append([]string{"--quiet", "--all"}, m.Names...)...); err != nil {
		h.note("some kernel modules could not be loaded; they may be built into the kernel")
	}
	return nil
}

// Undo leaves them loaded: others may use them by now.
func (m Modules) Undo(context.Context, *Host, Before) error { return nil }
