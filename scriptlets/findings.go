package scriptlets

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// checkHome is the finding that the place of the home can't be used.
const checkHome = "home"

// checkAuditLog is the finding that the audit log can't be where it is to be, or be
// read by whom it is to be read.
const checkAuditLog = "audit-log"

// A Finding is something about the host that keeps a node from being what it
// should be.
type Finding struct {
	Check string // stable, as those of preflight
	Fault *host.Fault
}

// Required reports whether it has to be mended before a node can be made, for
// nothing would start that node.
func (f Finding) Required() bool { return f.Check == checkKubelet }

// Findings looks at a host that was changed by podsec-k8s, or is going to be:
// what is in force, not what was written.
func Findings(ctx context.Context, h *host.Host, f Facts) (found []Finding, err error) {
	add := func(check string, faults ...*host.Fault) {
		for _, fault := range faults {
			if fault != nil {
				found = append(found, Finding{check, fault})
			}
		}
	}
	if h.Units != nil {
		unit, err := h.Loaded(ctx, units.Guard)
		if err != nil {
			return nil, err
		}
		add(checkKubelet, kubeletFaults(f.Kubelet, unit, h.Commandline(unit.PID), f.User.UID, func(path string) string {
			text, _ := os.ReadFile(filepath.Join(h.Root, path)) // a file that is gone sets nothing
			return string(text)
		})...)
	}
	uids, gids, err := readIDs(h)
	if err != nil {
		return nil, err
	}
	add(checkIDs, uids.shared(f.User.UID), gids.shared(f.User.UID))
	home, err := homeFault(h, f.User)
	if err != nil {
		return nil, err
	}
	add(checkHome, home)
	log, err := auditLogFault(h, f)
	if err != nil {
		return nil, err
	}
	add(checkAuditLog, log)
	return found, nil
}

// RootfulFinding reports a node that kubeadm has made on the host outside of
// podsec-k8s, or nil; unused names files of such nodes that do no harm.
func RootfulFinding(h *host.Host) (found *Finding, unused []string) {
	traces := nodeTraces(h)
	if fault := rootfulFault(traces); fault != nil {
		return &Finding{checkRootful, fault}, nil
	}
	return nil, unusedTraces(h)
}

// HiddenFinding reports that a file system is mounted over a home in which a
// cluster was noted, and that has none.
func HiddenFinding(h *host.Host) []Finding {
	home, err := h.Home(Home)
	if err != nil || !home.Mounted {
		return nil
	}
	return []Finding{{checkHome, host.WithRemedy(message.Errorf("this machine has a node, but a file system mounted at %s hides it", Home),
		"unmount it: umount %s, but first move to it what is below it; or, to create another node: --ignore-preflight=%s", Home, checkHome)}}
}

// homeFault says why the node's user can't use what is at the place of its
// home. Where there is nothing yet, that is no fault.
func homeFault(h *host.Host, user host.Account) (*host.Fault, error) {
	home, err := h.Home(Home)
	switch {
	case err != nil:
		return nil, message.Errorf("checking the home directory: %w", err)
	case !home.Exists || home.Folder && home.UID == user.UID:
		return nil, nil
	case !home.Folder:
		return host.WithRemedy(message.Errorf("%s is not a directory", Home),
			"remove the link and mount there what it points to: mount --bind DIRECTORY %s", Home), nil
	case home.UID == 0:
		return host.NewFault("podsec-k8s host apply", "%s belongs to root, so %s cannot use it", Home, Admin), nil
	}
	return host.WithRemedy(message.Errorf("%s belongs to the user id %d, not to %s", Home, home.UID, Admin),
		"move it to another place, or give it to root: chown root %s; then podsec-k8s host apply", Home), nil
}

// auditLogFault says why the folder of the audit log is not as the site wants it.
func auditLogFault(h *host.Host, f Facts) (*host.Fault, error) {
	if f.Readers.Missing {
		return host.WithRemedy(message.Errorf("there is no group %s, which AUDIT_GROUP names: nobody but root can read the audit log", f.Readers.Name),
			"create it: groupadd --system %s; or correct AUDIT_GROUP in /etc/podsec-k8s/*.conf; then podsec-k8s host apply", f.Readers.Name), nil
	}
	usable, err := f.auditLog().Usable(h)
	if err != nil || usable {
		return nil, err
	}
	return host.WithRemedy(message.Errorf("%s is not a directory of %s or root, so the audit log cannot be written there", units.AuditDir, Admin),
		"rename it: mv %s %s.old; then podsec-k8s host apply", units.AuditDir, units.AuditDir), nil
}

// refusals returns why nothing is changed on a host that podsec-k8s does not
// have yet: a user, a home or ids that are not fit for a node, and were not made
// here.
func refusals(h *host.Host, f Facts) error {
	uids, gids, err := readIDs(h)
	if err != nil {
		return err
	}
	var faults []error
	for _, fault := range []*host.Fault{uids.shared(f.User.UID), gids.shared(f.User.UID)} {
		if fault != nil {
			faults = append(faults, fault)
		}
	}
	home, err := homeFault(h, f.User)
	if err != nil {
		return err
	}
	if home != nil && !f.Home.Roots() {
		faults = append(faults, home)
	}
	half, err := (host.User{Name: Admin}).HalfMade(h)
	if err != nil {
		return err
	}
	if half {
		faults = append(faults, host.WithRemedy(message.Errorf("the account %s is incomplete: /etc/passwd, /etc/shadow and /etc/group differ", Admin),
			"delete it: userdel %s; or complete it: pwck; grpck; then podsec-k8s host apply", Admin))
	}
	return errors.Join(faults...)
}
