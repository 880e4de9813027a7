package veth

import (
	"net"
	"net/netip"
	"os"
	"sync"
)

// A Server is the service.
type Server struct {
	UID     uint32       // of the node's user, the only one that is served
	Network netip.Prefix // between namespaces and machine, by root's own settings
	State   string       // file for what was given, for when the server is started again

	mutex     sync.Mutex
	link      *Link // while a connection has one
	owner     *net.UnixConn
	namespace *os.File                 // the owner's
	ports     map[*net.UnixConn][]Port // those of nil are from before a restart
	held      holder                   // what is in force of them
	table     string                   // as nft lists it since it was loaded
	loaded    string                   // as nft was given it
}

func (s *Server) allPorts() []Port {
	all := map[string]Port{}
	for c, ports := range s.ports {
		for _, p := range ports {
			if _, ok := all[p.Key()]; !ok || c != nil {
				all[p.Key()] = p
			}
		}
	}
	var list []Port
	for _, p := range all {
		list = append(list, p)
	}
	return sorted(list)
}
