package node

import (
	"errors"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// Site is what the administrator of a machine has settled for its node.
type Site struct {
	NodeIP          netip.Addr    // the zero value means: find it
	PodCIDR         netip.Prefix  // addresses of pods, of the whole cluster
	ServiceCIDR     netip.Prefix  // addresses of services
	SlirpCIDR       netip.Prefix  // between RootlessKit's namespaces and the host
	ImageRepository string        // registry and path, without the image's name
	ImageArchives   []string      // files to load instead of pulling
	ImageAuthFile   string        // logins of registries, see containers-auth.json(5)
	MTU             int           // bytes, of the namespaces' network device
	Network         string        // the mode of the namespaces' network, one of ModeNames()
	KubeadmConfig   string        // a file merged into every kubeadm configuration
	Proxy           Proxy         `json:"-"` // for programs that call out; it may hold a password
	SubordinateIDs  uint64        // how many uids, and how many gids, the node's user is to have
	UserLifetime    time.Duration // how long a certificate of a user may live at most
	Audit           AuditLog
	Backup          Backup   // of the cluster
	Exposed         []string // files of settings that hold a password and that everyone may read
}

// DefaultSite returns what holds where nothing was settled.
func DefaultSite() Site {
	return Site{
		PodCIDR:         netip.MustParsePrefix("10.244.0.0/16"),
		ServiceCIDR:     netip.MustParsePrefix("10.96.0.0/16"),
		SlirpCIDR:       netip.MustParsePrefix("10.41.0.0/24"),
		ImageRepository: "registry.altlinux.org/k8s-p10",
		MTU:             65520,
		Network:         Modes()[0].Name,
		KubeadmConfig:   filepath.Join(SiteDir, "kubeadm.yaml"),
		SubordinateIDs:  units.SubIDCount,
		UserLifetime:    365 * 24 * time.Hour,
		Audit:           AuditLog{MaxSize: 100, MaxAge: 30, Backups: 10},
		Backup:          Backup{Folder: "/var/backups/podsec-k8s", Keep: 7},
	}
}

// LoadSite reads every *.conf file of a folder over the defaults, in the
// order of names. Lines are KEY=VALUE as in systemd's EnvironmentFile=.
// All faults of the files are reported at once.
// Source: systemd.exec(5).
func LoadSite(dir string) (Site, error) { return loadSettings(dir) }

// LoadProxy reads only what the settings say of a proxy: what runs already is
// not held up by a fault in another line.
func LoadProxy(dir string) (Proxy, error) {
	site, err := loadSettings(dir, HTTPProxyVariable, HTTPSProxyVariable, NoProxyVariable)
	return site.Proxy, err
}

// LoadImageAuth reads only which file has the logins of registries; "" for none.
func LoadImageAuth(dir string) (string, error) {
	site, err := loadSettings(dir, imageAuthFile)
	return site.ImageAuthFile, err
}

// LoadHostSettings reads only what changes the machine: how many subordinate ids the
// node's user is to have, and who reads the audit log.
func LoadHostSettings(dir string) (ids uint64, reader string, err error) {
	site, err := loadSettings(dir, subordinateIDs, auditGroup, auditMaxSize, auditMaxAge, auditBackups)
	return site.SubordinateIDs, site.Audit.Group, err
}

// LoadUserLifetime reads only how long a certificate of a user may live at most.
func LoadUserLifetime(dir string) (time.Duration, error) {
	site, err := loadSettings(dir, userLifetime)
	return site.UserLifetime, err
}

// LoadAuditLog reads only what the settings say of the audit log.
func LoadAuditLog(dir string) (AuditLog, error) {
	site, err := loadSettings(dir, auditGroup, auditMaxSize, auditMaxAge, auditBackups)
	return site.Audit, err
}

// LoadBackup reads only what the settings say of backups.
func LoadBackup(dir string) (Backup, error) {
	site, err := loadSettings(dir, backupFolder, backupKeep, backupRecipients)
	return site.Backup, err
}

// SlirpCIDR reads the network between the namespaces and the host, as LoadSite
// does, from the environment of a unit that has the settings by
// EnvironmentFile=: it may not read every file of them.
func SlirpCIDR(getenv func(string) string) (netip.Prefix, error) {
	site := DefaultSite()
	value := getenv(slirpCIDR)
	if value == "" {
		return site.SlirpCIDR, nil
	}
	if err := site.set(slirpCIDR, value); err != nil {
		return netip.Prefix{}, host.NewFault("correct that line; podsec-k8s(8) lists the settings",
			"reading %s: %w", slirpCIDR, err)
	}
	return site.SlirpCIDR, nil
}

// slirpCIDR is the setting for that network, and imageAuthFile that for logins.
const (
	slirpCIDR     = "SLIRP_CIDR"
	imageAuthFile = "IMAGE_AUTH_FILE"
)

// loadSettings takes the settings of these keys, or all where there are none.
func loadSettings(dir string, keys ...string) (Site, error) {
	site := DefaultSite()
	files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		return site, message.Errorf("listing %q: %w", dir, err)
	}
	var faults []error
	for _, file := range files {
		faults = append(faults, site.load(file, keys))
	}
	return site, errors.Join(faults...)
}

