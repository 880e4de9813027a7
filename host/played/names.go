package played

import (
	"fmt"
	"strings"
)

const unitPrefix = "/org/freedesktop/systemd1/unit/"

// escape writes a unit's name as a part of a path.
// Source: sd_bus_path_encode(3).
func escape(unit string) string {
	var b strings.Builder
	for _, c := range []byte(unit) {
		if c >= '0' && c <= '9' && b.Len() > 0 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}
