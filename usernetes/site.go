package usernetes

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// Site is what the administrator of a machine has settled for its node.
type Site struct {
	NodeIP          netip.Addr   // the zero value means: find it
	PodCIDR         netip.Prefix // addresses of pods, of the whole cluster
	ServiceCIDR     netip.Prefix // addresses of services
	SlirpCIDR       netip.Prefix // between RootlessKit's namespaces and the host
	ImageRepository string       // registry and path, without the image's name
	ImageArchives   []string     // files to load instead of pulling
	ImageAuthFile   string       // logins of registries, see containers-auth.json(5)
	MTU             int          // bytes, of the namespaces' network device
	Network         string       // the mode of the namespaces' network, one of Modes()
	KubeadmConfig   string       // a file merged into every kubeadm configuration
}

// DefaultSite gives what holds where nothing was settled.
func DefaultSite() Site {
	return Site{
		PodCIDR:         netip.MustParsePrefix("10.244.0.0/16"),
		ServiceCIDR:     netip.MustParsePrefix("10.96.0.0/16"),
		SlirpCIDR:       netip.MustParsePrefix("10.41.0.0/24"),
		ImageRepository: "registry.altlinux.org/k8s-p10",
		MTU:             65520,
		Network:         slirpMode,
		KubeadmConfig:   filepath.Join(SiteDir, "kubeadm.yaml"),
	}
}

// LoadSite reads every *.conf file of a folder over the defaults, in the
// order of names. Lines are KEY=VALUE as in systemd's EnvironmentFile=.
// All faults of the files are reported at once.
// Source: systemd.exec(5).
func LoadSite(dir string) (Site, error) {
	site := DefaultSite()
	files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		return site, fmt.Errorf("listing %q: %w", dir, err)
	}
	var faults []error
	for _, file := range files {
		faults = append(faults, site.load(file))
	}
	return site, errors.Join(faults...)
}

func (s *Site) load(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return &host.Fault{Err: fmt.Errorf("reading site settings: %w", err), Remedy: "make the file readable for everyone: chmod 0644"}
	}
	defer f.Close() //nolint:errcheck // opened for reading
	var faults []error
	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if err := s.set(strings.TrimSpace(key), unquote(strings.TrimSpace(value))); err != nil {
			faults = append(faults, &host.Fault{
				Err:    fmt.Errorf("%s:%d: %w", file, number, err),
				Remedy: "correct that line, podsec-k8s(8) lists the settings",
			})
		}
	}
	return errors.Join(append(faults, lines.Err())...)
}

func (s *Site) set(key, value string) (err error) {
	switch key {
	case "NODE_IP":
		s.NodeIP, err = netip.ParseAddr(value)
	case "POD_CIDR":
		s.PodCIDR, err = netip.ParsePrefix(value)
	case "SERVICE_CIDR":
		s.ServiceCIDR, err = netip.ParsePrefix(value)
	case "SLIRP_CIDR":
		s.SlirpCIDR, err = netip.ParsePrefix(value)
	case "IMAGE_REPOSITORY":
		s.ImageRepository = strings.TrimSuffix(value, "/")
	case "IMAGE_ARCHIVES":
		s.ImageArchives = filepath.SplitList(value)
	case "IMAGE_AUTH_FILE":
		s.ImageAuthFile = value
		if !filepath.IsAbs(value) {
			err = fmt.Errorf("IMAGE_AUTH_FILE %q is no absolute path", value)
		}
	case "NETWORK":
		s.Network = value
	case "MTU":
		s.MTU, err = parseMTU(value)
	default:
		err = fmt.Errorf("unknown setting %q", key)
	}
	return err
}

// parseMTU takes what IPv6 asks for at least and a tap device at most.
func parseMTU(value string) (int, error) {
	mtu, err := strconv.Atoi(value)
	if err == nil && (mtu < 1280 || mtu > 65521) {
		err = fmt.Errorf("mtu %d is not from 1280 to 65521", mtu)
	}
	return mtu, err
}

func unquote(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
