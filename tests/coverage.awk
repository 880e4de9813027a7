# Makes a table of what go test -cover prints: each package that has tests, or a goal,
# with how many of its statements they run. All else that go test prints is passed on.
# Its exit status comes on a last line: status N. Ends with 1 for a fault, a package
# below its goal, or a goal of no package.

BEGIN {
	goal["cmd/podsec-k8s"] = 60
	goal["host"] = 75
	goal["host/veth"] = 70
	goal["usernetes"] = 60 # and each room below it
}

match($0, /coverage: [0-9.]+%/) && /^(ok|\t)/ {
	percent = substr($0, RSTART + 10, RLENGTH - 11) + 0
	name = $1 == "ok" ? $2 : $1
	sub(/^.*podsec-k8s\//, "", name)
	seen[name] = 1
	wanted = 0
	if (name in goal)
		wanted = goal[name]
	else if (name ~ /^usernetes\// && name !~ /\/played$/) # which is a part of tests
		wanted = goal["usernetes"]
	if ($1 != "ok" && !wanted)
		next
	note = ""
	if (percent < wanted) {
		note = "  below its goal, " wanted " %"
		failed = 1
	}
	printf "%-24s %5.1f %%%s\n", name, percent, note
	fflush()
	next
}

$1 == "status" && NF == 2 { failed = failed || $2; ended = 1; next }
{ print; fflush() }

END {
	for (name in goal)
		if (!(name in seen)) {
			print "no coverage of " name ", which has a goal"
			failed = 1
		}
	exit failed || !ended
}
