package usernetes

import "testing"

func TestQuorum(t *testing.T) {
	for _, c := range []struct {
		members, others int
		without, last   bool
	}{
		{1, 0, false, true},
		{2, 1, true, false},
		{2, 0, false, false},
		{3, 2, true, false},
		{3, 1, false, false},
		{4, 3, true, false},
		{4, 2, true, false},
		{5, 3, true, false},
		{5, 2, false, false},
	} {
		q := quorum{members: c.members, others: c.others}
		if q.without() != c.without || q.last() != c.last {
			t.Errorf("%+v: without %v, last %v", q, q.without(), q.last())
		}
	}
}
