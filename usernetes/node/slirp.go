package node

// SlirpMode has a stack in user space, slirp4netns.
const SlirpMode = "slirp4netns"

func slirpMode() Mode {
	return Mode{
		Name:        SlirpMode,
		RootlessKit: slirpArgs(),
		Device:      TapDevice,
		MTU:         stackMTU,
		Ports:       BesidePorts,
	}
}

// Source: rootlesskit's docs/network.md.
func slirpArgs() []string {
	return []string{"--net=slirp4netns", "--slirp4netns-sandbox=auto", "--slirp4netns-seccomp=auto"}
}