func (s *Site) load(file string, keys []string) error {
	f, err := os.Open(file)
	if err != nil {
		return host.WithRemedy(message.Errorf("reading site settings: %w", err),
			"allow the node's user to read the file: chgrp %s %s; chmod 0640 %s", Admin, file, file)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	text, err := io.ReadAll(f)
	faults := []error{err}
	for _, a := range units.Assignments(string(text)) {
		if len(keys) > 0 && !slices.Contains(keys, a.Key) {
			continue
		}
		if err := s.set(a.Key, units.Unquote(a.Value)); err != nil {
			faults = append(faults, host.NewFault("correct that line; podsec-k8s(8) lists the settings",
				"%s:%d: %w", file, a.Line, err))
		}
		s.noteExposed(a.Key, f)
	}
	return errors.Join(faults...)
}

// noteExposed notes a file that gives a password away. Source: chmod(1).
func (s *Site) noteExposed(key string, f *os.File) {
	secret := key == HTTPProxyVariable && s.Proxy.HTTP.hasPassword() || key == HTTPSProxyVariable && s.Proxy.HTTPS.hasPassword()
	if info, err := f.Stat(); err == nil && secret && info.Mode().Perm()&0o004 != 0 && !slices.Contains(s.Exposed, f.Name()) {
		s.Exposed = append(s.Exposed, f.Name())
	}
}

func (s *Site) set(key, value string) (err error) {
	switch key {
	case "NODE_IP":
		s.NodeIP, err = netip.ParseAddr(value)
	case "POD_CIDR":
		s.PodCIDR, err = netip.ParsePrefix(value)
	case "SERVICE_CIDR":
		s.ServiceCIDR, err = netip.ParsePrefix(value)
	case slirpCIDR:
		s.SlirpCIDR, err = netip.ParsePrefix(value)
	case "IMAGE_REPOSITORY":
		s.ImageRepository = strings.TrimSuffix(value, "/")
	case "IMAGE_ARCHIVES":
		s.ImageArchives = filepath.SplitList(value)
	case imageAuthFile:
		s.ImageAuthFile = value
		if !filepath.IsAbs(value) {
			err = message.Errorf("IMAGE_AUTH_FILE %q is not an absolute path", value)
		}
	case "NETWORK":
		s.Network = value
	case "MTU":
		s.MTU, err = parseMTU(value)
	case HTTPProxyVariable, HTTPSProxyVariable, NoProxyVariable:
		err = s.Proxy.set(key, value)
	case "ALL_PROXY":
		err = message.Errorf("no program of the node reads %s: use %s and %s", key, HTTPProxyVariable, HTTPSProxyVariable)
	case subordinateIDs:
		s.SubordinateIDs, err = parseSubordinateIDs(value)
	case userLifetime:
		s.UserLifetime, err = parseUserLifetime(value)
	case auditGroup, auditMaxSize, auditMaxAge, auditBackups:
		err = s.Audit.set(key, value)
	case backupFolder, backupKeep, backupRecipients:
		err = s.Backup.set(key, value)
	default:
		err = message.Errorf("unknown setting %q", key)
	}
	return err
}

// parseMTU takes what IPv6 asks for at least and a tap device at most.
func parseMTU(value string) (int, error) {
	mtu, err := strconv.Atoi(value)
	if err == nil && (mtu < 1280 || mtu > 65521) {
		err = message.Errorf("mtu %d is not between 1280 and 65521", mtu)
	}
	return mtu, err
}

// subordinateIDs is the setting for the number of subordinate ids.
const subordinateIDs = "SUBORDINATE_IDS"

// MaxSubIDs leaves room for the ids of the machine itself, which has 2^32.
const MaxSubIDs = 1 << 31

// parseSubordinateIDs takes what a node needs at least. Source: subuid(5).
func parseSubordinateIDs(value string) (uint64, error) {
	count, err := strconv.ParseUint(value, 10, 32)
	if err != nil || count < units.SubIDCount || count > MaxSubIDs {
		return units.SubIDCount, message.Errorf("%q is not a number from %d to %d", value, units.SubIDCount, MaxSubIDs)
	}
	return count, nil
}

// userLifetime is the setting for how long a user's certificate may live.
const userLifetime = "USER_MAX_LIFETIME"

// MinUserLifetime is how long a certificate lives at least, by which a cluster
// knows a user. Source: the Kubernetes API reference, CertificateSigningRequest
// v1, expirationSeconds.
const MinUserLifetime = 10 * time.Minute

// parseUserLifetime takes a duration that the API's seconds can say.
func parseUserLifetime(value string) (time.Duration, error) {
	lifetime, err := time.ParseDuration(value)
	if err != nil || lifetime < MinUserLifetime || lifetime > math.MaxInt32*time.Second {
		return MinUserLifetime, message.Errorf("%q is not a duration such as %s, of at least %s", value, "8760h", "10m")
	}
	return lifetime, nil
}
