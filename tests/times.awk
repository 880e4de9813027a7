# Repeats what go test -v prints, and then lists how long each test took. Its exit
# status comes on a last line: status N.

$1 == "status" { status = $2; next }

{ print; fflush() }

$1 == "---" && match($0, /\([0-9.]+s\)$/) {
	seconds = substr($0, RSTART + 1)
	name = substr($0, 1, RSTART - 2)
	sub(/--- /, "", name)
	table[++count] = sprintf("%8.1f s  %s", seconds, name)
}

END {
	for (i = 1; i <= count; i++)
		print table[i]
	exit status
}
