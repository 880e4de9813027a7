package host

import "fmt"

// PortName names a port of tcp or udp, such as 6443/tcp.
func PortName(number int, proto string) string { return fmt.Sprintf("%d/%s", number, proto) }
