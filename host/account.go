package host

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// An Account is a line of /etc/passwd. Source: passwd(5).
type Account struct {
	Name     string
	UID, GID uint32
	Home     string
}

// Accounts reads /etc/passwd; lines of another form are skipped.
func (h *Host) Accounts() ([]Account, error) {
	lines, err := h.colonLines("/etc/passwd", 7)
	if err != nil {
		return nil, message.Errorf("reading accounts: %w", err)
	}
	var all []Account
	for _, f := range lines {
		uid, errUID := parseID(f[2])
		gid, errGID := parseID(f[3])
		if errUID == nil && errGID == nil {
			all = append(all, Account{Name: f[0], UID: uid, GID: gid, Home: f[5]})
		}
	}
	return all, nil
}

// Groups reads the names and ids of /etc/group. Source: group(5).
func (h *Host) Groups() (map[string]uint32, error) {
	lines, err := h.colonLines("/etc/group", 4)
	if err != nil {
		return nil, message.Errorf("reading groups: %w", err)
	}
	all := map[string]uint32{}
	for _, f := range lines {
		if gid, err := parseID(f[2]); err == nil {
			all[f[0]] = gid
		}
	}
	return all, nil
}

// An IDRange is a line of /etc/subuid or /etc/subgid: ids from Start on,
// Count of them. Source: subuid(5).
type IDRange struct {
	Owner        string // a name or a number
	Start, Count uint64
}

// Of reports whether the range is that of a user.
func (r IDRange) Of(user string, uid uint32) bool {
	return r.Owner == user || r.Owner == strconv.FormatUint(uint64(uid), 10)
}

// end is the first id behind the range.
func (r IDRange) end() uint64 {
	if r.Count > math.MaxUint64-r.Start {
		return math.MaxUint64
	}
	return r.Start + r.Count
}

// SubIDRanges reads /etc/subuid or /etc/subgid; that there is none is no
// fault.
func (h *Host) SubIDRanges(path string) ([]IDRange, error) {
	lines, err := h.colonLines(path, 3)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, message.Errorf("reading subordinate ids: %w", err)
	}
	return parseRanges(lines), nil
}

func parseRanges(lines [][]string) []IDRange {
	var all []IDRange
	for _, f := range lines {
		start, errStart := strconv.ParseUint(f[1], 10, 64)
		count, errCount := strconv.ParseUint(f[2], 10, 64)
		if errStart == nil && errCount == nil {
			all = append(all, IDRange{Owner: f[0], Start: start, Count: count})
		}
	}
	return all
}

// colonLines reads a file of lines of a number of fields.
func (h *Host) colonLines(path string, fields int) ([][]string, error) {
	data, err := os.ReadFile(h.path(path))
	if err != nil {
		return nil, err
	}
	return splitColons(data, fields), nil
}

func splitColons(data []byte, fields int) [][]string {
	var lines [][]string
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		if f := strings.Split(scanner.Text(), ":"); len(f) == fields {
			lines = append(lines, f)
		}
	}
	return lines
}

func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}

// LoginDefs reads a number of /etc/login.defs, or gives the default.
// Source: login.defs(5).
func (h *Host) LoginDefs(key string, byDefault uint64) uint64 {
	data, err := os.ReadFile(h.path("/etc/login.defs"))
	if err != nil {
		return byDefault
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			if n, err := strconv.ParseUint(f[1], 0, 64); err == nil {
				return n
			}
		}
	}
	return byDefault
}

// ErrNoRange says that there is no room for a range of ids.
var ErrNoRange = message.New("there is no free range of ids")

// idLimit is the first number that is no id: 2^32-1 means none.
// Source: credentials(7).
const idLimit = math.MaxUint32

// FreeRange finds the lowest count ids, from min on, that overlap no range.
// The error is ErrNoRange when there are none.
func FreeRange(taken []IDRange, minimum, count uint64) (uint64, error) {
	taken = slices.Clone(taken)
	slices.SortFunc(taken, func(a, b IDRange) int {
		if a.Start < b.Start {
			return -1
		}
		if a.Start > b.Start {
			return 1
		}
		return 0
	})
	start := minimum
	for _, r := range taken {
		if start+count <= r.Start {
			break
		}
		start = max(start, r.end())
		if start > idLimit-count {
			return 0, ErrNoRange
		}
	}
	if start > idLimit-count {
		return 0, ErrNoRange
	}
	return start, nil
}

// A SubIDRange is Count uids from UIDStart on, and as many gids from GIDStart
// on.
type SubIDRange struct{ UIDStart, GIDStart, Count uint64 }
